// SPDX-License-Identifier: Apache-2.0
#include "tape/counter_line.hpp"

#include <algorithm>

namespace p11tape::tape {
namespace {

constexpr u64 one_for_one = u64{1} << 48;  // a counter of nanoseconds: for lack of anything better
constexpr u64 fastest = ~u64{0} >> 1;
constexpr u64 long_enough = 10000000;  // ns: the readings of two pairs are off by too little for it to count

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
  const auto rate_between = [&](const piece& from, const piece& to) {
    return std::min(ratio(to.monotonic - from.monotonic, to.counter - from.counter, shift), fastest);
  };
  for (std::size_t i = 0; i + 1 < kept; ++i) {
    pieces_[i].rate = rate_between(pieces_[i], pieces_[i + 1]);
    pieces_[i].ticks = pieces_[i + 1].counter - pieces_[i].counter;
  }
  if (kept == 0) return;
  auto& last = pieces_[kept - 1];
  auto from = kept - 1;
  while (from > 0 && last.monotonic - pieces_[from].monotonic < long_enough) --from;
  last.rate = kept > 1 ? rate_between(pieces_[from], last) : one_for_one;
  last.ticks = ~u64{0} - last.counter;
}

u64 counter_line::search(u64 counter, std::size_t& hint) const noexcept {
  if (pieces_.empty()) return counter;
  const auto behind =
      std::upper_bound(pieces_.begin(), pieces_.end(), counter, [](u64 c, const piece& p) { return c < p.counter; });
  hint = behind == pieces_.begin() ? 0 : static_cast<std::size_t>(behind - pieces_.begin()) - 1;
  const auto& p = pieces_[hint];
  if (counter >= p.counter) return p.monotonic + distance(counter - p.counter, p.rate);
  const u64 before = distance(p.counter - counter, p.rate);
  return before < p.monotonic ? p.monotonic - before : 0;
}

}  // namespace p11tape::tape
