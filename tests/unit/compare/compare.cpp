// SPDX-License-Identifier: Apache-2.0
// What is found between two calls, and of which kind it is.
#include <catch2/catch.hpp>

#include "cryptoki/pkcs11.hpp"
#include "diff/pairs.hpp"
#include "tape/tape_builder.hpp"

using namespace p11tape;
using namespace p11tape::test;
using diff::kind;

namespace {

struct made {
  std::string_view function;
  body enter;
  body leave;  // empty: it never returned
};

render::call_view view(const made& c, unsigned word_size = 8) {
  render::call_view v;
  v.rows = &tape::schema::built_in();
  v.function_number = function_number(c.function);
  v.word_size = word_size;
  v.enter = std::as_bytes(std::span(c.enter.str()));
  if (!c.leave.str().empty()) {
    v.state = tape::call_state::returned;
    v.leave = std::as_bytes(std::span(c.leave.str()));
  }
  return v;
}

diff::differences between(const made& a, const made& b, diff::handle_map& handles, const diff::situation& around = {}) {
  diff::differences found;
  const auto x = view(a), y = view(b);
  diff::arguments(x, y, handles, around, found);
  diff::results(x, y, handles, around, found);
  return found;
}

diff::differences between(const made& a, const made& b, const diff::situation& around = {}) {
  diff::pairs handles;
  return between(a, b, handles, around);
}

body ok() { return body().put(u64{0}); }

made login(u64 session, u64 length, u32 anomalies, u32 number, u64 rv) {
  return {"C_Login", body().words({session, 1, 5, length}).pin_item(2, length, anomalies, number), body().put(rv)};
}

// C_Sign(hSession, pData, ulDataLen, pSignature, pulSignatureLen), with payload
made sign(std::string_view data, std::string_view signature) {
  return {"C_Sign", body().words({1, 1, data.size(), 1, 1}).bytes_item(1, data).number_item(4, 256),
          ok().bytes_item(3, signature).number_item(4, signature.size())};
}

made find(std::string_view label, std::uint64_t object_class = CKO_PRIVATE_KEY) {
  return {"C_FindObjectsInit",
          body().words({1, 1, 2}).template_item(
              1, body().attribute_number(CKA_CLASS, object_class).attribute_bytes(CKA_LABEL, label)),
          ok()};
}

made found_objects(std::initializer_list<u64> handles) {
  return {"C_FindObjects", body().words({1, 1, 10, 1}), ok().numbers_item(1, handles).number_item(3, handles.size())};
}

}  // namespace

TEST_CASE("the same call is the same") {
  CHECK(between(login(1, 8, 0, 1, 0), login(1, 8, 0, 1, 0)).empty());
  CHECK(between(sign("data", "signature"), sign("data", "signature")).empty());
  CHECK(between(find("key"), find("key")).empty());
  // Sessions have other numbers in each run.
  CHECK(between(login(1, 8, 0, 1, 0), login(77, 8, 0, 1, 0)).empty());
}

TEST_CASE("return codes diverge, and nothing behind them is compared") {
  const auto d = between(login(1, 8, 0, 1, CKR_OK), login(1, 8, 0, 1, CKR_PIN_INCORRECT));
  REQUIRE(d.size() == 1);
  CHECK(d[0].what == kind::return_code);
  CHECK(diff::diverges(d[0].what));
  CHECK(diff::in_words(d[0]) == "return value is CKR_OK in A, CKR_PIN_INCORRECT in B");
}

TEST_CASE("PINs differ by what is known of them") {
  CHECK(between(login(1, 8, 0, 1, 0), login(1, 9, 0, 1, 0)).at(0).what == kind::length);
  CHECK(between(login(1, 8, 0, 1, 0), login(1, 8, tape::pin_line_break, 1, 0)).at(0).what == kind::value);
  const auto other = between(login(1, 8, 0, 1, 0), login(1, 8, 0, 2, 0));
  REQUIRE(other.size() == 1);
  CHECK_FALSE(diff::diverge(other));
}

