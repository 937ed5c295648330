// SPDX-License-Identifier: Apache-2.0
// What the player answers where a client does not do quite what was recorded.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <thread>

#include "model/call_stream.hpp"
#include "recorded.hpp"
#include "rig.hpp"

using namespace p11tape;
using cryptoki::function;
using test::playing;
using test::shared;

namespace {

void need(CK_RV rv, int code) {
  if (rv != CKR_OK) _exit(code);
}

template <class T>
tape::u64 word(T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

CK_UTF8CHAR* text(const char* s) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(s)); }
CK_BYTE* bytes(const char* s) { return reinterpret_cast<CK_BYTE*>(const_cast<char*>(s)); }

CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
CK_ATTRIBUTE is_private[] = {{CKA_CLASS, &private_class, sizeof private_class}};
CK_MECHANISM with_sha256{CKM_SHA256_RSA_PKCS, nullptr, 0};

CK_SESSION_HANDLE begin(CK_FUNCTION_LIST& p) {
  CK_C_INITIALIZE_ARGS threads{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, nullptr};
  need(p.C_Initialize(&threads), 40);
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  need(p.C_GetSlotList(CK_TRUE, slots, &count), 41);
  CK_SESSION_HANDLE s = 0;
  need(p.C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &s), 42);
  return s;
}

CK_OBJECT_HANDLE find_key(CK_FUNCTION_LIST& p, CK_SESSION_HANDLE s) {
  CK_OBJECT_HANDLE found[10] = {};
  CK_ULONG count = 0;
  need(p.C_FindObjectsInit(s, is_private, 1), 43);
  need(p.C_FindObjects(s, found, 10, &count), 44);
  need(p.C_FindObjectsFinal(s), 45);
  if (count != 1) _exit(46);
  return found[0];
}

void sign(CK_FUNCTION_LIST& p, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, const std::string& data, CK_BYTE* out) {
  CK_ULONG size = 256;
  need(p.C_SignInit(s, &with_sha256, key), 47);
  need(p.C_Sign(s, bytes(data.c_str()), static_cast<CK_ULONG>(data.size()), out, &size), 48);
}

// A wrong PIN between two looks at the token, then a login, a search, attributes and a signature.
void a_client(CK_FUNCTION_LIST& p) {
  const auto s = begin(p);
  CK_SESSION_INFO info;
  need(p.C_GetSessionInfo(s, &info), 50);
  CK_TOKEN_INFO token;
  need(p.C_GetTokenInfo(info.slotID, &token), 51);
  if (p.C_Login(s, CKU_USER, text(test::wrong_pin), sizeof test::wrong_pin - 1) != CKR_PIN_INCORRECT) _exit(52);
  need(p.C_GetTokenInfo(info.slotID, &token), 53);
  need(p.C_Login(s, CKU_USER, text(test::user_pin), sizeof test::user_pin - 1), 54);
  CK_OBJECT_HANDLE all[10];
  need(p.C_FindObjectsInit(s, nullptr, 0), 55);
  need(p.C_FindObjects(s, all, 10, &shared().count), 56);
  need(p.C_FindObjectsFinal(s), 57);
  const auto key = find_key(p, s);
  CK_ATTRIBUTE modulus[] = {{CKA_MODULUS, nullptr, 0}};
  need(p.C_GetAttributeValue(s, key, modulus, 1), 58);
  modulus[0].pValue = shared().modulus;
  need(p.C_GetAttributeValue(s, key, modulus, 1), 59);
  char label[20];
  CK_ATTRIBUTE name[] = {{CKA_LABEL, label, sizeof label}};
  need(p.C_GetAttributeValue(s, key, name, 1), 60);
  CK_BYTE secret[256];
  CK_ATTRIBUTE exponent[] = {{CKA_PRIVATE_EXPONENT, secret, sizeof secret}};
  if (p.C_GetAttributeValue(s, key, exponent, 1) != CKR_ATTRIBUTE_SENSITIVE) _exit(61);
  sign(p, s, key, "to be signed", shared().signature[0][0]);
  need(p.C_SignInit(s, &with_sha256, key), 62);
  need(p.C_SignUpdate(s, bytes("to be "), 6), 63);
  need(p.C_SignUpdate(s, bytes("signed"), 6), 64);
  CK_BYTE out[256];
  CK_ULONG size = sizeof out;
  need(p.C_SignFinal(s, out, &size), 65);
  need(p.C_Logout(s), 66);
  need(p.C_Finalize(nullptr), 67);
}

