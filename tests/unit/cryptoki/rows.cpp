// SPDX-License-Identifier: Apache-2.0
// The parser of a row's notes, what the rows must hold together, and the rows as text.
#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cryptoki/tables.hpp"

namespace {

using namespace p11tape::cryptoki;

field parse(std::string_view type, std::string_view notes) { return parse_field(types, type, "x", notes); }

TEST_CASE("good notes", "[cryptoki][rows]") {
  const auto pin = parse("CK_UTF8CHAR_PTR", "in[ulPinLen] pin");
  CHECK_FALSE(pin.broken);
  CHECK(pin.kind == shape::bytes);
  CHECK(pin.way == flow::in);
  CHECK(pin.counted_by == "ulPinLen");
  CHECK(pin.secret == redaction_class::pin);

  const auto found = parse("CK_OBJECT_HANDLE_PTR", "out[pulObjectCount] max[ulMaxObjectCount]");
  CHECK_FALSE(found.broken);
  CHECK(found.way == flow::out);
  CHECK(found.counted_by == "pulObjectCount");
  CHECK(found.capped_by == "ulMaxObjectCount");
  CHECK(found.meaning == "object");

  const auto tag = parse("CK_BYTE_PTR", "inout[ulTagBits/8] parameter");
  CHECK_FALSE(tag.broken);
  CHECK(tag.way == flow::inout);
  CHECK(tag.counts_bits);
  CHECK(tag.counted_by == "ulTagBits");

  const auto label = parse("CK_UTF8CHAR_PTR", "in[32] identity");
  CHECK(label.fixed == 32);
  CHECK(label.counted_by == "");

  const auto array = parse("CK_UTF8CHAR", "[16] identity");
  CHECK_FALSE(array.broken);
  CHECK(array.fixed == 16);
  CHECK(array.way == flow::none);

  const auto name = parse("CK_UTF8CHAR_PTR", "in string public");
  CHECK(name.terminated);
  CHECK(name.secret == redaction_class::open);

  const auto flags = parse("CK_FLAGS", "of session_flags");
  CHECK(flags.meaning == "session_flags");

  const auto args = parse("CK_VOID_PTR", "in as CK_C_INITIALIZE_ARGS");
  CHECK(args.target == "CK_C_INITIALIZE_ARGS");
  CHECK(args.secret == redaction_class::scalar);
}

TEST_CASE("what a row does not say is taken for the worst", "[cryptoki][rows]") {
  CHECK(parse("CK_BYTE_PTR", "in[n]").secret == redaction_class::key);
  CHECK(parse("CK_UTF8CHAR_PTR", "").secret == redaction_class::key);
  CHECK(parse("CK_VOID_PTR", "").secret == redaction_class::opaque);
  CHECK(parse("CK_NOTIFY", "").secret == redaction_class::opaque);
  CHECK(parse("CK_ULONG", "").secret == redaction_class::scalar);
}

TEST_CASE("broken notes are found", "[cryptoki][rows]") {
  CHECK(parse("CK_NO_SUCH_TYPE", "in").broken);
  CHECK(parse("CK_BYTE_PTR", "inn[n] key").broken);
  CHECK(parse("CK_BYTE_PTR", "in[n key").broken);
  CHECK(parse("CK_BYTE_PTR", "in[] key").broken);
  CHECK(parse("CK_BYTE_PTR", "in[n] secret").broken);
  CHECK(parse("CK_BYTE_PTR", "in[n]key").broken);
}

TEST_CASE("counting fields are looked up in their row", "[cryptoki][rows]") {
  std::array good{parse_field(types, "CK_BYTE_PTR", "p", "out[n] max[m] key"), parse_field(types, "CK_ULONG", "n", ""),
                  parse_field(types, "CK_ULONG", "m", "")};
  link_fields(good);
  CHECK(good[0].count == 1);
  CHECK(good[0].cap == 2);
  CHECK_FALSE(good[0].broken);
  std::array bad{parse_field(types, "CK_BYTE_PTR", "p", "in[n] key"), parse_field(types, "CK_ULONG", "m", "")};
  link_fields(bad);
  CHECK(bad[0].broken);
}

// ---- The rows as a whole ----

void check_row(std::string_view where, std::span<const field> row) {
  std::set<std::string_view> seen;
  for (const auto& f : row) {
    INFO(where << "." << f.name);
    CHECK(seen.insert(f.name).second);
    CHECK_FALSE(f.broken);
    if (f.count >= 0) {
      const auto kind = row[static_cast<std::size_t>(f.count)].kind;
      CHECK((kind == shape::number || kind == shape::numbers));
    }
    if (f.cap >= 0) CHECK(row[static_cast<std::size_t>(f.cap)].kind == shape::number);
    // Memory behind a pointer: which way it goes, and how much of it there is, must be known; otherwise nobody follows
    // it.
    const bool counted = f.count >= 0 || f.fixed != 0 || f.terminated;
    if (f.kind == shape::bytes && f.secret != redaction_class::opaque) {
      CHECK(counted);
      CHECK(f.way != flow::none);
    }
    if (f.kind == shape::attributes) CHECK(counted);
    if (f.kind == shape::numbers || f.kind == shape::records || f.kind == shape::mechanism) CHECK(f.way != flow::none);
    if (f.kind == shape::address && f.secret != redaction_class::opaque) {
      CHECK(f.way != flow::none);
      CHECK((counted || record_named(f.target) < record_count));
    }
    if (f.kind == shape::address && !f.target.empty() && f.target != "message_parameter")
      CHECK(record_named(f.target) < record_count);
    if (f.kind == shape::records || f.kind == shape::record || f.kind == shape::interface)
      CHECK(record_named(f.meaning) < record_count);
    // A number of a struct can be an output by itself.
    if (!is_pointer(f.kind)) CHECK((f.way == flow::none || (f.way == flow::out && f.kind == shape::number)));
  }
}

TEST_CASE("the rows make sense", "[cryptoki][rows]") {
  for (const auto& f : functions) check_row(f.name, f.arguments);
  for (const auto& r : records) check_row(r.name, r.fields);
}

TEST_CASE("an operation's functions come with the effects of their names", "[cryptoki][rows]") {
  for (const auto& f : functions) {
    INFO(f.name);
    const bool init = f.name.ends_with("Init") && f.family != "search";
    CHECK((f.does == effect::begin) == init);
    const bool opens = f.does == effect::open_session;
    CHECK(opens == (f.name == "C_OpenSession"));
    if (f.does == effect::create_object) {
      const auto& last = f.arguments.back();
      CHECK(last.type == "CK_OBJECT_HANDLE_PTR");
      CHECK(last.way == flow::out);
    }
  }
}

// ---- Mechanisms ----

std::vector<std::string> words(std::string_view text) {
  std::istringstream in{std::string{text}};
  std::vector<std::string> result;
  for (std::string w; in >> w;) result.push_back(w);
  return result;
}

bool is_struct(std::string_view word) { return record_named(word) < record_count; }

TEST_CASE("every layout of a mechanism is known", "[cryptoki][mechanisms]") {
  const std::set<std::string> known{"none", "iv", "number", "handle", "version", "bytes", "unknown"};
  for (const auto& m : mechanisms()) {
    INFO(m.name << ": " << m.layouts);
    const auto layouts = words(m.layouts);
    REQUIRE_FALSE(layouts.empty());
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      if (layouts[i] == "message" || layouts[i] == "wrap") {
        REQUIRE(i + 1 < layouts.size());
        CHECK(is_struct(layouts[++i]));
      } else {
        CHECK((known.contains(layouts[i]) || is_struct(layouts[i])));
      }
    }
  }
}