TEST_CASE("attributes are told by their names, whatever their order") {
  const auto d = between(find("my_key3"), find("my_key4"));
  REQUIRE(d.size() == 1);
  CHECK(d[0].where == "pTemplate.CKA_LABEL");
  CHECK(d[0].what == kind::value);
  CHECK(diff::in_words(d[0]) == R"(pTemplate.CKA_LABEL is "my_key3" in A, "my_key4" in B)");
  const made turned{"C_FindObjectsInit",
                    body().words({1, 1, 2}).template_item(
                        1, body().attribute_bytes(CKA_LABEL, "key").attribute_number(CKA_CLASS, CKO_PRIVATE_KEY)),
                    ok()};
  CHECK(between(find("key"), turned).empty());
  const made less{"C_FindObjectsInit",
                  body().words({1, 1, 1}).template_item(1, body().attribute_bytes(CKA_LABEL, "key")), ok()};
  const auto missing = between(find("key"), less);
  REQUIRE(missing.size() == 1);  // and not the count besides
  CHECK(diff::in_words(missing[0]) == "pTemplate.CKA_CLASS is 3 CKO_PRIVATE_KEY in A, not given in B");
}

TEST_CASE("signatures are random or not by their mechanism") {
  const auto d = [](u64 mechanism) {
    diff::situation around;
    around.mechanism = mechanism;
    return between(sign("data", "one"), sign("data", "two"), around);
  };
  CHECK(d(CKM_RSA_PKCS).at(0).what == kind::value);
  CHECK(d(CKM_SHA256_RSA_PKCS_PSS).at(0).what == kind::random);
  CHECK(d(CKM_ECDSA).at(0).what == kind::random);
  CHECK(d(CKM_SHA256_HMAC).at(0).what == kind::value);
  // A random signature still has its length.
  diff::situation pss;
  pss.mechanism = CKM_RSA_PKCS_PSS;
  const auto longer = between(sign("data", "one"), sign("data", "three"), pss);
  REQUIRE(longer.size() == 1);
  CHECK(longer[0].what == kind::length);
}

TEST_CASE("what was signed is the application's, its length is not") {
  diff::situation around;
  around.other_data = true;
  around.mechanism = CKM_RSA_PKCS;
  const auto other = between(sign("data", "one"), sign("DATA", "two"), around);
  REQUIRE(other.size() == 2);
  CHECK(other[0].what == kind::data);
  CHECK(other[1].what == kind::data);
  const auto longer = between(sign("data", "one"), sign("longer data", "one"));
  REQUIRE(longer.size() == 1);
  CHECK(longer[0].what == kind::length);
  CHECK(longer[0].where == "pData");
}

TEST_CASE("handles are compared by what they are paired with") {
  diff::pairs handles;
  CHECK(between(found_objects({5, 6}), found_objects({15, 16}), handles).empty());
  const auto turned = between(found_objects({5, 6}), found_objects({16, 15}), handles);
  REQUIRE(turned.size() == 1);
  CHECK(turned[0].what == kind::order);
  const auto use = [](u64 key) {
    return made{"C_SignInit", body().words({1, 1, key}).mechanism_item(1, CKM_RSA_PKCS, 0), ok()};
  };
  diff::pairs fixed;
  fixed.pair(diff::handle_kind::object, 5, 15);
  fixed.pair(diff::handle_kind::object, 6, 16);
  CHECK(between(use(5), use(15), fixed).empty());
  const auto wrong = between(use(5), use(16), fixed);
  REQUIRE(wrong.size() == 1);
  CHECK(wrong[0].what == kind::handle);
  CHECK(wrong[0].where == "hKey");
}

