// SPDX-License-Identifier: Apache-2.0
// p11-kit's *.module files: lines of name: value.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/reading.hpp"

namespace p11tape::clients {

reading read_p11_kit(std::string_view text, std::string_view file_name);

/// The folders of module files, the one that decides first: the user's, /etc, the packages'. `config_home`: what
/// XDG_CONFIG_HOME names, or ~/.config.
std::vector<std::string> p11_kit_folders(std::string_view config_home);

struct p11_kit_file {
  std::string path;               ///< of the file in effect; empty where there is none
  std::vector<std::string> also;  ///< files of the same name further down
};

/// Finds NAME or NAME.module.
p11_kit_file find_p11_kit_file(std::string_view name, std::string_view config_home,
                               const std::function<bool(const std::string&)>& exists);

/// An absolute path for what `module:` says: relative ones lie in p11-kit's module folder.
std::string p11_kit_module_path(std::string_view module, const std::function<bool(const std::string&)>& exists);

}  // namespace p11tape::clients
