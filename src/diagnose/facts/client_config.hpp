// SPDX-License-Identifier: Apache-2.0
// What the client's configuration says, where the user has shown it: the token's label, and what is wrong with it.
// The PIN in it is never kept: only its length and what looks wrong with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/label_setting.hpp"
#include "clients/reading.hpp"

namespace p11tape::diagnose {

struct configured {
  bool given = false;
  std::string source;                ///< "mqclient.ini", "the string of --sslcryp"
  std::optional<std::string> label;  ///< of the token
  bool label_hidden = false;         ///< it may be the PIN: compared, never printed
  clients::label_setting setting;    ///< the line with the label in it, to be written again with another one
  clients::password_facts password;
  std::vector<std::string> certificate_labels;
  std::vector<label::other_name> other_names;
  std::vector<clients::finding> faults;
  bool is_mq = false;
};

/// Of a configuration that was read. `source`: what to call it.
configured configured_by(const clients::reading& read, std::string source);

/// Of a token label alone.
configured configured_label(std::string label);

}  // namespace p11tape::diagnose
