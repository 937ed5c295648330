// SPDX-License-Identifier: Apache-2.0
// IBM MQ's crypto-hardware string:
//
//   GSK_PKCS11= path ; token label ; password ; [ SYMMETRIC_CIPHER_ON | SYMMETRIC_CIPHER_OFF ; ]
//
// No quoting, no escaping, at most 256 bytes. Which text is the password is only certain where the number of fields is
// right; where it is not, nothing but the path is ever shown.
#pragma once

#include <string>
#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

enum class symmetric : std::uint8_t { absent, on, off, unknown };

/// Where a string was found: some faults are only possible in some places.
enum class mq_place : std::uint8_t { ini, environment, sslcryp, mqsco, plain };

struct mq_string {
  bool sound = false;  ///< all fields are there: path, label and password are what they seem
  std::string path;    ///< empty where it does not look like a path
  std::string label;   ///< only where sound
  bool label_may_be_pin = false;
  password_facts password;  ///< only where sound
  std::shared_ptr<const secret_buffer> password_text;
  symmetric cipher = symmetric::absent;
  std::size_t length = 0;
  std::size_t path_begin = 0;  ///< where the path stands in the text
  std::size_t path_end = 0;
  findings found;

  /// "GSK_PKCS11=/p.so;label;(*********);SYMMETRIC_CIPHER_ON;", with another path where one is given.
  std::string shown(std::string_view other_path = {}, bool without_label = false) const;
};

/// `text`: the string as MQ gets it, unescaped. `line`: for the findings.
mq_string parse_mq_string(std::string_view text, mq_place where, std::size_t line = 0);

/// The same as a reading, with the path as its one module.
reading read_mq_string(std::string_view text, mq_place where);

inline constexpr std::size_t mq_string_size = 256;  ///< MQ_SSL_CRYPTO_HARDWARE_LENGTH

}  // namespace p11tape::clients
