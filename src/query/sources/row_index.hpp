// SPDX-License-Identifier: Apache-2.0
// Rows in buckets, by a hash of the values that some columns have: joins look rows up here instead of going through all.
#pragma once

#include <numeric>
#include <span>
#include <vector>

#include "query/model.hpp"

namespace p11tape::query {

inline u64 mix(u64 h, u64 n) noexcept {
  h = (h ^ n) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

/// Adds a value to a hash. Equal values give equal hashes, wherever their text lies.
inline u64 mix(u64 h, const cell& c) noexcept {
  return mix(h, c.is_text() ? std::hash<std::string_view>()(c.text) : c.number);
}

class row_index {
 public:
  /// `hash_of(row)` for each row from 0.
  template <class HashOf>
  row_index(std::uint32_t rows, HashOf hash_of) : rows_(rows) {
    unsigned bits = 4;
    while (bits < 31 && (std::uint32_t{1} << bits) < rows) ++bits;
    shift_ = 64 - bits;
    starts_.assign((std::size_t{1} << bits) + 1, 0);
    std::vector<std::uint32_t> bucket(rows);
    for (std::uint32_t r = 0; r < rows; ++r) {
      bucket[r] = bucket_of(hash_of(r));
      ++starts_[bucket[r] + 1];
    }
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
    auto next = starts_;
    for (std::uint32_t r = 0; r < rows; ++r) rows_[next[bucket[r]]++] = r;
  }

  /// The rows whose values have this hash, in order, and maybe others: callers compare the values themselves.
  std::span<const std::uint32_t> rows_with(u64 hash) const noexcept {
    const auto b = bucket_of(hash);
    return std::span(rows_).subspan(starts_[b], starts_[b + 1] - starts_[b]);
  }

 private:
  std::uint32_t bucket_of(u64 hash) const noexcept {
    return static_cast<std::uint32_t>(hash * 0x9e3779b97f4a7c15u >> shift_);
  }

  unsigned shift_;
  std::vector<std::uint32_t> starts_, rows_;
};

}  // namespace p11tape::query
