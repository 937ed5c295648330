// SPDX-License-Identifier: Apache-2.0
#include "rig.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace p11tape::test {
namespace fs = std::filesystem;
namespace {

constexpr char softhsm[] = "/usr/lib/softhsm/libsofthsm2.so";

CK_FUNCTION_LIST* load(const char* path) {
  void* const module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) _exit(10);
  CK_FUNCTION_LIST* list = nullptr;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  if (get == nullptr || get(&list) != CKR_OK) _exit(11);
  return list;
}

// Runs in a child process, so that neither shim nor SoftHSM is ever loaded into the test program.
int in_child(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    body();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

void need(CK_RV rv, int code) {
  if (rv != CKR_OK) _exit(code);
}

CK_UTF8CHAR* text(const char* s) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(s)); }

void make_token() {
  auto& p = *load(softhsm);
  need(p.C_Initialize(nullptr), 20);
  CK_SLOT_ID slot = 0;
  CK_ULONG one = 1;
  need(p.C_GetSlotList(CK_TRUE, &slot, &one), 21);
  CK_UTF8CHAR label[33];
  std::memcpy(label, "player                          ", 33);
  need(p.C_InitToken(slot, text("security-officer"), 16, label), 22);
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  need(p.C_GetSlotList(CK_TRUE, slots, &count), 23);
  CK_SESSION_HANDLE s = 0;
  need(p.C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &s), 24);
  need(p.C_Login(s, CKU_SO, text("security-officer"), 16), 25);
  need(p.C_InitPIN(s, text(user_pin), sizeof user_pin - 1), 26);
  need(p.C_Logout(s), 27);
  need(p.C_Login(s, CKU_USER, text(user_pin), sizeof user_pin - 1), 28);
  CK_BBOOL yes = CK_TRUE;
  CK_ULONG bits = 2048;
  char name[] = "signer";
  CK_ATTRIBUTE open[] = {{CKA_TOKEN, &yes, 1}, {CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_LABEL, name, 6}};
  CK_ATTRIBUTE closed[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SIGN, &yes, 1}, {CKA_LABEL, name, 6}};
  CK_MECHANISM make{CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE a = 0, b = 0;
  need(p.C_GenerateKeyPair(s, &make, open, 3, closed, 4, &a, &b), 29);
  need(p.C_Finalize(nullptr), 30);
}

struct home {
  fs::path path;
  home() {
    auto name = fs::temp_directory_path().string() + "/p11tape-player.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
    fs::create_directory(path / "tokens");
    std::ofstream(path / "softhsm2.conf") << "directories.tokendir = " << (path / "tokens").string()
                                          << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    setenv("SOFTHSM2_CONF", (path / "softhsm2.conf").c_str(), 1);
    setenv("P11TAPE_PLAY_LOG", (path / "log").c_str(), 1);
  }
  ~home() { fs::remove_all(path); }
};

}  // namespace

const fs::path& folder() {
  static const home h;
  return h.path;
}

results& shared() {
  static auto* const r =
      static_cast<results*>(mmap(nullptr, sizeof(results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return *r;
}

fs::path record(const char* profile, const std::function<void(CK_FUNCTION_LIST&)>& client) {
  static int recordings = 0;
  static const int token = (folder(), in_child(make_token));
  INFO("tests/player needs SoftHSM: " << softhsm);
  REQUIRE(token == 0);
  const auto tapes = folder() / ("tapes." + std::to_string(++recordings));
  shared();
  const int status = in_child([&] {
    setenv("P11TAPE_MODULE", softhsm, 1);
    setenv("P11TAPE_DIR", tapes.c_str(), 1);
    setenv("P11TAPE_PROFILE", profile, 1);
    client(*load(P11TAPE_TEST_SHIM));
  });
  REQUIRE(status == 0);
  for (const auto& entry : fs::directory_iterator(tapes)) return entry.path();
  FAIL("no tape");
  return {};
}

playing::playing(const fs::path& tape, const char* delay)
    : player_([&] {
        folder();
        setenv("P11TAPE_PLAY", tape.c_str(), 1);
        setenv("P11TAPE_PLAY_DELAY", delay, 1);
        return player::player();
      }()) {}

CK_SESSION_HANDLE playing::open() {
  using cryptoki::function;
  REQUIRE((*this)(function::C_Initialize, nullptr) == CKR_OK);
  CK_SLOT_ID slots[4] = {};
  CK_ULONG count = 4;
  REQUIRE((*this)(function::C_GetSlotList, CK_TRUE, slots, &count) == CKR_OK);
  CK_SESSION_HANDLE s = 0;
  REQUIRE((*this)(function::C_OpenSession, slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &s) == CKR_OK);
  return s;
}

std::string said() {
  std::ifstream in(folder() / "log");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace p11tape::test
