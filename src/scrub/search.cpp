// SPDX-License-Identifier: Apache-2.0
#include "scrub/search.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace p11tape::scrub {
namespace {

constexpr std::size_t window_bytes = 8;

std::uint64_t head_of(const char* at) {
  std::uint64_t w = 0;
  std::memcpy(&w, at, sizeof w);
  return w;
}

std::string hex(std::string_view s, const char* digits) {
  std::string out;
  for (const char each : s) {
    const auto c = static_cast<unsigned char>(each);
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::string utf16(std::string_view s, bool big) {
  std::string out;
  for (const char c : s) {
    if (big) out += '\0';
    out += c;
    if (!big) out += '\0';
  }
  return out;
}

// What is the same of a text in base64 however many bytes stand before it: `shift` of them, modulo three. The first and
// the last characters depend on the neighbours and are left off.
std::string base64_core(std::string_view s, std::size_t shift) {
  const std::string shifted = std::string(shift, '\0') + std::string{s};
  std::string out(4 * ((shifted.size() + 2) / 3) + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(shifted.data()), static_cast<int>(shifted.size()));
  out.resize(static_cast<std::size_t>(n));
  const std::size_t front = shift == 0 ? 0 : shift + 1;
  const std::size_t rest = shifted.size() % 3;
  const std::size_t back = rest == 0 ? 0 : rest == 1 ? 3 : 2;
  return front + back < out.size() ? out.substr(front, out.size() - front - back) : std::string{};
}

}  // namespace

search::search(std::string_view secret) {
  if (secret.empty()) return;
  const std::string backwards(secret.rbegin(), secret.rend());
  add(secret, window_bytes, "verbatim");
  add(backwards, window_bytes, "backwards");
  add(hex(secret, "0123456789abcdef"), 2 * window_bytes, "in hex");
  add(hex(secret, "0123456789ABCDEF"), 2 * window_bytes, "in hex");
  add(hex(backwards, "0123456789abcdef"), 2 * window_bytes, "in hex, reversed");
  add(utf16(secret, false), 2 * window_bytes, "in UTF-16");
  add(utf16(secret, true), 2 * window_bytes, "in UTF-16, big-endian");
  // Windows of base64 text: ten characters hold at least seven and a half bytes.
  for (std::size_t shift = 0; shift < 3; ++shift) add(base64_core(secret, shift), 10, "in base64");
}

void search::add(std::string_view encoded, std::size_t window, std::string_view form) {
  if (encoded.empty()) return;
  const std::size_t size = std::min(window, encoded.size());
  longest_ = std::max(longest_, size);
  for (std::size_t i = 0; i + size <= encoded.size(); ++i) {
    const std::string piece{encoded.substr(i, size)};
    if (size < sizeof(std::uint64_t)) {
      short_.push_back({piece, form});
    } else {
      long_.emplace(head_of(piece.data()), needle{piece, form});
    }
  }
}

void search::feed(std::string_view piece) {
  if (longest_ == 0) return;
  carried_.append(piece);
  const std::string_view text = carried_;
  const auto found = [&](std::size_t at, const needle& n) {
    // Overlapping windows of one place are one hit.
    if (carried_at_ + at >= last_hit_end_ && hits_.size() < most) hits_.push_back({n.form, carried_at_ + at});
    last_hit_end_ = std::max<std::uint64_t>(last_hit_end_, carried_at_ + at + n.bytes.size());
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const auto& n : short_)
      if (text.substr(i, n.bytes.size()) == n.bytes) found(i, n);
    if (i + sizeof(std::uint64_t) > text.size() || long_.empty()) continue;
    const auto [first, last] = long_.equal_range(head_of(text.data() + i));
    for (auto it = first; it != last; ++it)
      if (text.substr(i, it->second.bytes.size()) == it->second.bytes) found(i, it->second);
  }
  if (carried_.size() >= longest_) {
    const std::size_t gone = carried_.size() - longest_ + 1;
    carried_at_ += gone;
    carried_.erase(0, gone);
  }
}

void search::restart() {
  carried_.clear();
  carried_at_ = last_hit_end_ = 0;
  hits_.clear();
}

}  // namespace p11tape::scrub
