// SPDX-License-Identifier: Apache-2.0
// Bytes in hexadecimal: a dump with offsets, one of the first versions, one that a mail program has wrapped.
#include "import/display.hpp"

#include <algorithm>

#include "import/bind.hpp"
#include "import/scan.hpp"

namespace p11tape::import {

using kind = value::kind;

namespace {

constexpr u64 most_bytes = 1 << 20;  // of one dump that is kept

struct dump_row {
  std::string bytes;
  bool masked = false;  ///< some of them are not shown
  bool whole = false;   ///< there is one at least, and a blank behind each
};

// Up to `most` pairs of digits, each followed by one blank. What is behind them shows the same as characters.
dump_row scan_dump_row(scanner& s, std::size_t most) {
  dump_row row;
  std::size_t n = 0;
  const auto is_mask = [](char c) { return c == 'x' || c == 'X' || c == '*' || c == '?' || c == '.'; };
  for (; n < most && s.rest.size() >= 2; ++n) {
    const int high = hex_digit(s.rest[0]), low = hex_digit(s.rest[1]);
    if (high >= 0 && low >= 0) {
      row.bytes += static_cast<char>(high * 16 + low);
    } else if (is_mask(s.rest[0]) && s.rest[1] == s.rest[0]) {
      row.masked = true;
    } else {
      break;
    }
    s.rest.remove_prefix(2);
    if (!s.rest.empty() && s.rest.front() != ' ') return row;
    if (!s.rest.empty()) s.rest.remove_prefix(1);
  }
  row.whole = n > 0;
  return row;
}

}  // namespace

void display_lines::expect_dump(value& v, bool secret) noexcept {
  last_ = &v;
  secret_ = secret;
  characters_follow_ = false;
  row_missing_ = characters_missing_ = 0;
}

bool display_lines::awaits_secret() const noexcept {
  return last_ != nullptr && secret_ && (last_->what == kind::pointer || last_->partial);
}

line_use display_lines::disown(std::string_view text) {
  if (last_ != nullptr) {
    last_->bytes.clear();
    last_->partial = true;
  }
  secret_ = true;
  return masked(text);
}

bool display_lines::dump(std::string_view text) {
  scanner s(text);
  if (s.rest.starts_with("DN:")) return true;
  if (s.rest.size() < 10) return false;
  for (std::size_t i = 0; i < 8; ++i)
    if (hex_digit(s.rest[i]) < 0) return false;
  const auto offset = scanner(s.rest.substr(0, 8)).hex();
  if (!offset || s.rest[8] != ' ') return false;
  s.rest.remove_prefix(8);
  s.blanks();
  auto& v = *last_;
  if (v.what == kind::pointer || v.what == kind::unknown) {  // an attribute whose value follows after all
    v.what = kind::bytes;
    v.bytes.clear();
  }
  if (v.what != kind::bytes) return false;
  const u64 missing = v.length_known && v.length > *offset ? v.length - *offset : 16;
  const auto row = scan_dump_row(s, static_cast<std::size_t>(std::min<u64>(missing, 16)));
  if (!row.whole && v.length != 0) return false;
  if (*offset == v.bytes.size() && !row.masked && v.bytes.size() < most_bytes) {
    v.bytes += row.bytes;
  } else {
    v.partial = true;
  }
  v.partial = v.bytes.size() != v.length;
  const auto shown = std::min<u64>(missing, 16);
  const bool cut = !row.masked && row.bytes.size() < shown && s.at_end();
  row_missing_ = cut ? static_cast<std::size_t>(shown) - row.bytes.size() : 0;
  characters_missing_ = cut ? static_cast<std::size_t>(shown) : s.at_end() ? row.bytes.size() : 0;
  mask_ = secret_;
  mask_from_ = 8;
  return true;
}

// A mail program has broken a line of the dump in two: the rest of the digits, or the characters alone.
bool display_lines::wrapped(std::string_view text) {
  if (characters_missing_ == 0 || text.size() > 3 * row_missing_ + characters_missing_ + 2) return false;
  const auto digits = row_missing_;
  row_missing_ = 0;
  characters_missing_ = 0;
  auto& v = *last_;
  scanner s(text);
  if (digits != 0) {
    const auto row = scan_dump_row(s, digits);
    if (!row.whole) return false;
    v.bytes += row.bytes;
    v.partial = row.masked || v.bytes.size() != v.length;
  } else if ((text.size() >= 10 && text[8] == ' ' && hex_digit(text[0]) == 0 && hex_digit(text[7]) == 0) ||
             text.starts_with('[') || text.starts_with("CKA_") || text.starts_with("CKF_")) {
    return false;  // the next line of the dump, or of what is around it
  }
  mask_ = secret_;
  mask_from_ = 0;
  return true;
}

// Before the offsets came: groups of four bytes, and a line of the characters below.
bool display_lines::print_dump(std::string_view text) {
  auto& v = *last_;
  if (characters_follow_) {
    characters_follow_ = false;
    mask_ = secret_;
    mask_from_ = 0;
    return true;
  }
  if ((v.what != kind::bytes && v.what != kind::pointer) || text.size() < 2) return false;
  const auto row = scan_hex_bytes(text);
  if (!row) return false;
  if (v.what == kind::pointer) {
    v.what = kind::bytes;
    v.bytes.clear();
  }
  if (v.bytes.size() + row->bytes.size() <= v.length) v.bytes += row->bytes;
  v.partial = row->partial || v.bytes.size() != v.length;
  characters_follow_ = true;
  mask_ = secret_;
  mask_from_ = 0;
  return true;
}

}  // namespace p11tape::import
