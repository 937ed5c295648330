// SPDX-License-Identifier: Apache-2.0
// Tapes whose description of themselves is not this program's: by it a function can do anything, and lack the arguments
// that those of that effect have here.
#include <set>

#include "cryptoki/tables.hpp"
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

constexpr u64 rw = CKF_SERIAL_SESSION | CKF_RW_SESSION;

// Calls that work and calls that fail, of every family.
void tell(tape_story& s) {
  s.initialize().slot_list({5}).token_info(5, {.label = "token"}).mechanisms(5, {CKM_RSA_PKCS}).open(5, 1, rw);
  s.login(1, CKR_PIN_INCORRECT).login(1).find(1, CKO_PRIVATE_KEY, "key", "", {7});
  s.describe(1, 7, CKO_PRIVATE_KEY, "key", "01").read(1, 7, CKA_MODULUS, CKR_ATTRIBUTE_SENSITIVE);
  s.sign_init(1, CKM_RSA_PKCS, 7).sign(1).sign_init(1, CKM_RSA_PKCS, 8, CKR_KEY_HANDLE_INVALID);
  s.call("C_DestroyObject", {1, 7}, CKR_SESSION_READ_ONLY).call("C_Logout", {1}).close(1).finalize();
}

// The schema with every function's effect replaced, and with names that nobody knows.
std::string changed(std::string_view schema, std::string_view effect, bool unknown_names) {
  std::string all;
  for (std::size_t at = 0; at < schema.size();) {
    const auto end = std::min(schema.find('\n', at), schema.size());
    std::string line(schema.substr(at, end - at));
    at = end + 1;
    if (line.starts_with("F ")) {
      line = line.substr(0, line.rfind(' ') + 1) + std::string(effect);
      if (unknown_names) line.replace(2, 2, "X_");
    }
    all += line + "\n";
  }
  return all;
}

std::set<std::string_view> effects() {
  std::set<std::string_view> all;
  for (const auto& f : cryptoki::functions) all.insert(f.effect_name);
  return all;
}

u64 calls_of(const told& t) {
  u64 calls = 0;
  for (const auto& f : t.processes.front().tally.all()) calls += f.calls;
  return calls;
}

TEST_CASE("a tape by whose schema all functions have one effect is diagnosed") {
  tape_story plain;
  tell(plain);
  const auto calls = calls_of(plain.diagnose());
  CHECK(calls > 10);
  const expect_general any;
  for (const auto effect : effects())
    for (const bool unknown_names : {false, true}) {
      tape_story s;
      tell(s);
      s.builder().schema = changed(s.builder().schema, effect, unknown_names);
      const auto t = s.diagnose();
      INFO(effect);
      CHECK(calls_of(t) == calls);
      CHECK_FALSE(t.text(true).empty());
    }
}

TEST_CASE("functions that this program does not know are counted as one row without a name of their own") {
  tape_story s;
  tell(s);
  s.builder().schema = changed(s.builder().schema, "none", true);
  const expect_general any;
  const auto t = s.diagnose();
  CHECK(t.processes.front().tally.of(cryptoki::unknown_function).calls == calls_of(t));
  CHECK(t.text(true).find("an unknown function") != std::string::npos);
}

}  // namespace
}  // namespace p11tape::test