const std::filesystem::path& payload_tape() {
  static const auto path = test::record("payload", a_client);
  return path;
}

const std::filesystem::path& default_tape() {
  static const auto path = test::record("default", a_client);
  return path;
}

// How long the module took to refuse the wrong PIN, as the tape has it: more or less than a millisecond, as the machine is.
std::chrono::nanoseconds duration_of_refused_login(const std::filesystem::path& path) {
  const tape::reader reader(path.string());
  model::call_stream calls(reader);
  while (const auto* c = calls.next()) {
    if (c->function_number == static_cast<tape::u16>(function::C_Login) && c->ended() &&
        c->return_value() == CKR_PIN_INCORRECT)
      return std::chrono::nanoseconds(c->duration());
  }
  FAIL("no refused login on " << path);
  return {};
}

CK_RV log_in(playing& p, CK_SESSION_HANDLE s, const char* pin = test::user_pin) {
  return p(function::C_Login, s, CKU_USER, pin, std::strlen(pin));
}

// Logs in as the client of the tapes did: with a wrong PIN first.
CK_SESSION_HANDLE logged_in(playing& p) {
  const auto s = p.open();
  log_in(p, s, test::wrong_pin);
  REQUIRE(log_in(p, s) == CKR_OK);
  return s;
}

CK_OBJECT_HANDLE key_of(playing& p, CK_SESSION_HANDLE s) {
  CK_OBJECT_HANDLE found[10] = {};
  CK_ULONG count = 0;
  REQUIRE(p(function::C_FindObjectsInit, s, is_private, 1) == CKR_OK);
  REQUIRE(p(function::C_FindObjects, s, found, 10, &count) == CKR_OK);
  REQUIRE(count == 1);
  REQUIRE(p(function::C_FindObjectsFinal, s) == CKR_OK);
  return found[0];
}

}  // namespace

TEST_CASE("what is asked again is answered as of now, and not from behind the next login") {
  playing p(payload_tape());
  const auto s = p.open();
  CK_SESSION_INFO info{};
  REQUIRE(p(function::C_GetSessionInfo, s, &info) == CKR_OK);
  CK_TOKEN_INFO token{};
  for (int i = 0; i < 4; ++i) {
    REQUIRE(p(function::C_GetTokenInfo, info.slotID, &token) == CKR_OK);
    CHECK((token.flags & CKF_USER_PIN_COUNT_LOW) == 0);
    CHECK(std::memcmp(token.label, "player   ", 9) == 0);
  }
  CHECK(log_in(p, s, test::wrong_pin) == CKR_PIN_INCORRECT);
  REQUIRE(p(function::C_GetTokenInfo, info.slotID, &token) == CKR_OK);
  CHECK((token.flags & CKF_USER_PIN_COUNT_LOW) != 0);
  CHECK(log_in(p, s) == CKR_OK);
  CHECK(log_in(p, s) == CKR_USER_ALREADY_LOGGED_IN);
  REQUIRE(p(function::C_GetSessionInfo, s, &info) == CKR_OK);
  CHECK(info.state == CKS_RO_USER_FUNCTIONS);
  CHECK(p(function::C_Logout, s) == CKR_OK);
  CHECK(p(function::C_Logout, s) == CKR_USER_NOT_LOGGED_IN);
}

