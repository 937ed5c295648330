// SPDX-License-Identifier: Apache-2.0
#include "folder.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace p11tape::tests {

folder::folder() {
  std::string name = std::filesystem::temp_directory_path() / "p11tape-settings.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
  write("p11tape.so", "");
}

folder::~folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void folder::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name, std::ios::binary) << text;
}

const capture::settings& folder::read(const std::vector<std::string>& variables, const char* program, bool secure,
                                      const std::string& shim) {
  std::vector<const char*> environment;
  for (const auto& v : variables) environment.push_back(v.c_str());
  environment.push_back(nullptr);
  const auto shim_path = path(shim);
  capture::read_settings(*settings_, {shim_path.c_str(), program, secure, ::geteuid(), "", environment.data()});
  return *settings_;
}

}  // namespace p11tape::tests