TEST_CASE("two structs of one mechanism differ in length", "[cryptoki][mechanisms]") {
  // They are told apart by it, and by nothing else. The two of PBKD2 are the standard's own mistake: the last word is a
  // length in the one and a pointer to a length in the other, and its size tells.
  for (const auto& m : mechanisms()) {
    if (m.type == CKM_PKCS5_PBKD2) continue;
    std::set<std::size_t> sizes;
    std::string before;
    for (const auto& w : words(m.layouts)) {
      INFO(m.name << ": " << w);
      if (is_struct(w) && before != "message" && before != "wrap")
        CHECK(sizes.insert(records[record_named(w)].size).second);
      before = w;
    }
  }
}

TEST_CASE("every struct of parameters belongs to a mechanism", "[cryptoki][mechanisms]") {
  std::set<std::string, std::less<>> used;
  for (const auto& m : mechanisms())
    for (const auto& w : words(m.layouts)) used.insert(w);
  // Structs inside structs: the used ones lead to more of them.
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& r : records)
      if (used.contains(r.name))
        for (const auto& f : r.fields)
          if (is_struct(f.meaning)) grown |= used.insert(std::string{f.meaning}).second;
  }
  const std::set<std::string_view> unused{
      "CK_ECDH2_DERIVE_PARAMS",  // for a mechanism that the standard never defined
      "CK_AES_GCM_PARAMS",       // older name of CK_GCM_PARAMS, with the same layout
      "CK_AES_CCM_PARAMS",       // older name of CK_CCM_PARAMS, with the same layout
  };
  for (const auto& r : records) {
    INFO(r.name);
    const bool parameters = r.name.ends_with("_PARAMS") || r.name.ends_with("_PARAM") || r.name.ends_with("_PARAMS2") ||
                            r.name.ends_with("_CONTEXT");
    if (parameters) CHECK(used.contains(r.name) != unused.contains(r.name));
  }
}