TEST_CASE("buffers of other sizes get lengths, codes and bytes as a module gives them") {
  playing p(payload_tape());
  const auto s = logged_in(p);
  const auto key = key_of(p, s);
  const char* data = "to be signed";
  CK_BYTE out[300] = {};
  CK_ULONG size = 10;
  REQUIRE(p(function::C_SignInit, s, &with_sha256, key) == CKR_OK);
  CHECK(p(function::C_Sign, s, data, 12, out, &size) == CKR_BUFFER_TOO_SMALL);
  CHECK(size == 256);
  size = 0;
  CHECK(p(function::C_Sign, s, data, 12, nullptr, &size) == CKR_OK);
  CHECK(size == 256);
  size = sizeof out;
  CHECK(p(function::C_Sign, s, data, 12, out, &size) == CKR_OK);
  CHECK(size == 256);
  CHECK(std::memcmp(out, shared().signature[0][0], 256) == 0);
  size = sizeof out;
  CHECK(p(function::C_Sign, s, data, 12, out, &size) == CKR_OPERATION_NOT_INITIALIZED);

  CK_ULONG count = 0;
  CHECK(p(function::C_GetSlotList, CK_TRUE, nullptr, &count) == CKR_OK);
  CHECK(count == 2);
  CK_SLOT_ID slot = 0;
  count = 1;
  CHECK(p(function::C_GetSlotList, CK_TRUE, &slot, &count) == CKR_BUFFER_TOO_SMALL);
  CHECK(count == 2);
  CHECK(p(function::C_GetSlotList, CK_TRUE, &slot, nullptr) == CKR_ARGUMENTS_BAD);
}

TEST_CASE("what a module writes into a mechanism's parameter is on the tape and comes from there") {
  const auto tape = test::folder() / "message.p11tape";
  const auto encrypt = [](const auto& call, CK_SESSION_HANDLE s, CK_GCM_MESSAGE_PARAMS& gcm) {
    CK_MECHANISM with_gcm{CKM_AES_GCM, nullptr, 0};
    CK_BYTE out[64];
    CK_ULONG size = sizeof out;
    return call(function::C_MessageEncryptInit, {s, word(&with_gcm), 1}) == CKR_OK &&
           call(function::C_EncryptMessage,
                {s, word(&gcm), sizeof gcm, 0, 0, word("sixteen bytes ..."), 16, word(out), word(&size)}) == CKR_OK;
  };
  if (const pid_t child = fork(); child == 0) {
    const test::recorded_mock m("default");
    const auto call = [&](function f, const std::vector<tape::u64>& words) { return m.call(f, words); };
    CK_SESSION_HANDLE s = 0;
    CK_BYTE iv[12] = {}, tag[16] = {};
    CK_GCM_MESSAGE_PARAMS gcm{iv, sizeof iv, 0, CKG_GENERATE, tag, 8 * sizeof tag};
    const bool done = call(function::C_Initialize, {0}) == CKR_OK &&
                      call(function::C_OpenSession, {1, CKF_SERIAL_SESSION, 0, 0, word(&s)}) == CKR_OK &&
                      encrypt(call, s, gcm);
    std::filesystem::copy_file(m.tape(), tape);
    std::filesystem::remove_all(m.folder());
    _exit(done ? 0 : 1);
  } else {
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
  }
  playing p(tape);
  const auto call = [&](function f, const std::vector<tape::u64>& words) { return p.call(f, words); };
  CK_SESSION_HANDLE s = 0;
  REQUIRE(call(function::C_Initialize, {0}) == CKR_OK);
  REQUIRE(call(function::C_OpenSession, {1, CKF_SERIAL_SESSION, 0, 0, word(&s)}) == CKR_OK);
  CK_BYTE iv[13] = {}, tag[17] = {};
  CK_GCM_MESSAGE_PARAMS gcm{iv, 12, 0, CKG_GENERATE, tag, 128};
  REQUIRE(encrypt(call, s, gcm));
  CHECK(std::all_of(iv, iv + 12, [](CK_BYTE b) { return b == 0xA0; }));
  CHECK(std::all_of(tag, tag + 16, [](CK_BYTE b) { return b == 0xA0; }));
  CHECK(iv[12] == 0);
  CHECK(tag[16] == 0);
}

