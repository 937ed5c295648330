// SPDX-License-Identifier: Apache-2.0
// C: arguments arrive as they were passed, whatever they are.
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <memory>

#include "memory.hpp"
#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using cryptoki::shape;

namespace {

constexpr std::size_t functions_2_40 = cryptoki::functions_in(cryptoki::version::v2_40);

// Functions that hand out tables or end the library are not to be called with made-up arguments in a loop.
bool is_special(function f) {
  return f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList;
}

// A word of a 32-bit program has room for less than some tests put into it.
void expect_arrived(mock::control& control, function f, const std::vector<word>& words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (control[f].words[i].load() != static_cast<unsigned long>(words[i]))
      fail(__FILE__, __LINE__,
           std::string(cryptoki::row(f).name) + ": " + std::string(cryptoki::row(f).arguments[i].name) +
               " arrived as " + std::to_string(control[f].words[i].load()) + " instead of " + std::to_string(words[i]));
}

}  // namespace

TEST_CASE("C1: every argument of every function arrives unchanged, by table and by exported name") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    auto* const table = s.table(3, 2);
    auto& control = script();
    control.configure("*=CKR_DEVICE_ERROR");
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (is_special(f)) continue;
      for (word seed = 1; seed < 3; ++seed) {
        arguments a(f, seed);
        EXPECT_EQ(mock::call(table, f, a.words), CK_RV{CKR_DEVICE_ERROR});
        expect_arrived(control, f, a.words);
        EXPECT(a.untouched());
        EXPECT_EQ(mock::call_address(s.symbol(cryptoki::row(f).name.data()), f, a.words), CK_RV{CKR_DEVICE_ERROR});
        expect_arrived(control, f, a.words);
        EXPECT(a.untouched());
      }
    }
  });
}

TEST_CASE("C1: reserved arguments are the module's to refuse") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    int something = 0;
    EXPECT_EQ(list->C_Finalize(&something), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(script()[function::C_Finalize].words[0].load(), mock::to_word(&something));
    CK_SLOT_ID slot = 0;
    list->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &something);
    EXPECT_EQ(script()[function::C_WaitForSlotEvent].words[2].load(), mock::to_word(&something));
  });
}

// NSS passes a struct that is one field longer, with a string that holds passwords.
TEST_CASE("C1, C2: pInitArgs is passed on itself; pReserved is not followed, and never on the tape") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    struct longer {
      CK_C_INITIALIZE_ARGS standard;
      const char* parameters;
    };
    const char text[] = "configdir='x' password=canary-in-reserved";
    longer args{};
    args.standard.flags = CKF_OS_LOCKING_OK;
    args.standard.pReserved = const_cast<char*>(text);
    args.parameters = text;
    const auto copy = args;
    const shim s;
    EXPECT_EQ(s.list()->C_Initialize(&args), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_Initialize].words[0].load(), mock::to_word(&args));
    EXPECT(std::memcmp(&copy, &args, sizeof args) == 0);
    s.list()->C_Finalize(nullptr);
    args.standard.pReserved = unreadable();
    EXPECT_EQ(s.list()->C_Initialize(&args), CK_RV{CKR_OK});
  });
  for (const auto& tape : tapes(dir.path())) CHECK(read_file(tape).find("canary-in") == std::string::npos);
}

namespace {

struct notified {
  CK_SESSION_HANDLE session = 0;
  CK_NOTIFICATION event = 99;
  CK_RV answer = CKR_OK;
};

CK_RV note(CK_SESSION_HANDLE session, CK_NOTIFICATION event, void* application) {
  auto* const seen = static_cast<notified*>(application);
  seen->session = session;
  seen->event = event;
  return seen->answer;
}

}  // namespace

TEST_CASE("C3: Notify gets the application's own pointer, and its answer reaches the module") {
  RUN_CLEAN(setup{.mock = "C_SeedRandom:notify"}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    notified seen;
    CK_SESSION_HANDLE session = 0;
    EXPECT_EQ(list->C_OpenSession(1, CKF_SERIAL_SESSION, &seen, note, &session), CK_RV{CKR_OK});
    CK_BYTE seed[4] = {};
    EXPECT_EQ(list->C_SeedRandom(session, seed, sizeof seed), CK_RV{CKR_OK});
    EXPECT_EQ(seen.session, session);
    EXPECT_EQ(seen.event, CK_NOTIFICATION{CKN_SURRENDER});
    seen.answer = CKR_CANCEL;
    EXPECT_EQ(list->C_SeedRandom(session, seed, sizeof seed), CK_RV{CKR_FUNCTION_CANCELED});
  });
}

