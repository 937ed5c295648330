// SPDX-License-Identifier: Apache-2.0
// A host for the tests: makes known calls from any number of threads, and says which, so that a tape or a log can be
// compared with what really happened.
//
//   settings-driver MODULE THREADS ROUNDS [PAUSE_MS]
//
// Prints a line for each call, in the order of each thread: kernel's thread id, function, return value.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "p11tape/pkcs11.h"

namespace {

CK_FUNCTION_LIST_PTR list;

class calls {
 public:
  void add(const char* function, CK_RV rv) {
    char line[128];
    std::snprintf(line, sizeof line, "%ld %s 0x%lX\n", ::syscall(SYS_gettid), function, rv);
    text_ += line;
  }
  ~calls() { std::fputs(text_.c_str(), stdout); }

 private:
  std::string text_;
};

#define CALL(name, ...) made.add(#name, list->name(__VA_ARGS__))

void work(CK_SLOT_ID slot, int rounds, int pause_ms) {
  calls made;
  CK_SESSION_HANDLE session = 0;
  CALL(C_OpenSession, slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  CK_SESSION_INFO info{};
  CK_TOKEN_INFO token{};
  unsigned char random[16];
  for (int i = 0; i < rounds; ++i) {
    CALL(C_GetSessionInfo, session, &info);
    CALL(C_GenerateRandom, session, random, sizeof random);
    CALL(C_GetTokenInfo, slot, &token);
    CALL(C_GetTokenInfo, 4711, &token);  // no such slot
    if (pause_ms != 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
  CALL(C_CloseSession, session);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  void* module = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 2;
  }
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
  calls made;
  const CK_RV rv = get_list(&list);
  made.add("C_GetFunctionList", rv);
  if (rv != CKR_OK) return 3;
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  CALL(C_Initialize, &arguments);
  CK_SLOT_ID slots[8];
  CK_ULONG count = 8;
  CALL(C_GetSlotList, CK_TRUE, slots, &count);
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[2]); ++i)
    threads.emplace_back(work, slots[0], std::atoi(argv[3]), argc > 4 ? std::atoi(argv[4]) : 0);
  for (auto& t : threads) t.join();
  CALL(C_Finalize, nullptr);
}