TEST_CASE("data in other pieces gets the recorded signature") {
  playing p(payload_tape());
  const auto s = logged_in(p);
  const auto key = key_of(p, s);
  REQUIRE(p(function::C_SignInit, s, &with_sha256, key) == CKR_OK);
  CK_BYTE out[256] = {};
  CK_ULONG size = sizeof out;
  // The first such operation of the tape signs in one call: the client's second one is that with pieces.
  REQUIRE(p(function::C_Sign, s, "to be signed", 12, out, &size) == CKR_OK);
  REQUIRE(p(function::C_SignInit, s, &with_sha256, key) == CKR_OK);
  for (const char* piece : {"to ", "be ", "sig", "ned"}) REQUIRE(p(function::C_SignUpdate, s, piece, 3) == CKR_OK);
  std::memset(out, 0, sizeof out);
  size = sizeof out;
  REQUIRE(p(function::C_SignFinal, s, out, &size) == CKR_OK);
  CHECK(std::memcmp(out, shared().signature[0][0], 256) == 0);
}

TEST_CASE("searches are answered in pieces of any size") {
  playing p(payload_tape());
  const auto s = logged_in(p);
  REQUIRE(p(function::C_FindObjectsInit, s, nullptr, 0) == CKR_OK);
  CHECK(p(function::C_FindObjectsInit, s, nullptr, 0) == CKR_OPERATION_ACTIVE);
  CK_ULONG count = 1, all = 0;
  for (CK_OBJECT_HANDLE one = 0; count != 0; all += count)
    REQUIRE(p(function::C_FindObjects, s, &one, 1, &count) == CKR_OK);
  CHECK(all == shared().count);
  CHECK(p(function::C_FindObjectsFinal, s) == CKR_OK);
  CHECK(p(function::C_FindObjectsFinal, s) == CKR_OPERATION_NOT_INITIALIZED);
}

