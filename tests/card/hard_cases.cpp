// SPDX-License-Identifier: Apache-2.0
// Every way in which a module gets at PC/SC, and what hosts do around it. The modules are module.cpp's.
#include <chrono>
#include <thread>

#include "rig.hpp"

namespace p11tape::card_tests {
namespace {

using contract::run;

constexpr std::uint8_t select = 0xa4, verify = 0x20;

// A host with a right and a wrong PIN.
void two_logins(int flags = RTLD_NOW | RTLD_LOCAL) {
  bring_reader();
  const contract::shim shim(flags);
  auto* const list = shim.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  const std::string right = "123456";
  const std::string wrong = "654321";
  EXPECT_EQ(list->C_Login(1, CKU_USER, utf8(right), right.size()), CK_RV{CKR_OK});
  EXPECT_EQ(list->C_Login(1, CKU_USER, utf8(wrong), wrong.size()), CK_RV{CKR_PIN_INCORRECT});
  list->C_Finalize(nullptr);
}

void check_two_logins(const std::filesystem::path& dir, bool inferred = false) {
  const auto logins = named(calls_in(dir), "C_Login");
  REQUIRE(logins.size() == 2);
  for (const auto& l : logins) {
    CHECK(l.exchanges.size() == 2);
    CHECK(l.words(select) == "9000");
    for (const auto& e : l.exchanges) CHECK(e.raw.has(tape::exchange_inferred) == inferred);
  }
  CHECK(logins[0].words(verify) == "9000");
  CHECK(logins[1].words(verify) == "63C2");
}

void test_flavour(const std::string& flavour, bool inferred = false) {
  const scratch dir;
  const auto s = surroundings(module_of_ours(flavour), "piv", dir.path());
  RUN_CLEAN(s, [] { two_logins(); });
  check_two_logins(dir.path(), inferred);
}

}  // namespace

TEST_CASE("linked with PC/SC, bound when first called") { test_flavour("linked"); }
TEST_CASE("linked with PC/SC, bound at once, in read-only memory") { test_flavour("linked-now"); }
TEST_CASE("linked with PC/SC without stubs") { test_flavour("linked-no-plt"); }
TEST_CASE("a constant table of PC/SC functions") { test_flavour("table"); }
TEST_CASE("looked up in a library that was opened by name") { test_flavour("lookup"); }
TEST_CASE("looked up in a library that was opened by path") { test_flavour("by-path"); }
TEST_CASE("looked up in everything that is loaded") { test_flavour("lookup-default"); }
TEST_CASE("on a thread of the module's own, with one call in flight") { test_flavour("own-thread", true); }

TEST_CASE("the module loads the one that uses PC/SC later") {
  const scratch dir;
  auto s = surroundings(module_of_ours("backend"), "piv", dir.path());
  s.env.emplace_back("VIRTUAL_BACKEND", module_of_ours("linked-now"));
  RUN_CLEAN(s, [] { two_logins(); });
  check_two_logins(dir.path());
  CHECK(apdu_property(dir.path()) == "unknown");
}

TEST_CASE("the host has loaded the module before, not yet bound") {
  const scratch dir;
  const auto s = surroundings(module_of_ours("linked"), "piv", dir.path());
  RUN_CLEAN(s, [] {
    bring_reader();
    EXPECT(dlopen(module_of_ours("linked").c_str(), RTLD_LAZY | RTLD_LOCAL) != nullptr);
    two_logins();
  });
  check_two_logins(dir.path());
}

TEST_CASE("the host loads the shim with names of its own first") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  SKIP("sanitizers refuse RTLD_DEEPBIND");
#endif
  const scratch dir;
  const auto s = surroundings(module_of_ours("lookup"), "piv", dir.path());
  RUN_CLEAN(s, [] { two_logins(RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND); });
  check_two_logins(dir.path());
}

