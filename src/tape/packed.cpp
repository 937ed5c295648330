// SPDX-License-Identifier: Apache-2.0
#include "tape/packed.hpp"

#include <array>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace p11tape::tape {
namespace {

constexpr std::size_t group = 64;  // bytes of eight words, which one control describes
constexpr u32 every = 0x11111111;  // one bit of each number of a control

// The bytes of a word that count, by their number.
constexpr auto masks = [] {
  std::array<u64, 9> all{};
  for (std::size_t n = 1; n < all.size(); ++n) all[n] = ~u64{0} >> (64 - 8 * n);
  return all;
}();

u32 control_of(const std::byte* at) noexcept {
  u32 control;
  std::memcpy(&control, at, 4);
  return le(control);
}

// A bit for each size of a control that is more than 8.
u32 over_8(u32 control) noexcept { return control >> 3 & (control | control >> 1 | control >> 2) & every; }

// Of the sizes of a control, 8 at most.
u32 sum_of(u32 control) noexcept { return ((control & 0x0f0f0f0f) + (control >> 4 & 0x0f0f0f0f)) * 0x01010101 >> 24; }

#if defined(__x86_64__)

// Where the bytes of two words come from, by the byte of the control that has their sizes. 0x80: a byte is 0.
struct two_words {
  std::array<u8, 16> source;
};
constexpr auto shuffles = [] {
  std::array<two_words, 256> all{};
  for (u32 sizes = 0; sizes < all.size(); ++sizes)
    for (u32 i = 0; i < 16; ++i) {
      const u32 first = sizes & 15, size = i < 8 ? first : sizes >> 4;
      all[sizes].source[i] = static_cast<u8>(i % 8 < size ? i % 8 + (i < 8 ? 0 : first) : 0x80);
    }
  return all;
}();

// Two words at a time, with an instruction that all but the first processors of this architecture have.
[[gnu::target("ssse3")]] const std::byte* by_shuffling(u32 control, const std::byte* from, std::byte* into) noexcept {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, control >>= 8) {
    const u32 sizes = control & 0xff;
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const auto source = _mm_loadu_si128(reinterpret_cast<const __m128i*>(shuffles[sizes].source.data()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(into + 16 * i), _mm_shuffle_epi8(bytes, source));
    from += (sizes & 15) + (sizes >> 4);
  }
  return from;
}

#endif

}  // namespace

const std::byte* detail::unpack_by_words(u32 control, const std::byte* from, std::byte* into) noexcept {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i, control >>= 4) {
    const u32 n = control & 15;
    u64 word;
    std::memcpy(&word, from, 8);
    word = le(le(word) & masks[n]);
    std::memcpy(into + 8 * i, &word, 8);
    from += n;
  }
  return from;
}

#if defined(__x86_64__)
detail::group_unpacker detail::unpack_group = __builtin_cpu_supports("ssse3") ? by_shuffling : unpack_by_words;
#else
detail::group_unpacker detail::unpack_group = unpack_by_words;
#endif

std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind) noexcept {
  const auto* const end = from + size;
  // The controls come first; the last one has the end in it, which is in its highest place at least. All is tested before
  // anything is unpacked.
  const auto* const controls = from;
  u32 wrong = 0, last = 0;
  std::size_t bytes = 0;
  for (;;) {
    if (end - from < 4) return malformed;
    last = control_of(from);
    from += 4;
    if (last >> 28 == 15) break;
    wrong |= over_8(last);
    bytes += sum_of(last);
  }
  const auto whole = static_cast<std::size_t>(from - controls) / 4 - 1;  // groups of eight words
  const auto place = static_cast<u32>(__builtin_ctz(over_8(last)));
  if (wrong != 0 || (last >> place & 15) != 15 || whole > largest_packed_body / group) return malformed;
  last &= (u32{1} << place) - 1;
  if (bytes + sum_of(last) > static_cast<std::size_t>(end - from)) return malformed;

  for (std::size_t i = 0; i <= whole; ++i, into += group) {
    const auto control = i < whole ? control_of(controls + 4 * i) : last;
    const auto left = static_cast<std::size_t>(end - from);
    if (left + behind >= group) [[likely]] {
      from = detail::unpack_group(control, from, into);
    } else {
      std::byte rest[group]{};
      std::memcpy(rest, from, left);
      from += detail::unpack_group(control, rest, into) - rest;
    }
  }
  return group * whole + place / 4 * 8;
}

}  // namespace p11tape::tape