TEST_CASE("attributes come from all that the tape tells of an object") {
  playing p(payload_tape());
  const auto s = logged_in(p);
  const auto key = key_of(p, s);
  CK_BYTE modulus[256] = {}, label[3] = {}, start[8] = {};
  CK_OBJECT_CLASS kind = 0;
  CK_ATTRIBUTE together[] = {
      {CKA_CLASS, &kind, sizeof kind}, {CKA_MODULUS, modulus, sizeof modulus}, {CKA_LABEL, nullptr, 0}};
  REQUIRE(p(function::C_GetAttributeValue, s, key, together, 3) == CKR_OK);
  CHECK(kind == CKO_PRIVATE_KEY);
  CHECK(together[2].ulValueLen == 6);
  CHECK(std::memcmp(modulus, shared().modulus, sizeof modulus) == 0);

  CK_ATTRIBUTE small[] = {{CKA_LABEL, label, sizeof label}, {CKA_CLASS, &kind, sizeof kind}};
  CHECK(p(function::C_GetAttributeValue, s, key, small, 2) == CKR_BUFFER_TOO_SMALL);
  CHECK(small[0].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CHECK(small[1].ulValueLen == sizeof kind);

  CK_BYTE exponent[256];
  CK_ATTRIBUTE secret[] = {{CKA_PRIVATE_EXPONENT, exponent, sizeof exponent}, {CKA_CLASS, &kind, sizeof kind}};
  CHECK(p(function::C_GetAttributeValue, s, key, secret, 2) == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(secret[0].ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CHECK(secret[1].ulValueLen == sizeof kind);

  CK_ATTRIBUTE never[] = {{CKA_START_DATE, start, sizeof start}};
  CHECK(p(function::C_GetAttributeValue, s, key, never, 1) == CKR_ATTRIBUTE_TYPE_INVALID);
  CHECK(test::said().find("does not contain CKA_START_DATE") != std::string::npos);
  CHECK(p(function::C_GetAttributeValue, s, key + 1000, never, 1) == CKR_OBJECT_HANDLE_INVALID);
}

TEST_CASE("what the profile kept off the tape is made up, with its length, the same each time, and said") {
  CK_BYTE out[2][256] = {};
  for (auto& signature : out) {
    playing p(default_tape());
    const auto s = logged_in(p);
    const auto key = key_of(p, s);
    REQUIRE(p(function::C_SignInit, s, &with_sha256, key) == CKR_OK);
    CK_ULONG size = sizeof signature;
    REQUIRE(p(function::C_Sign, s, "to be signed", 12, signature, &size) == CKR_OK);
    CHECK(size == sizeof signature);
    // Another length is another call.
    REQUIRE(p(function::C_SignInit, s, &with_sha256, key) == CKR_OK);
    CHECK(p(function::C_Sign, s, "to be signed, too", 17, signature, &size) == player::cannot_answer);
  }
  CHECK(std::memcmp(out[0], out[1], sizeof out[0]) == 0);
  CHECK(test::said().find("C_Sign: the tape does not contain the output") != std::string::npos);
}

TEST_CASE("what the tape cannot answer has a code of its own") {
  playing p(payload_tape());
  CK_INFO info;
  CHECK(p(function::C_GetInfo, &info) == CKR_CRYPTOKI_NOT_INITIALIZED);
  const auto s = p.open();
  CHECK(p(function::C_Initialize, nullptr) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
  CHECK(log_in(p, s, "a PIN of another length") == player::cannot_answer);
  CK_OBJECT_HANDLE made = 0;
  CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
  CHECK(p(function::C_GenerateKey, s, &generate, nullptr, 0, &made) == player::cannot_answer);
  CHECK(p(function::C_CloseSession, s + 77) == CKR_SESSION_HANDLE_INVALID);
  CHECK(p(function::C_GetTokenInfo, 12345, nullptr) == CKR_SLOT_ID_INVALID);
  CHECK(p(function::C_GetFunctionStatus, s) == CKR_FUNCTION_NOT_PARALLEL);
  const auto all = test::said();
  CHECK(all.find("C_GenerateKey: no recorded result: the tape contains no call of this function") != std::string::npos);
  CHECK(all.find("a PIN of another length") == std::string::npos);
}

TEST_CASE("a client that starts over finds the tape at its beginning") {
  playing p(payload_tape());
  for (int i = 0; i < 3; ++i) {
    const auto s = p.open();
    CHECK(log_in(p, s, test::wrong_pin) == CKR_PIN_INCORRECT);
    CHECK(log_in(p, s) == CKR_OK);
    CHECK(p(function::C_Finalize, nullptr) == CKR_OK);
  }
}

TEST_CASE("each thread gets its own answers, in whatever order they come") {
  constexpr int threads = 4, rounds = 8;
  const auto data = [](int t, int r) { return "thread " + std::to_string(t) + " round " + std::to_string(r); };
  const auto tape = test::record("payload", [&](CK_FUNCTION_LIST& p) {
    const auto first = begin(p);
    CK_SESSION_INFO info;
    need(p.C_GetSessionInfo(first, &info), 70);
    need(p.C_Login(first, CKU_USER, text(test::user_pin), sizeof test::user_pin - 1), 71);
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        CK_SESSION_HANDLE s = 0;
        need(p.C_OpenSession(info.slotID, CKF_SERIAL_SESSION, nullptr, nullptr, &s), 72);
        const auto key = find_key(p, s);
        for (int r = 0; r < rounds; ++r) sign(p, s, key, data(t, r), shared().signature[t][r]);
        need(p.C_CloseSession(s), 73);
      });
    for (auto& t : all) t.join();
  });
  playing p(tape);
  const auto first = p.open();
  CK_SESSION_INFO info{};
  REQUIRE(p(function::C_GetSessionInfo, first, &info) == CKR_OK);
  REQUIRE(log_in(p, first) == CKR_OK);
  std::vector<std::thread> all;
  std::array<int, threads> right{};
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      CK_SESSION_HANDLE s = 0;
      CK_OBJECT_HANDLE key = 0;
      CK_ULONG count = 0;
      if (p(function::C_OpenSession, info.slotID, CKF_SERIAL_SESSION, nullptr, nullptr, &s) != CKR_OK) return;
      if (p(function::C_FindObjectsInit, s, is_private, 1) != CKR_OK) return;
      if (p(function::C_FindObjects, s, &key, 1, &count) != CKR_OK) return;
      if (p(function::C_FindObjectsFinal, s) != CKR_OK) return;
      for (int r = rounds; r-- > 0;) {  // the other way round than recorded
        const auto what = data(t, r);
        CK_BYTE out[256] = {};
        CK_ULONG size = sizeof out;
        if (p(function::C_SignInit, s, &with_sha256, key) != CKR_OK) return;
        if (p(function::C_Sign, s, what.data(), what.size(), out, &size) != CKR_OK) return;
        const auto t_at = static_cast<std::size_t>(t), r_at = static_cast<std::size_t>(r);
        right[t_at] += std::memcmp(out, shared().signature[t_at][r_at], sizeof out) == 0;
      }
      p(function::C_CloseSession, s);
    });
  for (auto& t : all) t.join();
  for (const int r : right) CHECK(r == rounds);
}