TEST_CASE("on threads of the module's own, with several calls in flight, nothing is concluded") {
  const scratch dir;
  const auto s = surroundings(module_of_ours("own-thread"), "piv", dir.path());
  RUN_CLEAN(s, [] {
    auto& reader = bring_reader();
    const contract::shim shim;
    auto* const list = shim.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    const auto login = [&] {
      const std::string pin = "123456";
      EXPECT_EQ(list->C_Login(1, CKU_USER, utf8(pin), pin.size()), CK_RV{CKR_OK});
    };
    reader.milliseconds = 1000;
    std::thread slow(login);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    reader.milliseconds = 0;
    login();  // begins and ends while the other waits for its first answer
    slow.join();
  });
  const auto logins = named(calls_in(dir.path()), "C_Login");
  REQUIRE(logins.size() == 2);
  CHECK(logins[0].words(verify) == "9000");
  CHECK(logins[1].exchanges.empty());
}

// It cannot be seen, and must not be harmed: the module asked before there was anybody to answer for PC/SC.
TEST_CASE("looked up while the module is loaded: forwarded, not seen") {
  const scratch dir;
  const auto s = surroundings(module_of_ours("at-start"), "piv", dir.path());
  RUN_CLEAN(s, [] { two_logins(); });
  for (const auto& l : named(calls_in(dir.path()), "C_Login")) CHECK(l.exchanges.empty());
}

// More libraries, one after the other, than there are wrappers: each gives its own back.
TEST_CASE("PC/SC is unloaded and loaded again, ever elsewhere") {
#ifdef __SANITIZE_THREAD__
  SKIP("ThreadSanitizer unloads nothing");
#endif
  constexpr int times = 20;
  const scratch dir;
  const scratch copies;
  const auto s = surroundings(module_of_ours("by-path"), "piv", dir.path());
  const auto copy = [&](int i) { return (copies / ("pcsc-" + std::to_string(i) + ".so")).string(); };
  for (int i = 0; i < times; ++i) std::filesystem::copy_file(pcsc_path, copy(i));
  RUN_CLEAN(s, [&] {
    const contract::shim shim;
    auto* const list = shim.list();
    for (int i = 0; i < times; ++i) {
      setenv("VIRTUAL_PCSC", copy(i).c_str(), 1);
      EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
      const std::string pin = "123456";
      EXPECT_EQ(list->C_Login(1, CKU_USER, utf8(pin), pin.size()), CK_RV{CKR_OK});
      EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
      EXPECT(dlopen(copy(i).c_str(), RTLD_NOLOAD | RTLD_LAZY) == nullptr);
    }
  });
  const auto logins = named(calls_in(dir.path()), "C_Login");
  REQUIRE(logins.size() == times);
  for (const auto& l : logins) CHECK(l.words(verify) == "9000");
}

TEST_CASE("a module without a card: nothing is touched, nothing is claimed") {
  const scratch dir;
  setup s;
  s.dir = dir.path().string();
  RUN_CLEAN(s, [] {
    const contract::shim shim;
    EXPECT_EQ(shim.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
  });
  CHECK(apdu_property(dir.path()) == "not used by this module");
}

TEST_CASE("apdu: off leaves the module alone, errors keeps what went wrong and the PIN commands") {
  const auto with = [](const char* setting) {
    const scratch dir;
    auto s = surroundings(module_of_ours("linked"), "piv", dir.path());
    s.env.emplace_back("P11TAPE_APDU", setting);
    RUN_CLEAN(s, [] { two_logins(); });
    std::string all = apdu_property(dir.path());
    for (const auto& l : named(calls_in(dir.path()), "C_Login"))
      for (const auto& e : l.exchanges) all += " " + std::string(e.command) + " " + e.sw();
    return all;
  };
  CHECK(with("off") == "off");
  CHECK(with("errors") == "errors VERIFY 9000 VERIFY 63C2");
  CHECK(with("all") == "on SELECT 9000 VERIFY 9000 SELECT 9000 VERIFY 63C2");
}

}  // namespace p11tape::card_tests
