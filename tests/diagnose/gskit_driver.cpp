// SPDX-License-Identifier: Apache-2.0
// What runmqakm or an MQ client does with a token, and what it says of it.
//
//   gskit_driver MODULE TOKEN-LABEL [CERTIFICATE-LABEL]     with the PIN from the variable GSKIT_PIN
//   gskit_driver --mq-ini FILE                              with the settings of a mqclient.ini
//   gskit_driver --keystore-conf FILE                       with those of Advanced Message Security
//   gskit_driver --sslcryp                                  with the string in the variable MQSSLCRYP
#include <dlfcn.h>

#include <cstdlib>

#include "gskit_settings.hpp"

namespace {

using p11tape::test::gskit_settings;

int run(const gskit_settings& s) {
  void* module = dlopen(s.module.c_str(), RTLD_NOW);
  if (module == nullptr) {
    std::printf("AMQ9668E: The specified PKCS #11 shared library could not be loaded. %s\n", dlerror());
    return 2;
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) return 2;
  return p11tape::test::gskit(list).run(s.job);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (argc < (what == "--sslcryp" ? 2 : 3)) {
    std::fprintf(stderr,
                 "usage: gskit_driver MODULE TOKEN-LABEL [CERTIFICATE-LABEL] | --mq-ini FILE | --keystore-conf FILE | "
                 "--sslcryp\n");
    return 64;
  }
  if (what == "--mq-ini" || what == "--keystore-conf" || what == "--sslcryp") {
    const char* string = std::getenv("MQSSLCRYP");
    const auto s = what == "--mq-ini" ? p11tape::test::settings_of_mq_ini(argv[2])
                   : what == "--keystore-conf"
                       ? p11tape::test::settings_of_keystore_conf(argv[2])
                       : p11tape::test::settings_of_string(string != nullptr ? string : "",
                                                           p11tape::clients::mq_place::environment);
    if (s) return run(*s);
    std::printf("%s\n", what == "--keystore-conf" ? "AMQ9006E: Not all of the PKCS #11 settings are there."
                                                  : "AMQ9629E: Bad SSL cryptographic hardware parameters.");
    return 1;
  }
  const char* pin = std::getenv("GSKIT_PIN");
  return run({argv[1], {argv[2], pin != nullptr ? pin : "", argc > 3 ? argv[3] : ""}});
}
