// SPDX-License-Identifier: Apache-2.0
// What all contract tests stand on: a host process of its own for each test.
//
// A test describes its surroundings (`setup`), and gives the host's code as a function that runs in a child process,
// where a crash, a hang or a hijacked symbol hurts nobody else. The child reports what went wrong through shared
// memory, so that even a host that has closed all its descriptors can. Nothing of the shim is ever loaded into the test
// program itself.
//
// The shim is the one that was built with the tests. P11TAPE_TEST_SHIM names another shared object instead: pointing it
// at another project's shim is how one sees that these tests can fail.
#pragma once

#include <dlfcn.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../mock/call.hpp"
#include "../mock/control.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::contract {

using cryptoki::function;
using mock::word;

/// A folder of its own, removed in the end.
class scratch {
 public:
  scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// True where shim and tests are built with sanitizers, which need more stack, more address space and more libraries.
inline constexpr bool sanitized =
#ifdef P11TAPE_SANITIZED
    true;
#else
    false;
#endif

std::string shim_path();
/// "p11tape-mock.so", "p11tape-mock-2.40.so" ...
std::string mock_path(const std::string& name = "p11tape-mock.so");
inline constexpr const char* softhsm_path = "/usr/lib/softhsm/libsofthsm2.so";

struct setup {
  std::string mock = {};             ///< P11TAPE_MOCK
  std::string module = mock_path();  ///< P11TAPE_MODULE; unset where empty
  std::string dir = {};              ///< P11TAPE_DIR; empty: a scratch folder
  unsigned seconds = 60;             ///< after which the child is held to hang, and ends by SIGALRM
  std::vector<std::pair<std::string, std::string>> env = {};  ///< further variables
};

struct outcome {
  int status = 0;      ///< of waitpid
  std::string report;  ///< what EXPECT found wrong
  std::string out;     ///< stdout
  std::string err;     ///< stderr
  bool clean() const { return status == 0 && report.empty(); }
  /// Killed by this signal?
  bool died_of(int signal) const;
  std::string describe() const;
};

/// Runs `host` in a child process; it ends by _exit(0) when `host` returns.
outcome run(const setup& s, const std::function<void()>& host);

/// Runs a program to its end, and gives what it wrote to stdout. `status`: of waitpid.
std::string output_of(const std::vector<std::string>& command, int& status);

/// Ends a host with a report. The variant with values is what EXPECT_EQ uses.
[[noreturn]] void fail(const char* file, int line, const std::string& what);

/// A child of the host: runs `body` and gives the status that waitpid had. The time limit holds for it as well.
int in_fork(const std::function<void()>& body);

/// In the host: the shim, loaded as an application does.
struct shim {
  explicit shim(int flags = RTLD_NOW | RTLD_LOCAL, const std::string& path = shim_path());
  void* handle;

  /// By C_GetFunctionList.
  CK_FUNCTION_LIST* list() const;
  /// The table of C_GetInterface for "PKCS 11" of that version.
  CK_FUNCTION_LIST_3_2* table(CK_BYTE major, CK_BYTE minor) const;
  /// The exported C_* of that name; ends the host where there is none.
  template <class Function>
  Function exported(const char* name) const {
    return reinterpret_cast<Function>(symbol(name));
  }
  void* symbol(const char* name) const;
};
#define P11TAPE_EXPORTED(s, name) (s).exported<decltype(&::name)>(#name)

/// In the host: the script of the module that the shim stands in front of. Loads it where nobody has yet.
mock::control& script(const std::string& name = "p11tape-mock.so");

/// True where both addresses lie in the same shared object.
bool same_object(const void* a, const void* b);

/// How many lines of the text are messages of the shim.
std::size_t messages(const std::string& err);

/// The names of the files in a folder that end in ".p11tape", sorted.
std::vector<std::filesystem::path> tapes(const std::filesystem::path& dir);

std::string read_file(const std::filesystem::path& path);

template <class T>
std::string show(const T& value) {
  if constexpr (std::is_pointer_v<T>) {
    char text[32];
    std::snprintf(text, sizeof text, "%p", reinterpret_cast<const void*>(value));
    return text;
  } else if constexpr (std::is_convertible_v<T, std::string>) {
    return std::string(value);
  } else {
    return std::to_string(value);
  }
}

template <class A, class B>
void expect_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) fail(file, line, std::string(text) + ": " + show(a) + " and " + show(b));
}

/// True once a test of this process was skipped.
inline bool& skipped() noexcept {
  static bool any = false;
  return any;
}

}  // namespace p11tape::contract

#define EXPECT(...)                                                                \
  do {                                                                             \
    if (!(__VA_ARGS__)) p11tape::contract::fail(__FILE__, __LINE__, #__VA_ARGS__); \
  } while (0)
#define EXPECT_EQ(a, b) p11tape::contract::expect_equal(a, b, #a " == " #b, __FILE__, __LINE__)
/// Runs the host and fails the test where it did not end well.
#define RUN_CLEAN(...)                                           \
  do {                                                           \
    const auto run_result = p11tape::contract::run(__VA_ARGS__); \
    INFO(run_result.describe());                                 \
    CHECK(run_result.clean());                                   \
  } while (0)
/// Leaves a test that this machine cannot run, and says why: ctest then reports it as skipped (status 77, main.cpp).
#define SKIP(why)                        \
  do {                                   \
    WARN("skipped: " << why);            \
    p11tape::contract::skipped() = true; \
    return;                              \
  } while (0)
