// SPDX-License-Identifier: Apache-2.0
// B3: loops that go through p11-kit, which loads modules of its own accord.
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "private_mounts.hpp"
#include "softhsm.hpp"
#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

std::string proxy_path() {
  for (const auto* const path : {"/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so",
                                 "/usr/lib/aarch64-linux-gnu/p11-kit-proxy.so", "/usr/lib64/p11-kit-proxy.so"})
    if (access(path, R_OK) == 0) return path;
  return "";
}

// p11-kit's folder of modules, with one that is the shim. As root it reads no folder of the user's.
bool configure_p11_kit(const scratch& files, const std::string& module) {
  const auto modules = files / "modules";
  std::filesystem::create_directories(modules);
  std::ofstream(modules / "recorded.module") << "module: " << module << "\n";
  return private_mounts() && mount(modules.c_str(), "/usr/share/p11-kit/modules", nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

namespace {

// A copy of the shim under a name of its own, with a settings file beside it that names its module.
std::string copy_of_shim(const scratch& files, const std::string& name, const std::string& module) {
  const auto copy = files / (name + ".so");
  std::filesystem::copy_file(shim_path(), copy);
  std::ofstream(files / (name + ".yaml")) << "module: " << module << "\n";
  return copy;
}

}  // namespace

TEST_CASE("B3: two copies of the shim that name each other") {
  const scratch files;
  const auto first = copy_of_shim(files, "first", (files / "second.so").string());
  copy_of_shim(files, "second", first);
  const auto flags = GENERATE(RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL);
  const auto result = run(setup{.module = "", .seconds = 20}, [&] {
    const shim s(flags, first);
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
    EXPECT(P11TAPE_EXPORTED(s, C_Initialize)(nullptr) != CKR_OK);
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) >= 1);
}

TEST_CASE("B3: a copy of the shim in front of another records on two tapes") {
  const scratch files;
  const scratch dir;
  const auto inner = copy_of_shim(files, "inner", mock_path());
  const auto outer = copy_of_shim(files, "outer", inner);
  const auto flags = GENERATE(RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL);
  RUN_CLEAN(setup{.module = "", .dir = dir.path()}, [&] {
    const shim s(flags, outer);
    EXPECT_EQ(s.list()->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_INFO info;
    EXPECT_EQ(s.list()->C_GetInfo(&info), CK_RV{CKR_OK});
    EXPECT_EQ(script()[function::C_GetInfo].calls.load(), word{1});
  });
  REQUIRE(tapes(dir.path()).size() == 2);
  for (const auto& tape : tapes(dir.path())) CHECK(count(calls_of(tape), "C_GetInfo") == 1);
}

TEST_CASE("B3: the module is p11-kit's proxy, which loads the shim: an error, and neither a crash nor a hang") {
  const auto proxy = proxy_path();
  if (proxy.empty() || access("/usr/share/p11-kit/modules", R_OK) != 0) SKIP("p11-kit is not installed");
  const scratch files;
  const auto flags = GENERATE(RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL);
  const auto result = run(setup{.module = proxy, .seconds = 30}, [&] {
    if (!configure_p11_kit(files, shim_path())) _exit(77);
    const shim s(flags);
    CK_FUNCTION_LIST* list = nullptr;
    if (P11TAPE_EXPORTED(s, C_GetFunctionList)(&list) != CKR_OK) return;
    for (int n = 0; n < 3; ++n) {
      list->C_Initialize(nullptr);
      CK_INFO info;
      list->C_GetInfo(&info);
      CK_ULONG count = 0;
      list->C_GetSlotList(CK_FALSE, nullptr, &count);
      list->C_Finalize(nullptr);
    }
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77)
    SKIP("no private mounts here (needs root or user namespaces)");
  INFO(result.describe());
  CHECK(result.clean());
}

TEST_CASE("B3: p11-kit's proxy in front of the shim in front of SoftHSM") {
  const auto proxy = proxy_path();
  const softhsm token;
  if (proxy.empty() || !token.ready()) SKIP("p11-kit or SoftHSM is not installed");
  const scratch files;
  const auto result = run(token.surroundings(), [&] {
    if (!configure_p11_kit(files, shim_path())) _exit(77);
    const shim s(RTLD_NOW | RTLD_LOCAL, proxy);
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    CK_ULONG count = 0;
    EXPECT_EQ(list->C_GetSlotList(CK_TRUE, nullptr, &count), CK_RV{CKR_OK});
    EXPECT(count >= 1);
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77)
    SKIP("no private mounts here (needs root or user namespaces)");
  INFO(result.describe());
  CHECK(result.clean());
}
