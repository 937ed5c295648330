// SPDX-License-Identifier: Apache-2.0
// D: outputs are the module's, and the module gets the application's calls and no others.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "memory.hpp"
#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

bool ends_the_library(function f) { return f == function::C_Finalize || f == function::C_CloseAllSessions; }
bool gives_tables(function f) {
  return f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList;
}

void initialise(void* module) {
  const std::array<word, 1> none{};
  mock::call_address(mock::exported(module, function::C_Initialize), function::C_Initialize, none);
}

}  // namespace

// Called twice with the same arguments, once directly and once through the shim: all the memory must come out the same.
TEST_CASE("D1: return value and memory of every function are as without the shim") {
  // How the buffers are: roomy, too small, or absent (the size query).
  const int kind = GENERATE(0, 1, 2);
  const std::string options = GENERATE("", "*:dirty,*=CKR_DEVICE_ERROR,C_Initialize=0", "*:lie=1000000");
  RUN_CLEAN(setup{}, [&] {
    const shim s;
    auto* const ours = s.table(3, 2);
    auto& control = script();
    void* const direct = dlopen(mock_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (gives_tables(f) || ends_the_library(f)) continue;
      const auto row = cryptoki::row(f).arguments;
      std::vector<std::vector<unsigned char>> seen[2];
      CK_RV rv[2];
      for (std::size_t through = 0; through < 2; ++through) {
        control.configure(options.c_str());
        if (f != function::C_Initialize) initialise(direct);
        arguments a(f, 1);
        if (f == function::C_WaitForSlotEvent) a.words[0] = CKF_DONT_BLOCK;
        for (std::size_t n = 0; n < row.size(); ++n) {
          if (row[n].way != cryptoki::flow::out || row[n].count < 0) continue;
          const auto counter = static_cast<std::size_t>(row[n].count);
          if (!cryptoki::is_pointer(row[counter].kind)) continue;
          if (kind == 1) *mock::from_word<CK_ULONG*>(a.words[counter]) = 1;
          if (kind == 2) a.words[n] = 0;
        }
        rv[through] =
            through == 0 ? mock::call_address(mock::exported(direct, f), f, a.words) : mock::call(ours, f, a.words);
        for (const auto& m : a.memory) seen[through].emplace_back(m.get(), m.get() + arguments::room);
      }
      if (rv[0] != rv[1] || seen[0] != seen[1])
        fail(__FILE__, __LINE__,
             std::string(cryptoki::row(f).name) + ": " + std::to_string(rv[1]) + " instead of " +
                 std::to_string(rv[0]) + (seen[0] != seen[1] ? ", and the memory differs" : ""));
    }
  });
}

TEST_CASE("D1: a module that claims to have written more than there was room for") {
  RUN_CLEAN(setup{.mock = "C_Sign:lie=1000000,C_FindObjects:lie=1000000,C_GetSlotList:lie=1000000"}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    auto* const signature = at_page_end(256);
    CK_ULONG length = 256;
    CK_BYTE data[4] = {};
    EXPECT_EQ(list->C_Sign(1, data, sizeof data, signature, &length), CK_RV{CKR_OK});
    EXPECT_EQ(length, CK_ULONG{1000256});
    EXPECT_EQ(list->C_FindObjectsInit(1, nullptr, 0), CK_RV{CKR_OK});
    auto* const objects = reinterpret_cast<CK_OBJECT_HANDLE*>(at_page_end(5 * sizeof(CK_OBJECT_HANDLE)));
    EXPECT_EQ(list->C_FindObjects(1, objects, 5, &length), CK_RV{CKR_OK});
    EXPECT_EQ(length, CK_ULONG{1000005});
    auto* const slots = reinterpret_cast<CK_SLOT_ID*>(at_page_end(sizeof(CK_SLOT_ID)));
    length = 1;
    EXPECT_EQ(list->C_GetSlotList(CK_TRUE, slots, &length), CK_RV{CKR_OK});
    EXPECT_EQ(length, CK_ULONG{1000001});
  });
}

TEST_CASE("D2: what the module writes back into parameters reaches the application, and the tape") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path()}, [] {
    const shim s;
    auto* const table = s.table(3, 2);
    table->C_Initialize(nullptr);
    CK_BYTE iv[12] = {};
    CK_BYTE tag[16] = {};
    CK_GCM_MESSAGE_PARAMS gcm{};
    gcm.pIv = iv;
    gcm.ulIvLen = sizeof iv;
    gcm.pTag = tag;
    gcm.ulTagBits = 128;
    CK_BYTE text[8] = {};
    CK_BYTE sealed[64];
    CK_ULONG length = sizeof sealed;
    CK_MECHANISM m = {CKM_AES_GCM, nullptr, 0};
    EXPECT_EQ(table->C_MessageEncryptInit(1, &m, 1), CK_RV{CKR_OK});
    EXPECT_EQ(table->C_EncryptMessage(1, &gcm, sizeof gcm, nullptr, 0, text, sizeof text, sealed, &length),
              CK_RV{CKR_OK});
    EXPECT_EQ(int{iv[0]}, 0xA0);
    EXPECT_EQ(int{tag[0]}, 0xA0);
  });
  for (const auto& c : calls_in(dir.path()))
    if (c.function == "C_EncryptMessage") CHECK(std::count(c.outputs.begin(), c.outputs.end(), 1U) == 1);
}

