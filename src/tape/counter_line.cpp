// SPDX-License-Identifier: Apache-2.0
#include "tape/counter_line.hpp"

#include <algorithm>

namespace p11tape::tape {
namespace {

__extension__ using u128 = unsigned __int128;

constexpr u64 one_for_one = u64{1} << 48;  // a counter of nanoseconds: for lack of anything better
constexpr u64 fastest = ~u64{0} >> 1;

}  // namespace

void counter_line::finish() {
  std::sort(pieces_.begin(), pieces_.end(), [](const piece& a, const piece& b) {
    return a.counter != b.counter ? a.counter < b.counter : a.monotonic < b.monotonic;
  });
  std::size_t kept = 0;
  for (const auto& p : pieces_)
    if (kept == 0 || (p.counter > pieces_[kept - 1].counter && p.monotonic >= pieces_[kept - 1].monotonic))
      pieces_[kept++] = p;
  pieces_.resize(kept);
  for (std::size_t i = 0; i + 1 < kept; ++i) {
    const auto rate = (static_cast<u128>(pieces_[i + 1].monotonic - pieces_[i].monotonic) << shift) /
                      (pieces_[i + 1].counter - pieces_[i].counter);
    pieces_[i].rate = rate < fastest ? static_cast<u64>(rate) : fastest;
  }
  if (kept > 0) pieces_[kept - 1].rate = kept > 1 ? pieces_[kept - 2].rate : one_for_one;
}

u64 counter_line::at(u64 counter, std::size_t& hint) const noexcept {
  if (pieces_.empty()) return counter;
  const auto is_here = [&](std::size_t i) {
    return counter >= pieces_[i].counter && (i + 1 == pieces_.size() || counter < pieces_[i + 1].counter);
  };
  if (hint >= pieces_.size() || !is_here(hint)) {
    const auto behind =
        std::upper_bound(pieces_.begin(), pieces_.end(), counter, [](u64 c, const piece& p) { return c < p.counter; });
    hint = behind == pieces_.begin() ? 0 : static_cast<std::size_t>(behind - pieces_.begin()) - 1;
  }
  const auto& p = pieces_[hint];
  const auto distance = [&](u64 ticks) {
    constexpr u128 half = u128{1} << (shift - 1);
    return static_cast<u64>((static_cast<u128>(ticks) * p.rate + half) >> shift);
  };
  if (counter >= p.counter) return p.monotonic + distance(counter - p.counter);
  const u64 before = distance(p.counter - counter);
  return before < p.monotonic ? p.monotonic - before : 0;
}

}  // namespace p11tape::tape
