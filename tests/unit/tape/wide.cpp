// SPDX-License-Identifier: Apache-2.0
// Arithmetic of more than 64 bits: what compilers without a 128-bit type use is the same as what the others use.
#include "tape/wide.hpp"

#include <catch2/catch.hpp>
#include <random>

using p11tape::tape::u64;
namespace tape = p11tape::tape;

TEST_CASE("products and quotients of more than 64 bits") {
  constexpr u64 most = ~u64{0};
  CHECK(tape::by_halves::scaled(most, most, 32) == most << 33);  // (2^64 - 1)^2 = 2^128 - 2^65 + 1
  CHECK(tape::by_halves::scaled(most, 1, 1, 1) == u64{1} << 63);
  CHECK(tape::by_halves::scaled(u64{1} << 40, u64{1} << 40, 48) == u64{1} << 32);
  CHECK(tape::by_halves::ratio(1, 3, 32) == 0x55555555);
  CHECK(tape::by_halves::ratio(most, 1, 32) == most);
  CHECK(tape::by_halves::ratio(1, 0, 32) == most);
  CHECK(tape::by_halves::ratio(most - 1, most, 48) == (u64{1} << 48) - 1);

  std::mt19937_64 random(17);
  for (int i = 0; i < 20000; ++i) {
    // Numbers of any length are as likely.
    const u64 a = random() >> (random() & 63), b = random() >> (random() & 63), c = random() >> (random() & 63);
    const int shift = 1 + static_cast<int>(random() % 63);
    CAPTURE(a, b, c, shift);
    REQUIRE(tape::by_halves::scaled(a, b, shift, c) == tape::scaled(a, b, shift, c));
    REQUIRE(tape::by_halves::ratio(a, b, shift) == tape::ratio(a, b, shift));
    REQUIRE(tape::by_halves::product(a, b).high == tape::product(a, b).high);
    REQUIRE(tape::by_halves::product(a, b).low == tape::product(a, b).low);
  }
}
