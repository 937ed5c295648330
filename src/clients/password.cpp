// SPDX-License-Identifier: Apache-2.0
// The bytes are examined once, here. Only counts and yes or no leave this file, or the bytes into a password_keeper.
#include "clients/password.hpp"

#include <array>
#include <string>
#include <utility>

#include "text/lines.hpp"

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

// One sign again and again, as in ****, xxxxxx or ......; digits and other letters may be a PIN.
bool is_mask(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 10> signs = {
      "*", "#", "?", ".", "-", "_", "\xE2\x80\xA2" /* bullet */, "\xE2\x97\x8F" /* circle */, "\xE2\x80\xA6" /* ... */,
      "="};
  const auto repeats = [&](std::string_view sign) {
    auto rest = text;
    while (rest.starts_with(sign)) rest.remove_prefix(sign.size());
    return rest.empty();
  };
  for (const auto sign : signs)
    if (repeats(sign)) return true;
  return text.size() >= 3 && (repeats("x") || repeats("X"));
}

// What manuals, templates and config/ write.
bool is_description(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 8> words = {"PIN of the token", "token PIN", "your PIN", "your password",
                                                     "redacted",         "hidden",    "masked",   "not shown"};
  for (const auto word : words)
    if (text::same_word(text, word)) return true;
  return false;
}

}  // namespace

bool is_placeholder(std::string_view password) noexcept {
  auto text = text::trim(password);
  if (text.starts_with('<') && text.ends_with('>')) return true;
  if (text.ends_with('}') && (text.starts_with("${") || text.starts_with("{{"))) return true;
  for (const auto& [open, close] : {std::pair{'(', ')'}, {'[', ']'}, {'"', '"'}, {'\'', '\''}})
    if (text.size() > 1 && text.front() == open && text.back() == close) text = text.substr(1, text.size() - 2);
  return text.empty() || is_mask(text) || is_description(text);
}

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
  f.placeholder = f.given && is_placeholder(password);
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

void password_facts::check(findings& out, std::size_t line, severity of_placeholder) const {
  if (!given) return;
  if (placeholder) {
    auto& f = out.add(code::CFG148, "", line);
    f.level = of_placeholder;
    if (of_placeholder == severity::info) {
      f.detail = "MQ shows it instead of the PIN that it keeps.";
      f.advice = "To try the PIN, use --pin prompt: doctor never logs in with a mask.";
    }
    return;  // quotes, spaces and length are those of the placeholder
  }
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
