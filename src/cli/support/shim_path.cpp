// SPDX-License-Identifier: Apache-2.0
#include "cli/support/shim_path.hpp"

#include <filesystem>

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

std::string find(const char* name) {
  std::error_code e;
  const auto here = fs::read_symlink("/proc/self/exe", e).parent_path();
  // Unpacked, all is beside the program; so it is where install.sh has installed it, with a shorter name further up
  // that an upgrade keeps. Else the directory of a build, or of a package.
  const bool versioned = here.parent_path().filename() == "versions";
#ifdef P11TAPE_LIBRARY_ARCHITECTURE
  constexpr const char* of_architecture = "../lib/" P11TAPE_LIBRARY_ARCHITECTURE "/pkcs11";
#else
  constexpr const char* of_architecture = "../lib/pkcs11";
#endif
  for (const char* folder :
       {versioned ? "../.." : ".", ".", "../lib", of_architecture, "../lib/pkcs11", "../lib64/pkcs11"}) {
    const auto path = (here / folder / name).lexically_normal();
    if (fs::exists(path, e)) return path.string();
  }
  return "";
}

}  // namespace

std::string find_shim() { return find("p11tape.so"); }

std::string find_run_library() { return find("p11tape-run.so"); }

}  // namespace p11tape::cli
