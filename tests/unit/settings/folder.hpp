// SPDX-License-Identifier: Apache-2.0
// A place for settings files: a folder of its own with a pretended p11tape.so in it, and pretended surroundings.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "capture/settings/settings.hpp"

namespace p11tape::tests {

class folder {
 public:
  folder();
  ~folder();
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  std::string path(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const;

  /// Reads the settings of a shim of that name in this folder. Variables are "NAME=value".
  const capture::settings& read(const std::vector<std::string>& variables = {}, const char* program = "tester",
                                bool secure = false, const std::string& shim = "p11tape.so");

 private:
  std::filesystem::path path_;
  std::unique_ptr<capture::settings> settings_ = std::make_unique<capture::settings>();
};

}  // namespace p11tape::tests