TEST_CASE("the shared object: lists, delays, and a child of fork") {
  payload_tape();
  setenv("P11TAPE_PLAY", payload_tape().c_str(), 1);
  setenv("P11TAPE_PLAY_DELAY", "recorded", 1);
  void* const module = dlopen(P11TAPE_TEST_PLAYER, RTLD_NOW | RTLD_LOCAL);
  INFO((module == nullptr ? dlerror() : ""));
  REQUIRE(module != nullptr);
  CK_FUNCTION_LIST* list = nullptr;
  REQUIRE(reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"))(&list) == CKR_OK);
  CHECK(list->version.major == 2);
  CHECK(list->version.minor == 40);
  CK_INTERFACE* interface = nullptr;
  const auto get = reinterpret_cast<CK_C_GetInterface>(dlsym(module, "C_GetInterface"));
  REQUIRE(get(nullptr, nullptr, &interface, 0) == CKR_OK);
  CHECK(interface->pFunctionList == list);
  CK_VERSION newer{3, 0};
  CHECK(get(nullptr, &newer, &interface, 0) == CKR_ARGUMENTS_BAD);

  REQUIRE(list->C_Initialize(nullptr) == CKR_OK);
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  REQUIRE(list->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
  CK_SESSION_HANDLE s = 0;
  REQUIRE(list->C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &s) == CKR_OK);
  const auto start = std::chrono::steady_clock::now();
  CHECK(list->C_Login(s, CKU_USER, text(test::wrong_pin), sizeof test::wrong_pin - 1) == CKR_PIN_INCORRECT);
  CHECK(std::chrono::steady_clock::now() - start >= duration_of_refused_login(payload_tape()));

  std::atomic<bool> stop = false;
  std::thread busy([&] {
    CK_TOKEN_INFO token;
    while (!stop) list->C_GetTokenInfo(slots[0], &token);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      CK_TOKEN_INFO token;
      const bool forgotten = list->C_GetTokenInfo(slots[0], &token) == CKR_CRYPTOKI_NOT_INITIALIZED;
      const bool again = list->C_Initialize(nullptr) == CKR_OK && list->C_GetTokenInfo(slots[0], &token) == CKR_OK;
      _exit(forgotten && again ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  stop = true;
  busy.join();
  CHECK(list->C_Finalize(nullptr) == CKR_OK);
}
