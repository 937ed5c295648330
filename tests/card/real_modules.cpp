// SPDX-License-Identifier: Apache-2.0
// OpenSC and ykcs11 with a virtual card behind them: what the card said, under the call that asked it.
#include <thread>

#include "card/status.hpp"
#include "rig.hpp"

namespace p11tape::card_tests {
namespace {

using card::outcome;
using contract::run;

constexpr std::uint8_t verify = 0x20;

// In the host: a number for the test.
void tell(unsigned long number) {
  std::printf("%lu", number);
  std::fflush(stdout);
}

// Right, and wrong until it is blocked.
void log_in_until_blocked(const std::string& right) {
  auto& reader = bring_reader();
  const contract::shim shim;
  const session s(shim.list());
  EXPECT_EQ(s.login(right), CK_RV{CKR_OK});
  EXPECT_EQ(s.list->C_Logout(s.handle), CK_RV{CKR_OK});
  EXPECT_EQ(s.login("999999"), CK_RV{CKR_PIN_INCORRECT});
  EXPECT_EQ(s.login("999999"), CK_RV{CKR_PIN_INCORRECT});
  EXPECT_EQ(s.login("999999"), CK_RV{CKR_PIN_LOCKED});
  EXPECT_EQ(s.login(right), CK_RV{CKR_PIN_LOCKED});
  s.list->C_Finalize(nullptr);
  tell(reader.transmitted);
}

void test_logins(const std::string& module, const char* card, const std::string& right) {
  const scratch dir;
  const auto ran = run(surroundings(module, card, dir.path()), [&] { log_in_until_blocked(right); });
  INFO(ran.describe());
  REQUIRE(ran.clean());
  const auto calls = calls_in(dir.path());
  CHECK(apdu_property(dir.path()) == "on");
  // Each that reached the card is on the tape, once, and under a call.
  CHECK(std::to_string(transmitted(calls)) == ran.out);
  const auto logins = named(calls, "C_Login");
  REQUIRE(logins.size() == 5);
  std::string words;
  for (const auto& l : logins) {
    REQUIRE(!l.exchanges.empty());
    for (const auto& e : l.exchanges)
      if (e.raw.ins == verify && e.raw.has(tape::exchange_has_data)) words += e.sw() + " ";
  }
  CHECK(words == "9000 63C2 63C1 6983 6983 ");
  const auto& second_try = logins[2].exchanges.back();
  CHECK(second_try.what == outcome::wrong_pin);
  CHECK(second_try.tries == 1);
  CHECK(logins[3].exchanges.back().what == outcome::blocked);
  for (const auto& c : calls)
    for (const auto& e : c.exchanges) CHECK(e.raw.ended >= e.raw.began);
}

// Does something to the reader between two calls; gives the exchanges of the call behind.
std::vector<exchange> after(virtual_card::trouble what, CK_RV& rv) {
  const scratch dir;
  const auto ran = run(surroundings(opensc(), "sc-hsm", dir.path()), [&] {
    auto& reader = bring_reader();
    const contract::shim shim;
    const session s(shim.list());
    reader.now = what;
    tell(s.login("648219"));
  });
  INFO(ran.describe());
  CHECK(ran.clean());
  rv = std::strtoul(ran.out.c_str(), nullptr, 10);
  const auto logins = named(calls_in(dir.path()), "C_Login");
  REQUIRE(logins.size() == 1);
  CHECK(logins[0].rv == rv);
  return logins[0].exchanges;
}

bool any(const std::vector<exchange>& all, outcome what) {
  return std::any_of(all.begin(), all.end(), [&](const auto& e) { return e.what == what; });
}

}  // namespace

#define NEED(path, name) \
  if ((path).empty()) SKIP(name " is not installed")

TEST_CASE("OpenSC and a SmartCard-HSM: right, wrong, blocked") {
  NEED(opensc(), "OpenSC");
  test_logins(opensc(), "sc-hsm", "648219");
}

TEST_CASE("OpenSC and a PIV card: right, wrong, blocked") {
  NEED(opensc(), "OpenSC");
  test_logins(opensc(), "piv", "123456");
}

TEST_CASE("ykcs11 and a PIV card: right, wrong, blocked") {
  NEED(ykcs11(), "ykcs11");
  test_logins(ykcs11(), "piv", "123456");
}

TEST_CASE("a card that is pulled") {
  NEED(opensc(), "OpenSC");
  CK_RV rv = 0;
  const auto seen = after(virtual_card::trouble::removed, rv);
  CHECK(rv != CKR_OK);
  REQUIRE(any(seen, outcome::removed));
  for (const auto& e : seen) CHECK(!e.raw.has(tape::exchange_has_status));
}

TEST_CASE("a card that another program resets") {
  NEED(opensc(), "OpenSC");
  CK_RV rv = 0;
  CHECK(any(after(virtual_card::trouble::reset, rv), outcome::reset));
}

TEST_CASE("a card that another program holds") {
  NEED(opensc(), "OpenSC");
  CK_RV rv = 0;
  CHECK(any(after(virtual_card::trouble::exclusive, rv), outcome::held));
  CHECK(rv != CKR_OK);
}

TEST_CASE("a reader that fails") {
  NEED(opensc(), "OpenSC");
  CK_RV rv = 0;
  CHECK(any(after(virtual_card::trouble::broken, rv), outcome::reader_failed));
  CHECK(rv != CKR_OK);
}

TEST_CASE("OpenSC behind p11-kit's proxy") {
  NEED(opensc(), "OpenSC");
  NEED(p11_kit_proxy(), "p11-kit");
  const scratch dir;
  const scratch home;
  std::filesystem::create_directories(home / ".config/pkcs11/modules");
  const auto write = [&](const char* name, const std::string& text) {
    std::FILE* const f = std::fopen((home / name).c_str(), "w");
    REQUIRE(f != nullptr);
    std::fputs(text.c_str(), f);
    std::fclose(f);
  };
  write(".config/pkcs11/pkcs11.conf", "user-config: only\n");
  write(".config/pkcs11/modules/card.module", "module: " + opensc() + "\n");
  auto s = surroundings(p11_kit_proxy(), "sc-hsm", dir.path());
  s.env.emplace_back("HOME", home.path().string());
  s.env.emplace_back("XDG_CONFIG_HOME", (home / ".config").string());
  RUN_CLEAN(s, [] {
    bring_reader();
    const contract::shim shim;
    const session with(shim.list());
    EXPECT_EQ(with.login("648219"), CK_RV{CKR_OK});
    EXPECT_EQ(with.list->C_Logout(with.handle), CK_RV{CKR_OK});
    EXPECT_EQ(with.login("111111"), CK_RV{CKR_PIN_INCORRECT});
    with.list->C_Finalize(nullptr);
  });
  const auto logins = named(calls_in(dir.path()), "C_Login");
  REQUIRE(logins.size() == 2);
  CHECK(logins[0].words(verify) == "9000");
  CHECK(logins[1].words(verify) == "63C2");
}

TEST_CASE("four threads: each exchange under its own call") {
  NEED(opensc(), "OpenSC");
  const scratch dir;
  const auto ran = run(surroundings(opensc(), "piv", dir.path()), [] {
    auto& reader = bring_reader();
    const contract::shim shim;
    auto* const list = shim.list();
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    EXPECT_EQ(list->C_Initialize(&arguments), CK_RV{CKR_OK});
    const auto work = [&] {
      for (int i = 0; i < 25; ++i) {
        CK_TOKEN_INFO info;
        EXPECT_EQ(list->C_GetTokenInfo(0, &info), CK_RV{CKR_OK});
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(work);
    for (auto& t : threads) t.join();
    list->C_Finalize(nullptr);
    tell(reader.transmitted);
  });
  INFO(ran.describe());
  REQUIRE(ran.clean());
  const auto calls = calls_in(dir.path());
  CHECK(std::to_string(transmitted(calls)) == ran.out);
  const auto asked = named(calls, "C_GetTokenInfo");
  REQUIRE(asked.size() == 100);
  for (const auto& c : asked) {
    CHECK(c.words(verify) == "63C3");
    for (const auto& e : c.exchanges) {
      CHECK(e.raw.thread_number == c.thread);
      CHECK(!e.raw.has(tape::exchange_inferred));
    }
  }
}

TEST_CASE("PC/SC of OpenSC is looked up anew with each C_Initialize") {
  NEED(opensc(), "OpenSC");
  const scratch dir;
  RUN_CLEAN(surroundings(opensc(), "sc-hsm", dir.path()), [] {
    bring_reader();
    const contract::shim shim;
    for (int i = 0; i < 12; ++i) {
      const session s(shim.list());
      EXPECT_EQ(s.login("648219"), CK_RV{CKR_OK});
      EXPECT_EQ(s.list->C_Finalize(nullptr), CK_RV{CKR_OK});
    }
  });
  for (const auto& l : named(calls_in(dir.path()), "C_Login")) CHECK(l.words(verify) == "9000");
}

// The host keeps libopensc, in which pointers to our wrappers lie, and drops us.
TEST_CASE("the shim is closed while the host keeps the module") {
  NEED(opensc(), "OpenSC");
  const scratch dir;
  RUN_CLEAN(surroundings(opensc(), "sc-hsm", dir.path()), [] {
    bring_reader();
    void* const module = dlopen(opensc().c_str(), RTLD_LAZY | RTLD_LOCAL);
    EXPECT(module != nullptr);
    {
      const contract::shim shim;
      const session s(shim.list());
      EXPECT_EQ(s.login("648219"), CK_RV{CKR_OK});
      s.list->C_Finalize(nullptr);
      dlclose(shim.handle);
    }
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"))(&list), CK_RV{CKR_OK});
    const session direct(list);
    EXPECT_EQ(direct.login("648219"), CK_RV{CKR_OK});
    direct.list->C_Finalize(nullptr);
  });
}

}  // namespace p11tape::card_tests
