// SPDX-License-Identifier: Apache-2.0
#include "diff/align.hpp"

#include <algorithm>

namespace p11tape::diff {
namespace {

using u32 = std::uint32_t;
using i64 = std::int64_t;

struct range {
  u32 begin, end;
  u32 size() const noexcept { return end - begin; }
};

enum class by : std::uint8_t { strong, weak };

class aligner {
 public:
  aligner(std::span<const element> a, std::span<const element> b) : a_(a), b_(b) {}

  alignment run() {
    pair({0, static_cast<u32>(a_.size())}, {0, static_cast<u32>(b_.size())}, by::strong);
    return std::move(out_);
  }

 private:
  bool same(u32 i, u32 j, by key) const noexcept {
    return key == by::strong ? a_[i].strong == b_[j].strong : a_[i].weak == b_[j].weak;
  }

  // Pairs what is equal; what lies between goes to gap().
  void pair(range a, range b, by key) {
    while (a.size() != 0 && b.size() != 0) {
      if (same(a.begin, b.begin, key)) {
        out_.steps.push_back({a.begin++, b.begin++});
        continue;
      }
      u32 tail = 0;
      while (tail < std::min(a.size(), b.size()) && same(a.end - 1 - tail, b.end - 1 - tail, key)) ++tail;
      const range inner_a{a.begin, a.end - tail}, inner_b{b.begin, b.end - tail};
      const auto [to_a, to_b] = search(inner_a, inner_b, key);
      a.begin = to_a;
      b.begin = to_b;
    }
    gap(a, b, key);
  }

  // Elements without a partner so far. The second time they keep to themselves.
  void gap(range a, range b, by key) {
    if (key == by::strong && a.size() != 0 && b.size() != 0) return pair(a, b, by::weak);
    for (; a.begin < a.end; ++a.begin) out_.steps.push_back({a.begin, nobody});
    for (; b.begin < b.end; ++b.begin) out_.steps.push_back({nobody, b.begin});
  }

  // One search: finds a way from the beginnings to the ends or as far as it is allowed to, and emits it.
  std::pair<u32, u32> search(range a, range b, by key) {
    const i64 n = a.size(), m = b.size();
    const i64 most = std::min(n + m, most_edits);
    std::vector<i64> v(static_cast<std::size_t>(2 * most + 3), 0);
    std::vector<std::vector<i64>> trace;
    const auto at = [&](std::vector<i64>& of, i64 k) -> i64& { return of[static_cast<std::size_t>(k + most + 1)]; };
    i64 best = -1, best_k = 0, last = 0;
    for (i64 d = 0; d <= most; ++d) {
      for (i64 k = -d; k <= d; k += 2) {
        i64 x = k == -d || (k != d && at(v, k - 1) < at(v, k + 1)) ? at(v, k + 1) : at(v, k - 1) + 1;
        if (x > n || x - k > m) {  // outside: never a way on
          at(v, k) = std::min(x, n + 1);
          continue;
        }
        while (x < n && x - k < m && same(a.begin + static_cast<u32>(x), b.begin + static_cast<u32>(x - k), key)) ++x;
        at(v, k) = x;
        if (2 * x - k > best) {
          best = 2 * x - k;
          best_k = k;
          last = d;
        }
      }
      trace.emplace_back(v.begin() + (most + 1 - d), v.begin() + (most + 2 + d));
      if (best == n + m) break;
    }
    if (best != n + m) out_.shortest = false;
    const i64 end_x = trace[static_cast<std::size_t>(last)][static_cast<std::size_t>(best_k + last)];
    emit(a, b, trace, last, best_k, end_x, key);
    return {a.begin + static_cast<u32>(end_x), b.begin + static_cast<u32>(end_x - best_k)};
  }

  // The way back, from its end to the beginning; then the pairs on it in order, and the gaps between them.
  void emit(range a, range b, const std::vector<std::vector<i64>>& trace, i64 d, i64 k, i64 x, by key) {
    const auto reached = [&](i64 edits, i64 diagonal) {
      return trace[static_cast<std::size_t>(edits)][static_cast<std::size_t>(diagonal + edits)];
    };
    const auto end_x = x, end_y = x - k;
    std::vector<aligned> pairs;
    while (true) {
      i64 from_x = 0, from_k = 0;
      if (d > 0) {
        const bool down = k == -d || (k != d && reached(d - 1, k - 1) < reached(d - 1, k + 1));
        from_k = down ? k + 1 : k - 1;
        from_x = down ? reached(d - 1, from_k) : reached(d - 1, from_k) + 1;
      }
      for (; x > from_x; --x)
        pairs.push_back({a.begin + static_cast<u32>(x - 1), b.begin + static_cast<u32>(x - 1 - k)});
      if (d == 0) break;
      x = reached(d - 1, from_k);
      k = from_k;
      --d;
    }
    u32 i = a.begin, j = b.begin;
    for (auto p = pairs.rbegin(); p != pairs.rend(); ++p) {
      gap({i, p->a}, {j, p->b}, key);
      out_.steps.push_back(*p);
      i = p->a + 1;
      j = p->b + 1;
    }
    gap({i, a.begin + static_cast<u32>(end_x)}, {j, b.begin + static_cast<u32>(end_y)}, key);
  }

  std::span<const element> a_, b_;
  alignment out_;
};

}  // namespace

alignment align(std::span<const element> a, std::span<const element> b) { return aligner(a, b).run(); }

}  // namespace p11tape::diff