TEST_CASE("D3: the module gets exactly the application's calls, in order: none more, none less") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    auto& control = script();
    control.configure("C_Login=CKR_PIN_INCORRECT,C_GenerateRandom=CKR_DEVICE_ERROR");
    std::vector<function> expected;
    const auto note = [&](function f) { expected.push_back(f); };
    CK_INFO info;
    CK_SESSION_HANDLE session = 0;
    CK_BYTE bytes[16] = {};
    CK_ULONG length = 1;
    CK_OBJECT_HANDLE found[2];
    char label[2];
    CK_ATTRIBUTE a = {CKA_LABEL, label, sizeof label};
    note(function::C_GetInfo), list->C_GetInfo(&info);  // before C_Initialize
    note(function::C_Initialize), list->C_Initialize(nullptr);
    note(function::C_Initialize), list->C_Initialize(nullptr);
    note(function::C_OpenSession), list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    note(function::C_Login), list->C_Login(session, CKU_USER, bytes, 4);
    note(function::C_FindObjectsInit), list->C_FindObjectsInit(session, nullptr, 0);
    note(function::C_FindObjects), list->C_FindObjects(session, found, 2, &length);
    note(function::C_GetAttributeValue), list->C_GetAttributeValue(session, found[0], &a, 1);  // too small
    note(function::C_FindObjects), list->C_FindObjects(session, found, 2, &length);
    length = 1;
    note(function::C_Sign), list->C_Sign(session, bytes, sizeof bytes, bytes, &length);  // too small
    note(function::C_Sign), list->C_Sign(session, bytes, sizeof bytes, nullptr, &length);
    note(function::C_GenerateRandom), list->C_GenerateRandom(session, bytes, sizeof bytes);
    note(function::C_CloseSession), list->C_CloseSession(session);
    note(function::C_Finalize), list->C_Finalize(nullptr);
    note(function::C_Finalize), list->C_Finalize(nullptr);
    EXPECT_EQ(control.log_count.load(), word{expected.size()});
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(int{control.log[i].load()}, static_cast<int>(expected[i]));
  });
}

TEST_CASE("D4: a thread blocked in C_WaitForSlotEvent holds nobody up, and C_Finalize gets through") {
  const scratch dir;
  RUN_CLEAN(setup{.dir = dir.path(), .seconds = 20}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    std::atomic<bool> finalised{false};
    std::thread waiting([&] {
      CK_SLOT_ID slot = 0;
      EXPECT_EQ(list->C_WaitForSlotEvent(0, &slot, nullptr), CK_RV{CKR_CRYPTOKI_NOT_INITIALIZED});
      EXPECT(finalised);
    });
    auto& control = script();
    while (control[function::C_WaitForSlotEvent].calls == 0) std::this_thread::yield();
    std::vector<std::thread> others;
    for (int t = 0; t < 4; ++t)
      others.emplace_back([&] {
        CK_SESSION_INFO info;
        for (int n = 0; n < 2000; ++n) EXPECT_EQ(list->C_GetSessionInfo(1, &info), CK_RV{CKR_OK});
      });
    for (auto& t : others) t.join();
    finalised = true;
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
    waiting.join();
  });
  const auto calls = calls_in(dir.path());
  CHECK(count(calls, "C_GetSessionInfo") == 8000);
  CHECK(count(calls, "C_WaitForSlotEvent") == 1);
}

TEST_CASE("D4: calls of several threads are inside the module at the same time") {
  RUN_CLEAN(setup{.mock = "C_Login:delay=300", .seconds = 20}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) threads.emplace_back([&] { list->C_Login(1, CKU_USER, nullptr, 0); });
    for (auto& t : threads) t.join();
    EXPECT(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(8 * 300));
  });
}

TEST_CASE("D5: outputs of calls that failed are neither read nor recorded") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "*=CKR_DEVICE_ERROR", .dir = dir.path()}, [] {
    script().configure("");
    const shim s;
    const auto* const list = s.list();
    script().configure("*=CKR_DEVICE_ERROR");
    auto* const nowhere = unreadable();
    EXPECT_EQ(list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, static_cast<CK_SESSION_HANDLE*>(nowhere)),
              CK_RV{CKR_DEVICE_ERROR});
    EXPECT_EQ(list->C_WaitForSlotEvent(0, static_cast<CK_SLOT_ID*>(nowhere), nullptr), CK_RV{CKR_DEVICE_ERROR});
    EXPECT_EQ(list->C_GetTokenInfo(1, static_cast<CK_TOKEN_INFO*>(nowhere)), CK_RV{CKR_DEVICE_ERROR});
    CK_SESSION_HANDLE session = 5;
    EXPECT_EQ(list->C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CK_RV{CKR_DEVICE_ERROR});
  });
  for (const auto& c : calls_in(dir.path())) {
    INFO(c.function);
    if (c.rv == CKR_DEVICE_ERROR) CHECK(c.outputs.empty());
  }
}