TEST_CASE("C3: mutex functions go through untouched") {
  RUN_CLEAN(setup{}, [] {
    CK_C_INITIALIZE_ARGS args{};
    args.CreateMutex = [](CK_VOID_PTR*) -> CK_RV { fail(__FILE__, __LINE__, "CreateMutex was called"); };
    args.DestroyMutex = [](CK_VOID_PTR) -> CK_RV { fail(__FILE__, __LINE__, "DestroyMutex was called"); };
    args.LockMutex = [](CK_VOID_PTR) -> CK_RV { fail(__FILE__, __LINE__, "LockMutex was called"); };
    args.UnlockMutex = [](CK_VOID_PTR) -> CK_RV { fail(__FILE__, __LINE__, "UnlockMutex was called"); };
    const auto copy = args;
    const shim s;
    EXPECT_EQ(s.list()->C_Initialize(&args), CK_RV{CKR_OK});
    EXPECT(std::memcmp(&copy, &args, sizeof args) == 0);
    EXPECT_EQ(s.list()->C_Finalize(nullptr), CK_RV{CKR_OK});
  });
}

// Everything as with the module alone, not merely no crash.
TEST_CASE("C4: NULL in each pointer argument of each function, and in all at once") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    auto* const ours = s.table(3, 2);
    auto& control = script();
    void* const direct = dlopen(mock_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (is_special(f)) continue;
      const auto row = cryptoki::row(f).arguments;
      for (std::size_t null = 0; null <= row.size(); ++null) {
        if (null < row.size() && !cryptoki::is_pointer(row[null].kind)) continue;
        CK_RV results[2];
        for (int through = 0; through < 2; ++through) {
          control.configure("");
          if (f != function::C_Initialize)
            mock::call_with(reinterpret_cast<decltype(&::C_Initialize)>(mock::exported(direct, function::C_Initialize)),
                            std::array<word, 1>{}.data());
          arguments a(f, 1);
          if (f == function::C_WaitForSlotEvent) a.words[0] = CKF_DONT_BLOCK;
          for (std::size_t n = 0; n < row.size(); ++n)
            if (cryptoki::is_pointer(row[n].kind) && (n == null || null == row.size())) a.words[n] = 0;
          results[through] =
              through == 0 ? mock::call_address(mock::exported(direct, f), f, a.words) : mock::call(ours, f, a.words);
        }
        if (results[0] != results[1])
          fail(__FILE__, __LINE__,
               std::string(cryptoki::row(f).name) + " with NULL at " + std::to_string(null) + ": " +
                   std::to_string(results[1]) + " instead of " + std::to_string(results[0]));
      }
    }
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterfaceList)(nullptr, nullptr), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, nullptr, nullptr, 0), CK_RV{CKR_ARGUMENTS_BAD});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(nullptr), CK_RV{CKR_ARGUMENTS_BAD});
  });
}

TEST_CASE("C4: pointers to nowhere are the module's problem") {
  const auto kind = GENERATE(0, 1, 2, 3, 4);
  RUN_CLEAN(setup{.mock = "*=CKR_ARGUMENTS_BAD"}, [&] {
    script().configure("");
    const shim s;
    auto* const table = s.table(3, 2);
    auto& control = script();
    control.configure("*=CKR_ARGUMENTS_BAD");
    const word nowhere[] = {8, 0xDEAD0000, mock::to_word(unreadable()), 0x8000000000000000, ~word{0} - 7};
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (is_special(f)) continue;
      const auto row = cryptoki::row(f).arguments;
      std::vector<word> words(mock::most_arguments, 16);
      for (std::size_t n = 0; n < row.size(); ++n)
        if (cryptoki::is_pointer(row[n].kind)) words[n] = nowhere[kind];
      EXPECT_EQ(mock::call(table, f, words), CK_RV{CKR_ARGUMENTS_BAD});
      words.resize(row.size());
      if (f != function::C_GetSlotList) expect_arrived(control, f, words);
    }
  });
}

TEST_CASE("C4: lengths and counts that are absurd are the module's problem") {
  const word length =
      GENERATE(word{CK_UNAVAILABLE_INFORMATION}, word{1} << 63, word{1} << 60, word{1} << 40, 0x7FFFFFFF);
  RUN_CLEAN(setup{}, [&] {
    const shim s;
    auto* const table = s.table(3, 2);
    auto& control = script();
    control.configure("*=CKR_ARGUMENTS_BAD");
    for (std::size_t i = 0; i < functions_2_40; ++i) {
      const auto f = static_cast<function>(i);
      if (is_special(f)) continue;
      arguments a(f, 1);
      const auto row = cryptoki::row(f).arguments;
      for (std::size_t n = 0; n < row.size(); ++n) {
        if (row[n].type == "CK_ULONG") a.words[n] = length;
        if (row[n].type == "CK_ULONG_PTR" && a.words[n] != 0) *mock::from_word<CK_ULONG*>(a.words[n]) = length;
      }
      EXPECT_EQ(mock::call(table, f, a.words), CK_RV{CKR_ARGUMENTS_BAD});
      expect_arrived(control, f, a.words);
    }
  });
}
