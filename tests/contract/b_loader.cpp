// SPDX-License-Identifier: Apache-2.0
// B: loading. Whose names are whose, loops, unloading, and what the host's own state looks like afterwards.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <cstring>
#include <filesystem>

#include "softhsm.hpp"
#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

// A module bound to its own names, whoever else exports them: its calls among itself stay inside.
void use_briefly(const shim& s) {
  const auto* const list = s.list();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_INFO info{};
    EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
    CK_SLOT_ID slots[8];
    CK_ULONG count_ = std::size(slots);
    EXPECT_EQ(list->C_GetSlotList(CK_TRUE, slots, &count_), CK_RV{CKR_OK});
    CK_SESSION_HANDLE session = 0;
    EXPECT_EQ(list->C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session), CK_RV{CKR_OK});
    CK_BYTE random[16];
    EXPECT_EQ(list->C_GenerateRandom(session, random, sizeof random), CK_RV{CKR_OK});
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
  }
}

void check_never_nested(const std::filesystem::path& dir) {
  const auto calls = calls_in(dir);
  CHECK(count(calls, "C_Initialize") == 3);
  for (const auto& c : calls) CHECK(c.depth == 0);
}

}  // namespace

TEST_CASE("B1: RTLD_GLOBAL with SoftHSM: its names stay its own") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const scratch dir;
  auto s = token.surroundings();
  s.dir = dir.path();
  RUN_CLEAN(s, [] { use_briefly(shim(RTLD_NOW | RTLD_GLOBAL)); });
  check_never_nested(dir.path());
}

TEST_CASE("B1: RTLD_GLOBAL with the mock: its names stay its own") {
  const std::string module = GENERATE("p11tape-mock.so", "p11tape-mock-2.40.so");
  const scratch dir;
  RUN_CLEAN(setup{.module = mock_path(module), .dir = dir.path()}, [] { use_briefly(shim(RTLD_NOW | RTLD_GLOBAL)); });
  check_never_nested(dir.path());
}

TEST_CASE("B1: RTLD_GLOBAL: 3.x tables of a module that is bound to the shim's names") {
  RUN_CLEAN(setup{}, [] {
    const shim s(RTLD_NOW | RTLD_GLOBAL);
    auto* const table = s.table(3, 2);
    EXPECT_EQ(table->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(table->C_SessionCancel(1, 2), CK_RV{CKR_OK});
    EXPECT_EQ(table->C_VerifySignatureFinal(1), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_VerifySignatureFinal].calls.load(), word{1});
  });
}

TEST_CASE("B1: a module that calls its own exported name comes back through the shim, one level deeper") {
  const scratch dir;
  RUN_CLEAN(setup{.mock = "C_SeedRandom:self", .dir = dir.path()}, [] {
    const shim s(RTLD_NOW | RTLD_GLOBAL);
    EXPECT_EQ(s.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_BYTE seed[4] = {};
    EXPECT_EQ(s.list()->C_SeedRandom(1, seed, sizeof seed), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_GetInfo].calls.load(), word{1});
  });
  const auto calls = calls_in(dir.path());
  REQUIRE(count(calls, "C_GetInfo") == 1);
  for (const auto& c : calls) CHECK(c.depth == (c.function == "C_GetInfo" ? 1U : 0U));
}

TEST_CASE("B1: a call that leads back to itself for ever ends in CKR_GENERAL_ERROR and one message") {
  const auto result = run(setup{.mock = "C_SeedRandom:loop"}, [] {
    const shim s(RTLD_NOW | RTLD_GLOBAL);
    EXPECT_EQ(s.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_BYTE seed[4] = {};
    EXPECT_EQ(s.list()->C_SeedRandom(1, seed, sizeof seed), CK_RV{CKR_GENERAL_ERROR});
    EXPECT_EQ(s.list()->C_SeedRandom(2, seed, sizeof seed), CK_RV{CKR_GENERAL_ERROR});
    EXPECT_EQ(s.list()->C_Logout(1), CK_RV{CKR_USER_NOT_LOGGED_IN});
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
}

// dlsym on a handle searches what the module depends on, too: here another module that has C_GetInterface.
TEST_CASE("B2: C_GetInterface of a library that the module depends on is not the module's") {
  RUN_CLEAN(setup{.module = mock_path("p11tape-mock-needs.so")}, [] {
    const shim s;
    CK_VERSION v = {3, 0};
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, &v, &found, 0), CK_RV{CKR_ARGUMENTS_BAD});
    CK_ULONG n = 0;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterfaceList)(nullptr, &n), CK_RV{CKR_OK});
    EXPECT_EQ(n, CK_ULONG{1});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_SessionCancel)(1, 0), CK_RV{CKR_FUNCTION_NOT_SUPPORTED});
    EXPECT_EQ(script()[function::C_GetInterface].calls.load(), word{0});
    EXPECT_EQ(script()[function::C_SessionCancel].calls.load(), word{0});
    EXPECT_EQ(s.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(script("p11tape-mock-needs.so")[function::C_Initialize].calls.load(), word{1});
  });
}

TEST_CASE("B3: the module named is the shim itself, under any name") {
  const scratch files;
  const std::string kind = GENERATE("itself", "symbolic link", "hard link", "copy");
  std::filesystem::path name = files / "module.so";
  if (kind == "itself") name = shim_path();
  if (kind == "symbolic link") std::filesystem::create_symlink(shim_path(), name);
  if (kind == "copy") std::filesystem::copy_file(shim_path(), name);
  if (kind == "hard link") {
    std::error_code error;
    std::filesystem::create_hard_link(shim_path(), name, error);
    if (error) SKIP("no hard link across file systems");
  }
  const auto flags = GENERATE(RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL);
  const auto result = run(setup{.module = name.string(), .seconds = 20}, [&] {
    const shim s(flags);
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
    EXPECT(list == nullptr);
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
    CK_INTERFACE* found = nullptr;
    EXPECT(P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, nullptr, &found, 0) != CKR_OK);
    EXPECT(found == nullptr);
    EXPECT(P11TAPE_EXPORTED(s, C_Initialize)(nullptr) != CKR_OK);
  });
  INFO(kind << "\n" << result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) >= 1);
}

