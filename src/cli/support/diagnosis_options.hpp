// SPDX-License-Identifier: Apache-2.0
// What a diagnosis may know besides the tapes: the configuration of the client.
#pragma once

#include <string>

#include "cli/support/client_options.hpp"
#include "diagnose/facts/client_config.hpp"

namespace p11tape::cli {

class diagnosis_options {
 public:
  void add_to(CLI::App& command);

  /// Reads the configuration that was named; nothing is given where none was. Throws std::runtime_error where it cannot be
  /// read. May ask for a secret on the terminal.
  diagnose::configured read();

  client_options clients;

  /// --token-label; "" if it was not given.
  const std::string& token_label() const noexcept { return token_label_; }

 private:
  std::string token_label_;
};

}  // namespace p11tape::cli
