// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

namespace p11tape::contract {
namespace {

constexpr std::size_t report_size = 4096;

// Shared between the test and its host, and mapped before the first host starts.
char* report_page() {
  static auto* const page =
      static_cast<char*>(mmap(nullptr, report_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return page;
}

unsigned time_limit = 60;

void send_to(int descriptor, const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, descriptor);
  if (fd != descriptor) close(fd);
}

void surround(const setup& s, const std::string& dir) {
  // What the tester's own shell has set is no business of the tests.
  std::vector<std::string> ours;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (entry.starts_with("P11TAPE_") || entry.starts_with("PKCS11SPY"))
      if (!entry.starts_with("P11TAPE_TEST_")) ours.push_back(entry.substr(0, entry.find('=')));
  }
  for (const auto& name : ours) unsetenv(name.c_str());
  if (!s.module.empty()) setenv("P11TAPE_MODULE", s.module.c_str(), 1);
  if (!s.mock.empty()) setenv("P11TAPE_MOCK", s.mock.c_str(), 1);
  setenv("P11TAPE_DIR", dir.c_str(), 1);
  if (getenv("P11TAPE_TEST_SHIM") != nullptr) {  // other shims have other names for these
    setenv("PKCS11SPY", s.module.c_str(), 1);
    setenv("PKCS11SPY_OUTPUT", "/dev/null", 1);
  }
  for (const auto& [name, value] : s.env) setenv(name.c_str(), value.c_str(), 1);
}

}  // namespace

scratch::scratch() {
  const char* const base = getenv("TMPDIR");
  auto name = std::string(base != nullptr ? base : "/tmp") + "/p11tape-contract.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
  path_ = name;
}

scratch::~scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string shim_path() {
  const char* const other = getenv("P11TAPE_TEST_SHIM");
  return other != nullptr ? other : P11TAPE_SHIM;
}

std::string mock_path(const std::string& name) { return std::string(P11TAPE_MOCK_DIR "/") + name; }

bool outcome::died_of(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

std::string outcome::describe() const {
  std::ostringstream text;
  if (WIFSIGNALED(status)) {
    text << "the host died of signal " << WTERMSIG(status) << " (" << strsignal(WTERMSIG(status)) << ")"
         << (WTERMSIG(status) == SIGALRM ? ": it hung" : "");
  } else {
    text << "the host ended with status " << WEXITSTATUS(status);
  }
  text << "\n" << report;
  if (!out.empty()) text << "stdout: " << out << "\n";
  if (!err.empty()) text << "stderr: " << err << "\n";
  return text.str();
}

outcome run(const setup& s, const std::function<void()>& host) {
  const scratch files;
  char* const report = report_page();
  report[0] = 0;
  const auto dir = s.dir.empty() ? (files / "tapes").string() : s.dir;
  // What the test runner has not written yet must not be written by the child as well.
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    time_limit = s.seconds;
    alarm(time_limit);
    surround(s, dir);
    send_to(STDOUT_FILENO, files / "out");
    send_to(STDERR_FILENO, files / "err");
    try {
      host();
    } catch (const std::exception& e) {
      fail("host", 0, std::string("an exception got out: ") + e.what());
    }
    _exit(report[0] == 0 ? 0 : 1);
  }
  outcome result;
  while (waitpid(child, &result.status, 0) < 0 && errno == EINTR) {
  }
  result.report.assign(report, strnlen(report, report_size));
  result.out = read_file(files / "out");
  result.err = read_file(files / "err");
  return result;
}

std::string output_of(const std::vector<std::string>& command, int& status) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    for (const auto& word_ : command) arguments.push_back(const_cast<char*>(word_.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  waitpid(child, &status, 0);
  return text;
}

void fail(const char* file, int line, const std::string& what) {
  char* const report = report_page();
  const auto used = strnlen(report, report_size - 1);
  std::snprintf(report + used, report_size - used, "%s:%d: not so: %s\n", file, line, what.c_str());
  _exit(1);
}

int in_fork(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(time_limit);
    body();
    _exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

shim::shim(int flags, const std::string& path) : handle(dlopen(path.c_str(), flags)) {
  if (handle == nullptr) fail(__FILE__, __LINE__, std::string("dlopen: ") + dlerror());
}

void* shim::symbol(const char* name) const {
  void* const at = dlsym(handle, name);
  if (at == nullptr) fail(__FILE__, __LINE__, std::string("the shim exports ") + name);
  return at;
}

CK_FUNCTION_LIST* shim::list() const {
  CK_FUNCTION_LIST* out = nullptr;
  EXPECT_EQ(P11TAPE_EXPORTED(*this, C_GetFunctionList)(&out), CK_RV{CKR_OK});
  EXPECT(out != nullptr);
  return out;
}

CK_FUNCTION_LIST_3_2* shim::table(CK_BYTE major, CK_BYTE minor) const {
  CK_UTF8CHAR name[] = "PKCS 11";
  CK_VERSION version = {major, minor};
  CK_INTERFACE* found = nullptr;
  EXPECT_EQ(P11TAPE_EXPORTED(*this, C_GetInterface)(name, &version, &found, 0), CK_RV{CKR_OK});
  EXPECT(found != nullptr && found->pFunctionList != nullptr);
  return static_cast<CK_FUNCTION_LIST_3_2*>(found->pFunctionList);
}

mock::control& script(const std::string& name) {
  void* const handle = dlopen(mock_path(name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) fail(__FILE__, __LINE__, dlerror());
  auto* const control = static_cast<mock::control*>(dlsym(handle, mock::control_name));
  EXPECT(control != nullptr && control->size == sizeof *control);
  return *control;
}

bool same_object(const void* a, const void* b) {
  Dl_info of_a{};
  Dl_info of_b{};
  return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 && of_a.dli_fbase == of_b.dli_fbase;
}

std::size_t messages(const std::string& err) {
  std::size_t n = 0;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) n += line.starts_with("p11tape") ? 1 : 0;
  return n;
}

std::vector<std::filesystem::path> tapes(const std::filesystem::path& dir) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error))
    if (entry.path().extension() == ".p11tape") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace p11tape::contract
