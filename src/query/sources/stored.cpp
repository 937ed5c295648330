// SPDX-License-Identifier: Apache-2.0
#include "query/sources/stored.hpp"

namespace p11tape::query {

stored_table::stored_table(table which) : width_(row(which).columns.size()) {
  for (const auto& c : row(which).columns) {
    switch (c.type) {
      case column_type::name:
      case column_type::text:
      case column_type::moment:
        empty_.push_back(cell::of_symbol({}));
        break;
      case column_type::count:
      case column_type::flag:
      case column_type::time:
        empty_.push_back(cell::of(0));
        break;
      case column_type::number:
        empty_.emplace_back();
        break;
    }
  }
}

std::span<const std::uint32_t> stored_table::rows_with(std::span<const unsigned> columns, u64 hash) {
  std::vector<unsigned> key(columns.begin(), columns.end());
  auto index = index_.find(key);
  if (index == index_.end()) {
    const auto hash_of_row = [&](std::uint32_t r) {
      u64 h = 0;
      for (const auto c : columns) h = mix(h, at(r, c));
      return h;
    };
    index = index_.emplace(std::move(key), row_index(static_cast<std::uint32_t>(size()), hash_of_row)).first;
  }
  return index->second.rows_with(hash);
}

}  // namespace p11tape::query