TEST_CASE("B4: the module is never unloaded, and calls after dlclose of the shim still arrive") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
    dlclose(s.handle);
    EXPECT(dlopen(mock_path().c_str(), RTLD_NOLOAD | RTLD_NOW) != nullptr);
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_Initialize].calls.load(), word{2});
    // Loaded again, it is the same one.
    const shim again;
    EXPECT_EQ(again.list(), list);
    EXPECT_EQ(again.list()->C_Initialize(nullptr), CK_RV{CKR_CRYPTOKI_ALREADY_INITIALIZED});
  });
}

TEST_CASE("B5: errno is the module's: kept where it keeps it, and passed on where it sets it") {
  RUN_CLEAN(setup{}, [] {
    const shim s;
    const auto get = P11TAPE_EXPORTED(s, C_GetFunctionList);
    CK_FUNCTION_LIST* list = nullptr;
    errno = 77;
    EXPECT_EQ(get(&list), CK_RV{CKR_OK});
    EXPECT_EQ(errno, 77);  // the very first call, which loads the module and makes the tape
    auto& control = script();
    for (const int of_module : {0, 88}) {
      control.configure(("*=CKR_DEVICE_ERROR,*:errno=" + std::to_string(of_module)).c_str());
      for (std::size_t i = 0; i < 68; ++i) {
        const std::array<word, mock::most_arguments> none{};
        errno = 77;
        mock::call(list, static_cast<function>(i), none);
        EXPECT_EQ(errno, of_module == 0 ? 77 : 88);
      }
    }
  });
}

TEST_CASE("B5: nothing is left behind in dlerror, whether the module loads or not") {
  const std::string module =
      GENERATE(as<std::string>{}, mock_path(), mock_path("p11tape-mock-2.40.so"), "/nowhere/none.so", "/etc/passwd");
  RUN_CLEAN(setup{.module = module}, [] {
    const shim s;
    CK_FUNCTION_LIST* list = nullptr;
    const auto get = P11TAPE_EXPORTED(s, C_GetFunctionList);
    errno = 77;
    dlerror();
    get(&list);
    EXPECT(dlerror() == nullptr);
    EXPECT_EQ(errno, 77);
  });
}

TEST_CASE("B5: signals, locale and threads of the host are as they were") {
  RUN_CLEAN(setup{}, [] {
    struct sigaction before[65];
    struct sigaction after[65];
    sigset_t mask_before;
    sigset_t mask_after;
    const auto look = [](struct sigaction(&all)[65], sigset_t& mask) {
      std::memset(all, 0, sizeof all);
      for (int n = 1; n < 65; ++n) sigaction(n, nullptr, &all[n]);
      sigemptyset(&mask);
      sigprocmask(SIG_SETMASK, nullptr, &mask);
    };
    const auto threads = [] {
      const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
      return std::distance(begin(tasks), end(tasks));
    };
    look(before, mask_before);
    const std::string locale = setlocale(LC_ALL, nullptr);
    const auto threads_before = threads();
    const auto mask_of_files = umask(022);
    umask(mask_of_files);
    use_briefly(shim());
    look(after, mask_after);
    for (int n = 1; n < 65; ++n) {
      EXPECT(before[n].sa_handler == after[n].sa_handler);
      EXPECT_EQ(before[n].sa_flags, after[n].sa_flags);
    }
    EXPECT(std::memcmp(&mask_before, &mask_after, sizeof mask_before) == 0);
    EXPECT_EQ(locale, std::string(setlocale(LC_ALL, nullptr)));
    EXPECT_EQ(threads(), threads_before);
    EXPECT_EQ(umask(022), mask_of_files);
  });
}

TEST_CASE("B5: the very first call in a thread with a small stack") {
  if (sanitized) SKIP("sanitizers need a larger stack");
  const std::string module = GENERATE(as<std::string>{}, mock_path(), "/nowhere/none.so");
  RUN_CLEAN(setup{.module = module}, [] {
    static shim s;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    const auto size = std::max(64 * 1024L, sysconf(_SC_THREAD_STACK_MIN));  // which some architectures have more of
    EXPECT(pthread_attr_setstacksize(&attributes, static_cast<std::size_t>(size)) == 0);
    pthread_t thread;
    const auto body = [](void*) -> void* {
      CK_FUNCTION_LIST* list = nullptr;
      if (P11TAPE_EXPORTED(s, C_GetFunctionList)(&list) == CKR_OK) use_briefly(s);
      return nullptr;
    };
    EXPECT(pthread_create(&thread, &attributes, body, nullptr) == 0);
    pthread_join(thread, nullptr);
  });
}

TEST_CASE("B5: nothing is said on stdout or stderr while all is well, and nothing read from stdin") {
  const auto result = run(setup{}, [] {
    int ends[2];
    EXPECT(pipe(ends) == 0);
    EXPECT(write(ends[1], "x", 1) == 1);
    dup2(ends[0], STDIN_FILENO);
    use_briefly(shim());
    char c = 0;
    EXPECT(read(STDIN_FILENO, &c, 1) == 1 && c == 'x');
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(result.out.empty());
  CHECK(result.err.empty());
}
