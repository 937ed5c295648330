// SPDX-License-Identifier: Apache-2.0
#include "softhsm.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace p11tape::contract {

softhsm::softhsm(const std::string& label) {
  if (access(softhsm_path, R_OK) != 0) return;
  std::filesystem::create_directory(files_ / "tokens");
  std::ofstream(files_ / "softhsm2.conf") << "directories.tokendir = " << (files_ / "tokens").string()
                                          << "\nobjectstore.backend = file\nlog.level = ERROR\n";
  int status = -1;
  output_of({"env", "SOFTHSM2_CONF=" + (files_ / "softhsm2.conf").string(), "softhsm2-util", "--init-token", "--free",
             "--label", label, "--so-pin", "12345678", "--pin", "12345678"},
            status);
  ready_ = status == 0;
}

setup softhsm::surroundings() const {
  return {.module = softhsm_path, .env = {{"SOFTHSM2_CONF", (files_ / "softhsm2.conf").string()}}};
}

}  // namespace p11tape::contract
