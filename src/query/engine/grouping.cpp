// SPDX-License-Identifier: Apache-2.0
#include "query/engine/grouping.hpp"

#include <algorithm>
#include <numeric>

namespace p11tape::query {
namespace {

enum kind : std::uint8_t { is_null, is_number, is_text };

u64 mix(u64 h, u64 n) noexcept {
  h = (h ^ n) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

}  // namespace

grouped_source::grouped_source(std::unique_ptr<row_source> from, std::vector<unsigned> used, std::vector<order> by,
                               symbols& pool)
    : from_(std::move(from)), by_(std::move(by)), pool_(&pool), used_(std::move(used)), columns_(used_.size()) {
  for (std::size_t i = 0; i < used_.size(); ++i) slot_[used_[i]] = static_cast<std::uint8_t>(i);
}

// A symbol has the same address again and again, so the address finds it quickly; one text may have several addresses.
std::uint32_t grouped_source::text_number(std::string_view text) {
  auto& known = recent_[(reinterpret_cast<std::uintptr_t>(text.data()) >> 3) % recent_.size()];
  if (known.at == text.data() && known.size == text.size() && known.at != nullptr) return known.number;
  const auto kept = pool_->keep(text);
  const auto [i, is_new] = text_numbers_.try_emplace(kept.data(), static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(kept);
  known = {text.data(), text.size(), i->second};
  return i->second;
}

void grouped_source::read() {
  while (from_->next()) {
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const auto c = from_->at(used_[i]);
      auto& column = columns_[i];
      if (c.is_text()) {
        column.values.push_back(text_number(c.text));
        column.kinds.push_back(is_text);
      } else {
        column.values.push_back(c.number);
        column.kinds.push_back(c.what == cell::kind::null ? is_null : is_number);
      }
    }
  }
  from_.reset();
}

u64 grouped_source::key_of(std::uint32_t row) const noexcept {
  u64 h = 0;
  for (const auto& b : by_) {
    const auto& c = columns_[slot_[b.column]];
    h = mix(h, c.values[row] << 2 ^ c.kinds[row]);
  }
  return h;
}

bool grouped_source::same_key(std::uint32_t a, std::uint32_t b) const noexcept {
  return std::all_of(by_.begin(), by_.end(), [&](const order& o) {
    const auto& c = columns_[slot_[o.column]];
    return c.values[a] == c.values[b] && c.kinds[a] == c.kinds[b];
  });
}

// As SQLite orders: NULL, numbers, texts by their bytes.
bool grouped_source::before(std::uint32_t a, std::uint32_t b) const {
  for (const auto& o : by_) {
    const auto& c = columns_[slot_[o.column]];
    if (c.kinds[a] != c.kinds[b]) return (c.kinds[a] < c.kinds[b]) != o.descending;
    if (c.values[a] == c.values[b]) continue;
    const bool less = c.kinds[a] == is_text ? texts_[c.values[a]] < texts_[c.values[b]] : c.values[a] < c.values[b];
    return less != o.descending;
  }
  return false;
}

void grouped_source::group() {
  const auto count = columns_.empty() ? 0 : static_cast<std::uint32_t>(columns_.front().values.size());
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
  if (!read_) {
    read();
    group();
    read_ = true;
  }
  if (next_ == rows_.size()) return false;
  row_ = rows_[next_++];
  return true;
}

cell grouped_source::at(unsigned column) {
  const auto& c = columns_[slot_[column]];
  switch (c.kinds[row_]) {
    case is_text:
      return cell::of_symbol(texts_[c.values[row_]]);
    case is_number:
      return cell::of(c.values[row_]);
    default:
      return {};
  }
}

}  // namespace p11tape::query
