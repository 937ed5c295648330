// SPDX-License-Identifier: Apache-2.0
// Each step undoes one thing. A step changes both sides where it is a way of writing (case, blanks), and one side where
// only that one can be wrong (a label that was cut). A step that changes nothing does not count, so that it is never
// named.
#include "label/folding_steps.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "label/similar_characters.hpp"

namespace p11tape::label {
namespace {

// Applies a folding to both sides, and says whether it changed either.
template <typename Fold>
bool both(pair& p, Fold fold) {
  std::string configured = fold(p.configured);
  std::string shown = fold(p.shown);
  const bool changed = configured != p.configured || shown != p.shown;
  p.configured = std::move(configured);
  p.shown = std::move(shown);
  return changed;
}

std::string up_to_nul(std::string_view text) { return std::string(text.substr(0, text.find('\0'))); }

bool undo_nul(pair& p) {
  if (p.shown.find('\0') == std::string::npos) return false;
  p.shown = std::string(unpadded(up_to_nul(p.shown)));
  return true;
}

bool undo_ebcdic(pair& p) {
  // Only where one side is readable and the other is not: most ASCII texts are valid EBCDIC of something else.
  const bool configured_odd = !is_ascii(p.configured);
  if (configured_odd == !is_ascii(p.shown)) return false;
  std::string& odd = configured_odd ? p.configured : p.shown;
  auto plain = from_ebcdic(odd);
  if (!plain) return false;
  odd = std::string(unpadded(*plain));
  return true;
}

bool undo_encoding(pair& p) {
  if (is_ascii(p.configured) && is_ascii(p.shown)) return false;
  return both(p, skeleton);
}

bool is_lost(std::string_view c) noexcept { return c == "?" || c == "\xEF\xBF\xBD" || c == "\x1A"; }

std::string_view character_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  next_code_point(text, end);
  return text.substr(at, end - at);
}

// Passes over the signs that stand for one lost letter: one for the letter, or one for each of its bytes.
void pass_lost(std::string_view text, std::size_t& at, std::size_t bytes) {
  for (std::size_t n = 0; n < bytes && at < text.size() && is_lost(character_at(text, at)); ++n)
    at += character_at(text, at).size();
}

// A letter that a conversion could not keep became '?' or U+FFFD: that stands for the letter of the other side.
bool undo_lost_characters(pair& p) {
  bool any = false;
  std::size_t i = 0, j = 0;
  while (i < p.configured.size() && j < p.shown.size()) {
    const auto a = character_at(p.configured, i), b = character_at(p.shown, j);
    if (a == b) {
      i += a.size();
      j += b.size();
    } else if (is_lost(a) && !is_ascii(b)) {
      pass_lost(p.configured, i, b.size());
      j += b.size();
      any = true;
    } else if (is_lost(b) && !is_ascii(a)) {
      pass_lost(p.shown, j, a.size());
      i += a.size();
      any = true;
    } else {
      return false;
    }
  }
  if (!any || i != p.configured.size() || j != p.shown.size()) return false;
  p.configured = p.shown;
  return true;
}

std::string without_quotes(std::string_view text) {
  static constexpr std::string_view marks[] = {"\"",     "'",      "`",      "\u201C", "\u201D", "\u201E", "\u2018",
                                               "\u2019", "\u201A", "\u00AB", "\u00BB", "\\\"",   "\\'"};
  // Blanks outside the quotes go with them; where there are no quotes, blanks are another step's business.
  const std::string_view whole = text;
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::size_t before = text.size();
  const auto trim = [&](auto&& has, auto&& cut) {
    for (bool again = true; again;) {
      again = false;
      for (const auto mark : marks)
        if (text.size() >= mark.size() && has(mark)) {
          cut(mark.size());
          again = true;
        }
    }
  };
  trim([&](auto m) { return text.starts_with(m); }, [&](std::size_t n) { text.remove_prefix(n); });
  trim([&](auto m) { return text.ends_with(m); }, [&](std::size_t n) { text.remove_suffix(n); });
  return std::string(text.size() == before ? whole : text);
}

bool undo_quotes(pair& p) { return both(p, without_quotes); }
bool undo_blanks(pair& p) { return both(p, single_blanks); }
bool undo_case(pair& p) { return both(p, lower); }

// The first ')' that closes nothing, or the '(' that is never closed, shows that a label lost its end.
bool is_open(std::string_view text) {
  int depth = 0;
  for (const char c : text) depth += c == '(' ? 1 : c == ')' && depth > 0 ? -1 : 0;
  return depth > 0;
}

bool undo_lost_bracket(pair& p) {
  const bool shown_cut = is_open(p.shown) && !is_open(p.configured);
  const bool configured_cut = is_open(p.configured) && !is_open(p.shown);
  if (!shown_cut && !configured_cut) return false;
  const std::string& cut = shown_cut ? p.shown : p.configured;
  std::string& whole = shown_cut ? p.configured : p.shown;
  // What was lost must reach past the opening bracket, else "A (" would explain every "A (...)".
  if (whole.size() <= cut.size() || cut.back() == '(' || whole.find(')', cut.size()) == std::string::npos) return false;
  whole.resize(cut.size());
  return true;
}

bool undo_length(pair& p) {
  if (p.configured.size() <= label_size) return false;
  p.configured = std::string(unpadded(std::string_view(p.configured).substr(0, label_size)));
  return true;
}

bool undo_colon(pair& p) {
  const auto has = [](std::string_view text) { return text.find(':') != std::string_view::npos; };
  if (has(p.configured) == has(p.shown)) return false;
  return both(p, [](std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == ':' || c == '.' || c == '_'; }, '.');
    return text;
  });
}

