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

// Unpacks eight words whose sizes are 0 to 8; may read 64 bytes. Answers where the packed bytes end.
using group_unpacker = const std::byte* (*)(u32 control, const std::byte* from, std::byte* into) noexcept;

// unpack(), by a way to unpack a group. Inlined into the function of each way, and the way into it.
[[gnu::always_inline]] inline std::size_t unpack_by(group_unpacker unpack_group, const std::byte* from,
                                                    std::size_t size, std::byte* into, std::size_t behind) noexcept {
  const auto* const end = from + size;
  // The controls come first; the last one has the end in it, which is in its highest place at least.
  const auto* control_at = from;
  u32 last = 0;
  do {
    if (end - from < 4) return malformed;
    last = control_of(from);
    from += 4;
  } while (last >> 28 != 15);
  const auto* const last_at = from - 4;
  const auto whole = static_cast<std::size_t>(last_at - control_at) / 4;  // groups of eight words
  const auto place = static_cast<u32>(__builtin_ctz(over_8(last)));       // of the lowest one, which must be the end
  if ((last >> place & 15) != 15 || whole > largest_packed_body / group) return malformed;
  last &= (u32{1} << place) - 1;

  const auto unpack_next = [&](u32 control) __attribute__((always_inline)) {
    const auto left = end - from;
    if (left < 0) return false;
    if (static_cast<std::size_t>(left) + behind >= group) [[likely]] {
      from = unpack_group(control, from, into);
    } else {
      std::byte rest[group]{};
      std::memcpy(rest, from, static_cast<std::size_t>(left));
      from += unpack_group(control, rest, into) - rest;
    }
    into += group;
    return true;
  };
  for (; control_at != last_at; control_at += 4) {
    const auto control = control_of(control_at);
    if (over_8(control) != 0 || !unpack_next(control)) return malformed;
  }
  if (!unpack_next(last) || from > end) return malformed;
  return group * whole + place / 4 * 8;
}

// One word after the other, for processors of which nothing is known.
const std::byte* group_by_words(u32 control, const std::byte* from, std::byte* into) noexcept {
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

std::size_t by_words(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind) noexcept {
  return unpack_by(group_by_words, from, size, into, behind);
}

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
[[gnu::target("ssse3")]] const std::byte* group_by_shuffling(u32 control, const std::byte* from,
                                                             std::byte* into) noexcept {
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

[[gnu::target("ssse3")]] std::size_t by_shuffling(const std::byte* from, std::size_t size, std::byte* into,
                                                  std::size_t behind) noexcept {
  return unpack_by(group_by_shuffling, from, size, into, behind);
}

// All eight words at once: a bit for each byte says whether it is in the file.
[[gnu::target("avx512vbmi2,avx512bw,bmi2,popcnt")]] const std::byte* group_by_expanding(u32 control,
                                                                                        const std::byte* from,
                                                                                        std::byte* into) noexcept {
  // The low bytes that count, as bits, by their number.
  const auto bits_of = _mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1, -1, -1);
  const auto numbers = _mm_cvtsi64_si128(static_cast<long long>(_pdep_u64(control, 0x0f0f0f0f0f0f0f0f)));
  const auto there = static_cast<u64>(_mm_cvtsi128_si64(_mm_shuffle_epi8(bits_of, numbers)));
  _mm512_storeu_si512(into, _mm512_maskz_expand_epi8(there, _mm512_loadu_si512(from)));
  return from + _mm_popcnt_u64(there);
}

[[gnu::target("avx512vbmi2,avx512bw,bmi2,popcnt")]] std::size_t by_expanding(const std::byte* from, std::size_t size,
                                                                             std::byte* into,
                                                                             std::size_t behind) noexcept {
  return unpack_by(group_by_expanding, from, size, into, behind);
}

#endif

}  // namespace

std::vector<detail::unpacker> detail::unpackers() {
  std::vector<unpacker> all;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2"))
    all.push_back(by_expanding);
  if (__builtin_cpu_supports("ssse3")) all.push_back(by_shuffling);
#endif
  all.push_back(by_words);
  return all;
}

detail::unpacker detail::quickest_unpacker = unpackers().front();

std::size_t unpack(const std::byte* from, std::size_t size, std::byte* into, std::size_t behind) noexcept {
  return detail::quickest_unpacker(from, size, into, behind);
}

}  // namespace p11tape::tape
