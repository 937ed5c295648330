// SPDX-License-Identifier: Apache-2.0
// The bytes are examined once, here. Only counts and yes or no leave this file, or the bytes into a password_keeper.
#include "clients/password.hpp"

#include <string>

namespace p11tape::clients {
namespace {

thread_local password_keeper* keeper = nullptr;

constexpr std::string_view protected_start = "<P11>!";

bool is_base64(std::string_view text) noexcept {
  if (text.empty()) return false;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '+' && c != '/') return false;
  }
  return true;
}

// <P11>!version!base64!base64
bool is_whole(std::string_view text) noexcept {
  text.remove_prefix(protected_start.size());
  const auto first = text.find('!');
  if (first == std::string_view::npos || first == 0) return false;
  if (text.substr(0, first).find_first_not_of("0123456789") != std::string_view::npos) return false;
  text.remove_prefix(first + 1);
  const auto second = text.find('!');
  return second != std::string_view::npos && is_base64(text.substr(0, second)) && is_base64(text.substr(second + 1));
}

}  // namespace

password_facts password_facts::of(std::string_view password) {
  if (keeper != nullptr) keeper->kept_ = secret_buffer(password);
  password_facts f;
  f.given = !password.empty();
  f.length = password.size();
  if (password.starts_with(protected_start.substr(0, 5))) {
    f.is_protected = true;
    f.damaged = !password.starts_with(protected_start) || !is_whole(password);
    return f;
  }
  for (const char c : password) {
    f.quotes |= c == '"' || c == '\'';
    f.control |= static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    f.non_ascii |= static_cast<unsigned char>(c) > 0x7F;
  }
  f.edge_blanks = password.starts_with(' ') || password.ends_with(' ');
  return f;
}

password_keeper::password_keeper() noexcept : before_(keeper) { keeper = this; }
password_keeper::~password_keeper() { keeper = before_; }

void password_facts::check(findings& out, std::size_t line) const {
  if (!given) return;
  const std::string size = std::to_string(length) + " bytes.";
  if (is_protected) {
    out.add(damaged ? code::CFG141 : code::CFG140, "It starts like a password protected by runp11cred.", line);
    return;
  }
  if (quotes) out.add(code::CFG142, size, line);
  if (edge_blanks) out.add(code::CFG143, size, line);
  if (control) out.add(code::CFG144, size, line);
  if (non_ascii) out.add(code::CFG145, size, line);
  if (length < 4 || length > 64) out.add(code::CFG146, size, line);
}

}  // namespace p11tape::clients
