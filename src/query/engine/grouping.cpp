// SPDX-License-Identifier: Apache-2.0
#include "query/engine/grouping.hpp"

#include <algorithm>
#include <numeric>

#include "query/sources/row_index.hpp"

namespace p11tape::query {

grouped_source::grouped_source(std::unique_ptr<row_source> from, std::vector<unsigned> used, std::vector<order> by,
                               symbols& pool)
    : from_(std::move(from)), by_(std::move(by)), store_(std::move(used), pool) {}

u64 grouped_source::key_of(std::uint32_t row) const noexcept {
  u64 h = 0;
  for (const auto& b : by_) h = mix(h, store_.value(row, b.column) << 2 ^ store_.kind_of(row, b.column));
  return h;
}

bool grouped_source::same_key(std::uint32_t a, std::uint32_t b) const noexcept {
  return std::all_of(by_.begin(), by_.end(), [&](const order& o) {
    return store_.value(a, o.column) == store_.value(b, o.column) &&
           store_.kind_of(a, o.column) == store_.kind_of(b, o.column);
  });
}

// As SQLite orders: NULL, numbers, texts by their bytes.
bool grouped_source::before(std::uint32_t a, std::uint32_t b) const noexcept {
  for (const auto& o : by_) {
    const auto kind = store_.kind_of(a, o.column), other = store_.kind_of(b, o.column);
    if (kind != other) return (kind < other) != o.descending;
    const auto value = store_.value(a, o.column), other_value = store_.value(b, o.column);
    if (value == other_value) continue;
    const bool less =
        kind == row_store::is_text ? store_.at(a, o.column).text < store_.at(b, o.column).text : value < other_value;
    return less != o.descending;
  }
  return false;
}

void grouped_source::group() {
  const auto count = store_.size();
  std::vector<std::uint32_t> group_of(count), first, sizes;
  std::unordered_multimap<u64, std::uint32_t> known;
  for (std::uint32_t row = 0; row < count; ++row) {
    const auto key = key_of(row);
    const auto [from, to] = known.equal_range(key);
    const auto i = std::find_if(from, to, [&](const auto& k) { return same_key(first[k.second], row); });
    auto group = i == to ? static_cast<std::uint32_t>(first.size()) : i->second;
    if (i == to) {
      known.emplace(key, group);
      first.push_back(row);
      sizes.push_back(0);
    }
    group_of[row] = group;
    ++sizes[group];
  }
  std::vector<std::uint32_t> sorted(first.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return before(first[a], first[b]); });
  std::vector<std::uint32_t> place(first.size());
  std::uint32_t at = 0;
  for (const auto g : sorted) {
    place[g] = at;
    at += sizes[g];
  }
  rows_.resize(count);
  for (std::uint32_t row = 0; row < count; ++row) rows_[place[group_of[row]]++] = row;
}

bool grouped_source::next() {
  if (from_) {
    store_.read(*from_);
    from_.reset();
    group();
  }
  if (next_ == rows_.size()) return false;
  row_ = rows_[next_++];
  return true;
}

}  // namespace p11tape::query
