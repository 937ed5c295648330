// SPDX-License-Identifier: Apache-2.0
// Products and quotients that need more than 64 bits, as for the conversion of clocks. 32-bit compilers have no type for them.
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::tape {

/// A number of 128 bits.
struct wide {
  u64 high, low;
};

/// The same in steps of 64 bits, for compilers without a 128-bit type. Apart, so that tests compare both anywhere.
namespace by_halves {

/// a * b
constexpr wide product(u64 a, u64 b) noexcept {
  constexpr u64 half = 0xffffffff;
  const u64 low = (a & half) * (b & half);
  const u64 middle = (a >> 32) * (b & half) + (low >> 32);
  const u64 other = (a & half) * (b >> 32) + (middle & half);
  return {(a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32), other << 32 | (low & half)};
}

/// (a * b + added) / 2^shift, of which the low 64 bits. 0 < shift < 64.
constexpr u64 scaled(u64 a, u64 b, int shift, u64 added = 0) noexcept {
  const wide p = product(a, b);
  const u64 sum = p.low + added, high = p.high + (sum < added ? 1 : 0);
  return high << (64 - shift) | sum >> shift;
}

/// value * 2^shift / divisor; the largest number if that has more than 64 bits. 0 < shift < 64.
constexpr u64 ratio(u64 value, u64 divisor, int shift) noexcept {
  constexpr u64 most = ~u64{0};
  if (divisor == 0) return most;
  u64 quotient = value / divisor, rest = value % divisor;
  for (int i = 0; i < shift; ++i) {
    if (quotient >> 63 != 0) return most;
    const bool carry = rest >> 63 != 0;
    rest <<= 1;
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      ++quotient;
    }
  }
  return quotient;
}

}  // namespace by_halves

#ifdef __SIZEOF_INT128__

/// a * b
constexpr wide product(u64 a, u64 b) noexcept {
  __extension__ using u128 = unsigned __int128;
  const auto p = static_cast<u128>(a) * b;
  return {static_cast<u64>(p >> 64), static_cast<u64>(p)};
}

/// (a * b + added) / 2^shift, of which the low 64 bits. 0 < shift < 64.
constexpr u64 scaled(u64 a, u64 b, int shift, u64 added = 0) noexcept {
  __extension__ using u128 = unsigned __int128;
  return static_cast<u64>((static_cast<u128>(a) * b + added) >> shift);
}

/// value * 2^shift / divisor; the largest number if that has more than 64 bits. 0 < shift < 64.
constexpr u64 ratio(u64 value, u64 divisor, int shift) noexcept {
  __extension__ using u128 = unsigned __int128;
  constexpr u64 most = ~u64{0};
  if (divisor == 0) return most;
  const auto quotient = (static_cast<u128>(value) << shift) / divisor;
  return quotient < most ? static_cast<u64>(quotient) : most;
}

#else
using by_halves::product;
using by_halves::ratio;
using by_halves::scaled;
#endif

}  // namespace p11tape::tape
