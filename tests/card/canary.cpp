// SPDX-License-Identifier: Apache-2.0
// PINs set, changed, unblocked and mistaken through real OpenSC: no byte of them on the tape, and no length.
#include <algorithm>
#include <map>

#include "rig.hpp"

namespace p11tape::card_tests {
namespace {

using contract::run;

constexpr auto so_pin = "3537363231383830";

// All that can be done with PINs: given, mistaken, changed, blocked, set anew by the security officer, and the token
// initialised.
void everything_with_pins(const std::vector<std::string>& pins) {
  bring_reader();
  const contract::shim shim;
  session s(shim.list());
  EXPECT_EQ(s.login("648219"), CK_RV{CKR_OK});
  EXPECT_EQ(s.set_pin("648219", pins[0]), CK_RV{CKR_OK});
  EXPECT_EQ(s.list->C_Logout(s.handle), CK_RV{CKR_OK});
  for (int i = 0; i < 3; ++i) EXPECT(s.login(pins[1]) != CKR_OK);
  EXPECT_EQ(s.login(pins[0]), CK_RV{CKR_PIN_LOCKED});
  EXPECT_EQ(s.login(so_pin, CKU_SO), CK_RV{CKR_OK});
  EXPECT_EQ(s.list->C_InitPIN(s.handle, utf8(pins[2]), pins[2].size()), CK_RV{CKR_OK});
  EXPECT_EQ(s.list->C_Logout(s.handle), CK_RV{CKR_OK});
  EXPECT_EQ(s.login(pins[2]), CK_RV{CKR_OK});
  EXPECT_EQ(s.list->C_CloseAllSessions(s.slot), CK_RV{CKR_OK});
  const std::string officer = so_pin;
  CK_UTF8CHAR label[33] = "canary                          ";
  EXPECT_EQ(s.list->C_InitToken(s.slot, utf8(officer), officer.size(), label), CK_RV{CKR_OK});
  s.list->C_Finalize(nullptr);
}

struct recorded {
  std::string bytes;                   // of the tape
  std::vector<std::string> exchanges;  // facts without times
};

std::string facts_of(const exchange& e) {
  std::string text;
  const auto add = [&](auto n) { text += std::to_string(n) + " "; };
  add(static_cast<int>(e.raw.function));
  for (const auto b : {e.raw.cla, e.raw.ins, e.raw.p1, e.raw.p2}) add(b);
  add(e.raw.flags);
  add(e.raw.status_word);
  add(e.raw.result);
  add(e.raw.length);
  add(e.raw.expected);
  add(e.raw.received);
  for (const auto b : e.data) add(std::to_integer<int>(b));
  return text;
}

recorded record(const std::vector<std::string>& pins) {
  const scratch dir;
  const auto ran = run(surroundings(opensc(), "sc-hsm", dir.path()), [&] { everything_with_pins(pins); });
  INFO(ran.describe());
  REQUIRE(ran.clean());
  recorded r;
  r.bytes = contract::read_file(contract::tapes(dir.path()).at(0));
  for (const auto& c : calls_in(dir.path()))
    for (const auto& e : c.exchanges)
      if (c.function != "C_Initialize") r.exchanges.push_back(c.function + " " + facts_of(e));
  return r;
}

}  // namespace

TEST_CASE("no PIN, and no length of one, through OpenSC") {
  if (opensc().empty()) SKIP("OpenSC is not installed");
  const std::vector<std::string> shorter{"Qk7vZp", "Xw3fTb", "Jd9mRs"};
  const std::vector<std::string> longer{"Qk7vZpLhY5c", "Xw3fTbNg8u2aK", "Jd9mRsEe4oVi"};
  const auto a = record(shorter);
  const auto b = record(longer);
  std::vector<std::string> secrets{"648219", so_pin, "57621880"};
  for (const auto* const pins : {&shorter, &longer}) secrets.insert(secrets.end(), pins->begin(), pins->end());
  for (const auto& secret : secrets) {
    INFO(secret);
    CHECK(a.bytes.find(secret) == std::string::npos);
    CHECK(b.bytes.find(secret) == std::string::npos);
  }
  const std::string raw_officer = "\x35\x37\x36\x32\x31\x38\x38\x30";
  CHECK(a.bytes.find(raw_officer) == std::string::npos);
  // The commands are there: the test would see them if they told more.
  const auto with = [&](const std::string& start) {
    return std::count_if(a.exchanges.begin(), a.exchanges.end(), [&](const auto& e) { return e.starts_with(start); });
  };
  CHECK(with("C_SetPIN 1 0 36 ") == 1);
  CHECK(with("C_Login 1 0 32 ") >= 5);
  CHECK(with("C_InitPIN 1 0 44 ") == 1);
  CHECK(with("C_InitToken 1 128 80 ") == 1);
  // With other PINs of other lengths every exchange is the same.
  CHECK(a.exchanges == b.exchanges);
}

}  // namespace p11tape::card_tests
