// SPDX-License-Identifier: Apache-2.0
// The line of a configuration in which the token's label stands, as it should be: with another label, the real module,
// and <password> where the PIN is to be filled in. What is printed can be pasted; there is no PIN in it.
#pragma once

#include <string>
#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

class label_setting {
 public:
  /// Nothing that could be written, until there is a reading.
  label_setting() = default;
  explicit label_setting(const reading& r);

  /// The path of the module that the configuration names.
  const std::string& module() const noexcept { return module_; }

  /// The whole line. `module`: the path to write, as it is. "" if there is no such line, or no way to write the label.
  std::string with(std::string_view label, std::string_view module) const;

 private:
  client kind_ = client::mq_ini;
  bool known_ = false;
  std::string module_;
  std::string rest_;  ///< of MQ's string, behind the label
};

}  // namespace p11tape::clients
