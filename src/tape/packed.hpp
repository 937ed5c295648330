// SPDX-License-Identifier: Apache-2.0
// Packed bodies: the low bytes of each 8-byte word. FORMAT.md says how they lie in the file.
//
// The bytes lie together, so that a text is found in the file as it is. Most words of a body are small (handles, lengths, flags, headers of items), so that a packed body takes a third of the
// room. Nothing here branches on a word: eight bytes are stored for each, and the place moves on by as many as count, so
// that there must be room for a whole word beyond the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

#include "p11tape/layout.hpp"

namespace p11tape::tape {

inline constexpr u64 largest_packed_body = 64 * 1024;  ///< bytes that a packed body may unpack to

/// Bytes that pack() may touch for a body of so many bytes.
constexpr u64 packed_room(u64 body) noexcept { return body + (body / 64 + 2) * 4 + 16; }

/// How many low bytes of a word count.
[[gnu::always_inline]] inline u32 bytes_that_count(u64 word) noexcept {
#if defined(__x86_64__)
  // Without a bit that is set, the instruction leaves its destination as it is, on the processors of all makers.
  u64 highest = ~u64{0};
  __asm__("bsrq %1, %0" : "+r"(highest) : "r"(word) : "cc");
  return static_cast<u32>(highest + 8) >> 3;
#else
  const auto highest = static_cast<u32>(63 ^ __builtin_clzll(word | 1));
  return (highest + 8) / 8 - (word == 0 ? 1 : 0);
#endif
}

namespace detail {

/// One word to `at`; its number becomes the last of `numbers`.
[[gnu::always_inline]] inline u8* pack_word(u8* at, const u8* from, u32& numbers) noexcept {
  u64 word;
  std::memcpy(&word, from, 8);
  const u32 size = bytes_that_count(le(word));
  std::memcpy(at, &word, 8);
  numbers = numbers << 4 | size;
  return at + size;
}

/// A control of numbers that were put one behind the other, the first one highest.
[[gnu::always_inline]] inline void put_control(u8* at, u32 numbers) noexcept {
  numbers = __builtin_bswap32(numbers);
  numbers = le((numbers >> 4 & 0x0f0f0f0f) | (numbers & 0x0f0f0f0f) << 4);
  std::memcpy(at, &numbers, 4);
}

}  // namespace detail

/// Packs a body, `size` bytes and a multiple of 8, to `at`, a multiple of 8 from the start of its record. Answers where
/// its padding ends.
[[gnu::always_inline]] inline u8* pack(u8* at, const u8* body, u64 size) noexcept {
  u8* const start = at;
  u8* control_at = at;
  const u8* const end = body + size;
  at += size / 64 * 4 + 4;
  for (; end - body >= 64; body += 64, control_at += 4) {
    u32 numbers = 0;
#pragma GCC unroll 8
    for (u32 i = 0; i < 8; ++i) at = detail::pack_word(at, body + 8 * i, numbers);
    detail::put_control(control_at, numbers);
  }
  u64 numbers = 0;  // of the words that are left, and then of nothing
  const auto left = static_cast<u32>(end - body) / 8;
  for (; body != end; body += 8) {
    u32 last = 0;
    at = detail::pack_word(at, body, last);
    numbers = numbers << 4 | last;
  }
  detail::put_control(control_at, static_cast<u32>(((numbers + 1) << (32 - 4 * left)) - 1));
  const u64 padding = 0;
  std::memcpy(at, &padding, 8);
  return at + (-(at - start) & 7);
}

/// Unpacks a body to `into`, which has room for unpacked_room() bytes. Answers how many there are, or `malformed`. Up to
/// `behind` bytes after the body may be read, which is faster if there are 64; they decide nothing.
inline constexpr std::size_t malformed = ~std::size_t{0};
std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind = 0) noexcept;

/// Bytes that unpack() may touch for a packed body of so many bytes: four of them say how large eight words are.
constexpr std::size_t unpacked_room(std::size_t size) noexcept {
  const std::size_t most = size / 4 * 64;
  return (most < largest_packed_body ? most : largest_packed_body) + 64;
}

}  // namespace p11tape::tape
