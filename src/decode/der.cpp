// SPDX-License-Identifier: Apache-2.0
#include "decode/der.hpp"

#include <bit>
#include <limits>

namespace p11tape::decode::der {

std::optional<element> take(bytes& rest) noexcept {
  if (rest.size() < 2 || (rest[0] & 0x1f) == 0x1f) return {};
  std::size_t header = 2;
  std::uint64_t size = rest[1];
  if (size >= 0x80) {
    const std::size_t digits = size & 0x7f;
    if (digits == 0 || digits > 4 || rest.size() < 2 + digits) return {};
    size = 0;
    for (std::size_t i = 0; i < digits; ++i) size = (size << 8) | rest[2 + i];
    if (size < 0x80 || size >> (8 * (digits - 1)) == 0) return {};
    header += digits;
  }
  if (size > rest.size() - header) return {};
  element out;
  out.tag = rest[0];
  out.content = rest.subspan(header, static_cast<std::size_t>(size));
  out.whole = rest.first(header + out.content.size());
  rest = rest.subspan(out.whole.size());
  return out;
}

std::optional<element> take(bytes& rest, tag wanted) noexcept {
  auto after = rest;
  const auto e = take(after);
  if (!e || e->tag != wanted) return {};
  rest = after;
  return e;
}

std::optional<element> only(bytes whole, tag wanted) noexcept {
  const auto e = take(whole, wanted);
  return whole.empty() ? e : std::nullopt;
}

std::string dotted(bytes content) {
  std::string out;
  std::uint64_t arc = 0;
  bool inside = false;
  for (const auto b : content) {
    if (!inside && b == 0x80) return {};  // padded
    if (arc > std::numeric_limits<std::uint64_t>::max() >> 7) return {};
    arc = (arc << 7) | (b & 0x7fU);
    inside = (b & 0x80) != 0;
    if (inside) continue;
    if (out.empty()) {
      const std::uint64_t first = arc < 80 ? arc / 40 : 2;
      out = std::to_string(first) + "." + std::to_string(arc - first * 40);
    } else {
      out += "." + std::to_string(arc);
    }
    arc = 0;
  }
  return inside ? std::string{} : out;
}

std::uint64_t bit_length(bytes content) noexcept {
  while (!content.empty() && content[0] == 0) content = content.subspan(1);
  if (content.empty()) return 0;
  return (content.size() - 1) * 8 + static_cast<std::uint64_t>(std::bit_width(static_cast<unsigned>(content[0])));
}

}  // namespace p11tape::decode::der
