// SPDX-License-Identifier: Apache-2.0
// What the client's configuration says, where the user has shown it: the token's label, and what is wrong with it.
// The PIN in it is never kept: only its length and what looks wrong with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/reading.hpp"

namespace p11tape::diagnose {

struct configured {
  bool given = false;
  std::string source;                ///< "mqclient.ini", "the string of --sslcryp"
  std::optional<std::string> label;  ///< of the token
  bool label_hidden = false;         ///< it may be the PIN: compared, never printed
  std::string shown;                 ///< the setting as it may be printed; may be empty
  bool escaped = false;              ///< the setting stands in mqclient.ini, where ; # and \ have a backslash
  clients::password_facts password;
  std::vector<std::string> certificate_labels;
  std::vector<label::other_name> other_names;
  std::vector<clients::finding> faults;
  bool is_mq = false;

  /// The whole setting with another label in it, the PIN hidden; "" where there is none that could be written so.
  std::string with_label(std::string_view right) const;
};

/// Of a configuration that was read. `source`: what to call it.
configured configured_by(const clients::reading& read, std::string source);

/// Of a token label alone.
configured configured_label(std::string label);

}  // namespace p11tape::diagnose