// ---- The rows as text ----

TEST_CASE("the schema text, parsed by the same parser, is the rows again", "[cryptoki][schema]") {
  std::istringstream text{std::string{schema_text()}};
  std::vector<std::string> type_names, struct_names, function_names;
  std::span<const field> row;
  std::size_t at = 0, fields = 0;
  const auto finish = [&] { CHECK(at == row.size()); };
  for (std::string line; std::getline(text, line);) {
    INFO(line);
    const auto parts = words(line);
    if (line[0] == 'T') {
      REQUIRE(parts.size() == 4);
      type_names.push_back(parts[1]);
    } else if (line[0] == 'S' || line[0] == 'F') {
      finish();
      at = 0;
      if (line[0] == 'S') {
        REQUIRE(struct_names.size() < record_count);
        row = records[struct_names.size()].fields;
        struct_names.push_back(parts[1]);
        CHECK(records[struct_names.size() - 1].name == parts[1]);
      } else {
        REQUIRE(function_names.size() < function_count);
        const auto& f = functions[function_names.size()];
        row = f.arguments;
        function_names.push_back(parts[1]);
        CHECK(line == "F " + std::string{f.name} + " " + parts[2] + " " + std::string{f.family} + " " +
                          std::string{f.effect_name});
      }
    } else {
      REQUIRE(line[0] == ' ');
      REQUIRE(at < row.size());
      const auto& expected = row[at++];
      std::string notes = line.substr(1);
      notes = notes.substr(parts[0].size() + 1 + parts[1].size());
      const auto parsed = parse_field(types, parts[0], parts[1], notes);
      CHECK_FALSE(parsed.broken);
      CHECK(parsed.name == expected.name);
      CHECK(parsed.kind == expected.kind);
      CHECK(parsed.way == expected.way);
      CHECK(parsed.secret == expected.secret);
      CHECK(parsed.counted_by == expected.counted_by);
      CHECK(parsed.meaning == expected.meaning);
      ++fields;
    }
  }
  finish();
  CHECK(type_names.size() == std::size(types));
  CHECK(struct_names.size() == record_count);
  CHECK(function_names.size() == function_count);
  CHECK(fields > 404);
}

}  // namespace
