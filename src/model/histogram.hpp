// SPDX-License-Identifier: Apache-2.0
// Durations by their size, so that any quantile of any number of them can be told from little memory.
//
// Log-linear: the values below 16 have a bucket each, and every power of two above is cut into 16 equal ones. A
// quantile is the middle of its bucket, at most 1/32 (3.2 %) beside the true value. Only the powers of two that occur
// take memory, 128 bytes each: calls of one kind stay within five or six.
#pragma once

#include <numeric>
#include <vector>

#include "p11tape/layout.hpp"

namespace p11tape::model {

class histogram {
 public:
  using u64 = tape::u64;

  void add(u64 ns) { add(ns, bucket(ns)); }
  /// The same for those who add one duration to many: `where` is its bucket().
  void add(u64 ns, std::size_t where) {
    const auto i = where - first_;  // wraps around below the first
    if (i < counts_.size()) {
      ++counts_[i];
    } else {
      make_room(where);
      ++counts_[where - first_];
    }
    sum_ += ns;
  }
  void add(const histogram& other);

  static std::size_t bucket(u64 ns) noexcept {
    if (ns < pieces) return static_cast<std::size_t>(ns);
    const auto log = 63u - static_cast<unsigned>(__builtin_clzll(ns));
    return (log - 3) * pieces + static_cast<std::size_t>(ns >> (log - 4) & (pieces - 1));
  }

  u64 total() const noexcept { return std::accumulate(counts_.begin(), counts_.end(), u64{0}); }
  u64 sum() const noexcept { return sum_; }
  u64 mean() const noexcept {
    const auto count = total();
    return count == 0 ? 0 : sum_ / count;
  }
  /// ns; of the middle of the bucket. 0 where there is nothing.
  u64 quantile(double share) const noexcept;

  /// Calls `each(from, to, count)` for every bucket from the first used to the last, `to` not included.
  template <class Each>
  void for_each(Each each) const {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (counts_[i] != 0) each(lower(first_ + i), lower(first_ + i + 1), counts_[i]);
  }

 private:
  static constexpr std::size_t pieces = 16;  // of a power of two

  static u64 lower(std::size_t bucket) noexcept {
    if (bucket < pieces) return bucket;
    const auto log = bucket / pieces + 3;
    return log > 63 ? ~u64{0} : (pieces + bucket % pieces) << (log - 4);
  }
  void make_room(std::size_t bucket);

  std::size_t first_ = 0;  // bucket of counts_[0], where a power of two begins
  std::vector<u64> counts_;
  u64 sum_ = 0;
};

}  // namespace p11tape::model
