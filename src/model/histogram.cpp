// SPDX-License-Identifier: Apache-2.0
#include "model/histogram.hpp"

#include <algorithm>

namespace p11tape::model {

void histogram::make_room(std::size_t bucket) {
  const auto begin = bucket / pieces * pieces;
  if (counts_.empty()) {
    first_ = begin;
  } else if (begin < first_) {
    counts_.insert(counts_.begin(), first_ - begin, 0);
    first_ = begin;
  }
  counts_.resize(std::max(counts_.size(), begin + pieces - first_));
}

void histogram::add(const histogram& other) {
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] == 0) continue;
    make_room(other.first_ + i);
    counts_[other.first_ + i - first_] += other.counts_[i];
  }
  sum_ += other.sum_;
}

histogram::u64 histogram::quantile(double share) const noexcept {
  const auto count = total();
  if (count == 0) return 0;
  auto left = std::min(static_cast<u64>(share * static_cast<double>(count)), count - 1);
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > left) return lower(first_ + i) + (lower(first_ + i + 1) - lower(first_ + i)) / 2;
    left -= counts_[i];
  }
  return 0;
}

}  // namespace p11tape::model
