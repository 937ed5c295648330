// SPDX-License-Identifier: Apache-2.0
// What may be known of a password: whether there is one, how long it is, and what looks wrong with it. Never its bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "clients/config_finding.hpp"
#include "clients/secret_buffer.hpp"

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
  bool placeholder = false;  ///< stands where a PIN should: ***, xxxxxx, <password>. Its length says nothing of the PIN

  static password_facts of(std::string_view password);

  /// Whoever reads the configuration has it.
  bool in_clear_text() const noexcept { return given && !is_protected && !placeholder; }

  /// Adds what is wrong with it. `of_placeholder`: how bad a placeholder is in that place.
  void check(findings& out, std::size_t line, severity of_placeholder = severity::error) const;
};

/// True for what no token has as its PIN, but what tools, manuals and templates write in a PIN's place: a mask (***, xxxxxx,
/// (*********)), <password>, ${PIN}, nothing. No login may be tried with it.
bool is_placeholder(std::string_view password) noexcept;

/// While one exists, the last password that this thread reads in a configuration is kept in it: for the login of doctor,
/// and for nothing else. There is no other way to the bytes.
class password_keeper {
 public:
  password_keeper() noexcept;
  password_keeper(const password_keeper&) = delete;
  password_keeper& operator=(const password_keeper&) = delete;
  ~password_keeper();
  const secret_buffer& kept() const noexcept { return kept_; }

 private:
  friend struct password_facts;
  password_keeper* before_;
  secret_buffer kept_;
};

/// What stands for a password in everything that is printed.
inline constexpr std::string_view hidden = "(*********)";

}  // namespace p11tape::clients