TEST_CASE("found objects may come in another order") {
  struct fixed : diff::handle_map {
    bool same(diff::handle_kind, u64 a, u64 b, bool) override { return b == a + 10 || a == b; }
  } handles;
  const auto turned = between(found_objects({5, 6, 7}), found_objects({17, 15, 16}), handles);
  REQUIRE(turned.size() == 1);
  CHECK(turned[0].what == kind::order);
  const auto fewer = between(found_objects({5, 6, 7}), found_objects({15, 16}), handles);
  REQUIRE(fewer.size() == 1);
  CHECK(fewer[0].what == kind::length);
}

TEST_CASE("what a tape does not have is no divergence") {
  const made withheld{"C_Sign", body().words({1, 1 | 4, 4, 1, 1}).number_item(4, 256), ok().number_item(4, 3)};
  CHECK_FALSE(diff::diverge(between(sign("data", "one"), withheld)));
  CHECK(between(withheld, withheld).empty());
}

TEST_CASE("token info: clock and counts are of the moment") {
  const auto info = [](u64 sessions, std::string_view label, std::string_view clock) {
    auto fields =
        body().words({0, 0, 0, 0, 0x40d, 0, sessions, 0, 0, 255, 4, ~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}, 0, 0, 0});
    fields.bytes_item(0, label).bytes_item(17, clock);
    return made{"C_GetTokenInfo", body().words({1, 1}), ok().record_item(1, "CK_TOKEN_INFO", fields)};
  };
  const auto passing = between(info(1, "token", "2026010112000000"), info(2, "token", "2026010212000000"));
  REQUIRE(passing.size() == 2);
  CHECK(passing[0].what == kind::moment);
  CHECK(passing[1].what == kind::moment);
  const auto other = between(info(1, "token", "x"), info(1, "TOKEN", "x"));
  REQUIRE(other.size() == 1);
  CHECK(other[0].what == kind::value);
  CHECK(other[0].where == "pInfo.label");
}

TEST_CASE("keys' values are random where keys are generated") {
  const auto modulus = [](std::string_view value) {
    return made{"C_GetAttributeValue", body().words({1, 2, 1, 1}),
                ok().template_item(2, body().attribute_bytes(CKA_MODULUS, value))};
  };
  CHECK(between(modulus("one"), modulus("two")).at(0).what == kind::value);
  diff::situation fresh;
  fresh.fresh_object = true;
  CHECK(between(modulus("one"), modulus("two"), fresh).at(0).what == kind::random);
}

TEST_CASE("a call that never returned diverges from one that did") {
  const made hung{"C_Logout", body().words({1}), {}};
  const made fine{"C_Logout", body().words({1}), ok()};
  const auto d = between(fine, hung);
  REQUIRE(d.size() == 1);
  CHECK(d[0].what == kind::ending);
  CHECK(diff::in_words(d[0]) == "ending is returned CKR_OK in A, never returned in B");
}

TEST_CASE("the size of the caller's buffer does not matter") {
  auto roomy = sign("data", "one");
  auto close = sign("data", "one");
  close.enter = body().words({1, 1, 4, 1, 1}).bytes_item(1, "data").number_item(4, 128);
  const auto d = between(roomy, close);
  REQUIRE_FALSE(d.empty());
  CHECK_FALSE(diff::diverge(d));
  for (const auto& one : d) CHECK(one.what == kind::pointer);
}

TEST_CASE("a thread of a replayer's look-ups is told by its first record") {
  tape_builder made;
  auto& marked = made.chunk();
  marked.record(5, 0, 0, 0).text(tape::lookup_thread_name).pad();
  marked.enter("C_Logout", 1).words({1});
  auto& plain = made.chunk(kept, made.thread(2, 4712));
  plain.enter("C_Logout", 1).words({1});
  plain.record(5, 0, 0, 0).text(tape::lookup_thread_name).pad();
  temporary_folder folder;
  const tape::reader reader(folder.write(made.bytes()));
  REQUIRE(reader.threads().size() == 2);
  CHECK(diff::is_lookup_thread(reader, 0));
  CHECK_FALSE(diff::is_lookup_thread(reader, 1));
}
