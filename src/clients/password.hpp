// SPDX-License-Identifier: Apache-2.0
// What may be known of a password: whether there is one, how long it is, and what looks wrong with it. Never its bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "clients/finding.hpp"

namespace p11tape::clients {

struct password_facts {
  bool given = false;
  std::size_t length = 0;
  bool is_protected = false;  ///< made by MQ's runp11cred: <P11>!2!...!...
  bool damaged = false;       ///< begins like a protected one, but is not whole
  bool edge_blanks = false;
  bool quotes = false;
  bool control = false;  ///< carriage return, line feed, tab, NUL, ...
  bool non_ascii = false;

  static password_facts of(std::string_view password) noexcept;

  /// Adds what is wrong with it.
  void check(findings& out, std::size_t line) const;
};

/// What stands for a password in everything that is printed.
inline constexpr std::string_view hidden = "(*********)";

}  // namespace p11tape::clients
