// SPDX-License-Identifier: Apache-2.0
#include "recorded.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "arrange.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::test {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

void* load(const char* path) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) give_up(dlerror());
  return handle;
}

}  // namespace

recorded_mock::recorded_mock(const char* profile) {
  char name[] = "/tmp/p11tape-recording-XXXXXX";
  if (mkdtemp(name) == nullptr) give_up("no temporary folder");
  folder_ = name;
  setenv("P11TAPE_MODULE", P11TAPE_TEST_MOCK, 1);
  setenv("P11TAPE_DIR", name, 1);
  setenv("P11TAPE_PROFILE", profile, 1);
  shim_ = load(P11TAPE_TEST_SHIM);
  CK_FUNCTION_LIST_PTR list = nullptr;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(shim_, "C_GetFunctionList"));
  if (get == nullptr || get(&list) != CKR_OK) give_up("the shim gives no function list");
  script_ = static_cast<mock::control*>(dlsym(load(P11TAPE_TEST_MOCK), mock::control_name));
  if (script_ == nullptr || script_->size != sizeof(mock::control)) give_up("the mock is of another build");
}

recorded_mock::~recorded_mock() { std::filesystem::remove_all(folder_); }

CK_RV recorded_mock::call(cryptoki::function f, std::span<const std::uint64_t> words) const {
  return mock::call_address(mock::exported(shim_, f), f, words);
}

std::filesystem::path recorded_mock::tape() const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (entry.path().extension() == ".p11tape") return entry.path();
  give_up("there is no tape in " + folder_.string());
}

std::vector<std::string> tapes_of_every_function(const char* profile) {
  char name[] = "/tmp/p11tape-every-XXXXXX";
  if (mkdtemp(name) == nullptr) give_up("no temporary folder");
  if (const pid_t child = fork(); child == 0) {
    setenv("P11TAPE_DIR", name, 1);
    setenv("P11TAPE_LIMIT", "1M", 1);
    setenv("P11TAPE_PROFILE", profile, 1);
    setenv("P11TAPE_MODULE", P11TAPE_TEST_MOCK, 1);
    void* const shim = dlopen(P11TAPE_TEST_SHIM, RTLD_NOW);
    if (shim == nullptr) _exit(2);
    arranger a(1);
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<cryptoki::function>(i);
      if (f == cryptoki::function::C_Finalize || f == cryptoki::function::C_WaitForSlotEvent) continue;
      mock::call_address(mock::exported(shim, f), f, a.arguments(f));
    }
    _exit(0);
  } else {
    int status = 0;
    waitpid(child, &status, 0);
  }
  std::vector<std::string> tapes;
  for (const auto& entry : std::filesystem::directory_iterator(name)) {
    std::ifstream in(entry.path(), std::ios::binary);
    tapes.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  std::filesystem::remove_all(name);
  return tapes;
}

std::string contents_of(const std::filesystem::path& tape) {
  std::ifstream file(tape, std::ios::binary);
  std::string all{std::istreambuf_iterator<char>(file), {}};
  const tape::reader reader(tape.string());
  const auto add = [&](const tape::record_view& r) {
    all.append(reinterpret_cast<const char*>(r.body.data()), r.body.size());
  };
  for (std::size_t i = 0; i < reader.threads().size(); ++i) {
    auto records = reader.records(i);
    tape::record_view r;
    while (records.next(r)) add(r);
    if (records.next_in_flight(r)) add(r);
  }
  return all;
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) give_up("cannot run " + command);
  std::string out;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  if (pclose(pipe) != 0) give_up("failed: " + command);
  return out;
}

}  // namespace p11tape::test
