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
#include <vector>

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

/// The padding behind the bytes of a body. Answers where it ends.
[[gnu::always_inline]] inline u8* put_padding(u8* at, const u8* start) noexcept {
  const u64 padding = 0;
  std::memcpy(at, &padding, 8);
  return at + (-(at - start) & 7);
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
  return detail::put_padding(at, start);
}

/// A body in parts: words that are given, and whole words in memory.
struct packable {
  u64 first, second;
  const u8* before;
  u32 in_before;
  u64 middle;
  const u8* after;
  u32 in_after;

  u32 words() const noexcept { return 3 + in_before + in_after; }
};

namespace detail {

/// Words on their way to `at`: the sizes of up to sixteen are collected before their two controls are put.
struct packing {
  u8* at;
  u64 numbers = 0;

  [[gnu::always_inline]] void put(u64 word) noexcept {
    const u32 size = bytes_that_count(word);
    word = le(word);
    std::memcpy(at, &word, 8);
    at += size;
    numbers = numbers << 4 | size;
  }
  [[gnu::always_inline]] void put_from(const u8* from) noexcept {
    u64 word;
    std::memcpy(&word, from, 8);
    put(le(word));
  }
  [[gnu::always_inline]] void put_all(const u8* from, u32 count) noexcept {
    if (__builtin_constant_p(count) && count <= 8) {
#pragma GCC unroll 8
      for (u32 i = 0; i < 8; ++i)
        if (i < count) put_from(from + 8 * i);
    } else {
      for (const u8* const end = from + 8 * count; from != end; from += 8) put_from(from);
    }
  }
  /// Two controls of sixteen words; `words` of them are there, and the rest says that they are the last ones.
  [[gnu::always_inline]] void put_controls(u8* to, u32 words) noexcept {
    if (words < 16) numbers = ((((numbers << 1) + 2) << (63 - 4 * words))) - 1;  // words may be 0
    u64 both = __builtin_bswap64(numbers);
    both = (both >> 4 & 0x0f0f0f0f0f0f0f0f) | (both & 0x0f0f0f0f0f0f0f0f) << 4;
    const auto one = le(static_cast<u32>(both));
    both = le(both);
    words < 8 ? std::memcpy(to, &one, 4) : std::memcpy(to, &both, 8);
  }
};

}  // namespace detail

/// As pack(), for a body of at most most_few words.
inline constexpr u32 most_few = 15;
[[gnu::always_inline]] inline u8* pack_few(u8* start, const packable& body) noexcept {
  const u32 words = body.words();
  detail::packing p{start + words / 8 * 4 + 4};
  p.put(body.first);
  p.put(body.second);
  p.put_all(body.before, body.in_before);
  p.put(body.middle);
  p.put_all(body.after, body.in_after);
  p.put_controls(start, words);
  return detail::put_padding(p.at, start);
}

/// The same for any number of words.
[[gnu::always_inline]] inline u8* pack_many(u8* start, const packable& body) noexcept {
  u8* controls = start;
  detail::packing p{start + body.words() / 8 * 4 + 4};
  u32 have = 2;  // of sixteen
  const auto put_all = [&](const u8* from, u32 count) __attribute__((always_inline)) {
    for (u32 now = 0; count > 0; count -= now) {
      now = count < 16 - have ? count : 16 - have;
      p.put_all(from, now);
      from += 8 * now;
      have += now;
      if (have < 16) continue;
      p.put_controls(controls, 16);
      controls += 8;
      have = 0;
    }
  };
  p.put(body.first);
  p.put(body.second);
  put_all(body.before, body.in_before);
  u64 middle = le(body.middle);
  put_all(reinterpret_cast<const u8*>(&middle), 1);
  put_all(body.after, body.in_after);
  p.put_controls(controls, have);
  return detail::put_padding(p.at, start);
}

/// Unpacks a body to `into`, which has room for unpacked_room() bytes. Answers how many there are, or `malformed`. Up to
/// `behind` bytes after the body may be read, which is faster if there are 64; they decide nothing.
inline constexpr std::size_t malformed = ~std::size_t{0};
std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind = 0) noexcept;

namespace detail {

/// Ways to do what unpack() does.
using unpacker = std::size_t (*)(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind) noexcept;
std::vector<unpacker> unpackers();  ///< that this processor can do, the quickest first
extern unpacker quickest_unpacker;  ///< the one that unpack() uses

}  // namespace detail

/// Bytes that unpack() may touch for a packed body of so many bytes: four of them say how large eight words are.
constexpr std::size_t unpacked_room(std::size_t size) noexcept {
  const std::size_t most = size / 4 * 64;
  return (most < largest_packed_body ? most : largest_packed_body) + 64;
}

}  // namespace p11tape::tape
