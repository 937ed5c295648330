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

const std::vector<std::uint32_t>& stored_table::rows_with(unsigned column, const cell& value) {
  static const std::vector<std::uint32_t> none;
  const auto [index, is_new] = index_.try_emplace(column);
  if (is_new)
    for (std::size_t r = 0; r < size(); ++r)
      if (const auto& c = at(r, column); c.what != cell::kind::null)
        index->second[c].push_back(static_cast<std::uint32_t>(r));
  const auto found = index->second.find(value);
  return found == index->second.end() ? none : found->second;
}

}  // namespace p11tape::query
