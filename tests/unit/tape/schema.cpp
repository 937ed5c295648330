// SPDX-License-Identifier: Apache-2.0
// A tape is read by its own rows: those of other versions, and of damaged ones.
#include <catch2/catch.hpp>

#include "tape/calls_of.hpp"

using namespace p11tape;
using namespace p11tape::test;
using cryptoki::shape;

TEST_CASE("the schema that this version writes is its own rows") {
  std::string trouble;
  const auto s = tape::schema::parse(cryptoki::schema_text(), trouble);
  CHECK(trouble.empty());
  CHECK(s.functions().data() == tape::schema::built_in().functions().data());
}

TEST_CASE("parsing the text gives the rows that the compiler made") {
  // A line of an unknown kind, so that the text is not recognised as our own.
  const auto text = std::string(cryptoki::schema_text()) + "X something\n of a newer version\n";
  std::string trouble;
  const auto s = tape::schema::parse(text, trouble);
  CHECK(trouble.empty());
  REQUIRE(s.functions().size() == cryptoki::function_count);
  REQUIRE(s.structs().size() == cryptoki::record_count);
  const auto same = [](std::span<const cryptoki::field> a, std::span<const cryptoki::field> b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      INFO(a[i].name);
      CHECK(a[i].name == b[i].name);
      CHECK(a[i].type == b[i].type);
      CHECK(a[i].meaning == b[i].meaning);
      CHECK(a[i].count == b[i].count);
      CHECK(a[i].cap == b[i].cap);
      CHECK(a[i].fixed == b[i].fixed);
      CHECK(a[i].kind == b[i].kind);
      CHECK(a[i].way == b[i].way);
      CHECK(a[i].secret == b[i].secret);
      CHECK_FALSE(a[i].broken);
    }
  };
  for (std::size_t i = 0; i < s.functions().size(); ++i) {
    const auto& mine = cryptoki::functions[i];
    CHECK(s.functions()[i].name == mine.name);
    CHECK(s.functions()[i].does == mine.does);
    CHECK(s.functions()[i].family == mine.family);
    same(s.functions()[i].arguments, mine.arguments);
  }
  for (std::size_t i = 0; i < s.structs().size(); ++i) same(s.structs()[i].fields, cryptoki::records[i].fields);
}

TEST_CASE("functions and arguments that a newer version has added are read") {
  tape_builder tape;
  auto& text = tape.schema;
  // An argument more at the end of C_Logout, notes and types that we do not know, and a new function.
  const std::string logout = "F C_Logout v2_40 login logout\n CK_SESSION_HANDLE hSession\n";
  const auto at = text.find(logout);
  REQUIRE(at != std::string::npos);
  text.insert(at + logout.size(), " CK_ULONG ulExtra of newer_things glowing\n CK_SHINY shiny\n");
  text +=
      "F C_Newest v9_0 shiny glow\n CK_SESSION_HANDLE hSession\n CK_BYTE_PTR pData in[ulDataLen] public\n CK_ULONG "
      "ulDataLen\n";
  auto& c = tape.chunk();
  c.enter("C_Logout", 1).words({1, 17, 18});
  c.leave("C_Logout", 1, 0);
  auto& r = c.record(1, static_cast<u16>(cryptoki::function_count), 2, 0);
  r.words({5, 1, 3}).bytes_item(1, "abc");
  temporary_folder folder;
  const tape::reader reader(folder.write(tape.bytes()));
  CHECK_FALSE(reader.damage().any());
  model::call_stream stream(reader);
  const auto* call = stream.next();
  REQUIRE(call->arguments().size() == 3);
  CHECK(call->arguments().row()[1].name == "ulExtra");
  CHECK(call->arguments().row()[1].broken);
  CHECK(call->arguments().word(1) == 17);
  CHECK(call->arguments().row()[2].broken);
  CHECK(call->function->does == cryptoki::effect::logout);
  call = stream.next();
  CHECK(call->function->name == "C_Newest");
  CHECK(call->function->does == cryptoki::effect::none);
  tape::item_view item;
  REQUIRE(call->arguments().find(1, item));
  CHECK(item.payload.size() == 3);
}

TEST_CASE("a call of a function that the tape does not describe is a call nevertheless") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.record(1, 4000, 1, 0).words({1, 2, 3});
  c.record(2, 4000, 1, 0).put(u64{5});
  CHECK(calls_of(tape) == lines{"1 ? returned 5"});
}

TEST_CASE("a damaged schema is replaced by our own rows, and that is said") {
  const auto with = [](const std::string& text) {
    tape_builder tape;
    tape.schema = text;
    tape.chunk().enter("C_GetInfo", 1).words({1});
    temporary_folder folder;
    const tape::reader r(folder.write(tape.bytes()));
    REQUIRE(r.damage().notes.size() == 1);
    CHECK(r.rows().functions().size() == cryptoki::function_count);
    CHECK(calls_of(r) == lines{"1 C_GetInfo in flight"});
    return r.damage().notes[0];
  };
  const std::string good(cryptoki::schema_text());
  CHECK_THAT(with(""), Catch::Contains("missing"));
  CHECK_THAT(with(good.substr(0, good.find("\nF ") + 1)), Catch::Contains("missing"));
  CHECK_THAT(with(" CK_ULONG lost\n" + good), Catch::Contains("line 1"));
  CHECK_THAT(with(good + "F C_Cut"), Catch::Contains("line"));
  auto flipped = good;
  flipped[good.find("C_Login")] = '\x1b';
  CHECK_THAT(with(flipped), Catch::Contains("line"));
}