/// "outer (inner)".
struct bracketed {
  std::string outer;
  std::string inner;
};

std::optional<bracketed> split_brackets(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos || open == 0) return std::nullopt;
  std::string_view inner = text.substr(open + 1);
  const auto close = inner.rfind(')');
  if (close != std::string_view::npos) inner = inner.substr(0, close);
  bracketed parts{single_blanks(text.substr(0, open)), single_blanks(inner)};
  if (parts.outer.empty() || parts.inner.empty()) return std::nullopt;
  return parts;
}

// One side carries the name of a PIN beside the token's name, the other does not.
bool drop_suffix(pair& p, std::string bracketed::*kept) {
  const auto configured = split_brackets(p.configured);
  const auto shown = split_brackets(p.shown);
  if (configured.has_value() == shown.has_value()) return false;
  if (configured) p.configured = (*configured).*kept;
  if (shown) p.shown = (*shown).*kept;
  return true;
}

bool undo_suffix(pair& p) { return drop_suffix(p, &bracketed::outer); }
bool undo_old_suffix(pair& p) { return drop_suffix(p, &bracketed::inner); }

// "UserPIN (mytoken)" as newer drivers write it; what no longer fits into 32 bytes is the business of other steps.
bool undo_old_form(pair& p) {
  const auto parts = split_brackets(p.configured);
  if (!parts) return false;
  p.configured = parts->inner + " (" + parts->outer + ")";
  return true;
}

// The words of a text, sorted; brackets and hyphens only separate them.
std::string sorted_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const bool separates = std::string_view(" ()[]{}<>/,-").find(c) != std::string_view::npos;
    if (!separates)
      words.back().push_back(c);
    else if (!words.back().empty())
      words.emplace_back();
  }
  std::sort(words.begin(), words.end());
  std::string out;
  for (const auto& word : words)
    if (!word.empty()) out += word + ' ';
  return out;
}

bool undo_order(pair& p) {
  if (p.configured.find_first_of(" ()[]") == std::string::npos) return false;
  return both(p, sorted_words);
}

constexpr step table[] = {
    {cause::l_nul, 2, undo_nul},
    {cause::k_encoding, 4, undo_ebcdic},
    {cause::k_encoding, 3, undo_encoding},
    {cause::k_encoding, 4, undo_lost_characters},
    {cause::c_quotes, 2, undo_quotes},
    {cause::b_blanks, 2, undo_blanks},
    {cause::g_order, 5, undo_old_form},
    {cause::h_bracket, 2, undo_lost_bracket},
    {cause::d_too_long, 3, undo_length},
    {cause::i_colon, 2, undo_colon},
    {cause::a_case, 2, undo_case},
    {cause::j_pin_suffix, 5, undo_suffix},
    {cause::j_pin_suffix, 6, undo_old_suffix},
    {cause::g_order, 5, undo_order},
};
static_assert(std::size(table) <= 16);

}  // namespace

std::span<const step> steps() noexcept { return table; }

}  // namespace p11tape::label
