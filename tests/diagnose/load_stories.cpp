// SPDX-License-Identifier: Apache-2.0
// Why a module could not be loaded: the recorder's own sentences, told apart.
#include <catch2/catch.hpp>

#include "diagnose/story.hpp"
#include "diagnose/synthetic.hpp"

namespace p11tape::test {
namespace {

std::string answer(const std::string& error, const std::string& module = "/opt/hsm/libhsm.so") {
  tape_story s;
  s.property("module", module).property("module.error", error).property("euid", "998");
  const auto t = s.diagnose();
  CHECK(t.first() == "P1");
  return t.text();
}

std::string loading(const std::string& loader) {
  return answer("cannot load the PKCS#11 module /opt/hsm/libhsm.so (P11TAPE_MODULE): " + loader);
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  INFO(part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

TEST_CASE("P1 tells apart why a module was not loaded") {
  const auto none = answer("no PKCS#11 module is named (set P11TAPE_MODULE to the path of the real module)", "");
  has(none, "No PKCS#11 module is named");
  has(none, "did not reach this process");
  const auto missing = loading("/opt/hsm/libhsm.so: cannot open shared object file: No such file or directory");
  has(missing, "/opt/hsm/libhsm.so does not exist for this process");
  has(missing, "ls -lL /opt/hsm/libhsm.so");
  const auto needs = loading("libusb-1.0.so.0: cannot open shared object file: No such file or directory");
  has(needs, "needs libusb-1.0.so.0, which the dynamic loader did not find");
  has(needs, "ldconfig -p | grep -F libusb-1.0.so.0");
  has(loading("/opt/hsm/libhsm.so: wrong ELF class: ELFCLASS32"), "built for another architecture");
  has(loading("/opt/hsm/libhsm.so: invalid ELF header"), "built for another architecture");
  const auto denied = loading("/opt/hsm/libhsm.so: cannot open shared object file: Permission denied");
  has(denied, "User 998 may not read /opt/hsm/libhsm.so");
  has(denied, "namei -l /opt/hsm/libhsm.so");
  has(loading("/opt/hsm/libhsm.so: undefined symbol: EVP_aes_128_gcm"), "does not fit a library");
  has(answer("/opt/hsm/libhsm.so (P11TAPE_MODULE) is not a PKCS#11 module: it does not export C_GetFunctionList"),
      "is not a PKCS#11 module");
  has(answer("P11TAPE_MODULE names /usr/lib/p11tape.so, which is p11tape itself (set it)"),
      "configured to load itself");
}

}  // namespace
}  // namespace p11tape::test
