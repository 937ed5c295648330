#include "recorded.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

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
