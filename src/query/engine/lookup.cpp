// SPDX-License-Identifier: Apache-2.0
#include "query/engine/lookup.hpp"

#include <algorithm>

namespace p11tape::query {
namespace {

class kept_source : public row_source {
 public:
  kept_source(const row_store& from, std::span<const std::uint32_t> rows) : from_(&from), rows_(rows) {}
  bool next() override { return next_ < rows_.size() && (row_ = rows_[next_++], true); }
  cell at(unsigned column) override { return from_->at(row_, column); }

 private:
  const row_store* from_;
  std::span<const std::uint32_t> rows_;
  std::size_t next_ = 0;
  std::uint32_t row_ = 0;
};

}  // namespace

equality equality_of(table t, const plan& p, int count, sqlite3_value** values) {
  equality same;
  std::vector<std::pair<unsigned, sqlite3_value*>> all;
  for (int i = 0; i < count && static_cast<std::size_t>(i) < p.terms.size(); ++i) {
    const auto& term = p.terms[static_cast<std::size_t>(i)];
    if (term.op == SQLITE_INDEX_CONSTRAINT_EQ && !term.list) all.emplace_back(term.column, values[i]);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [column, value] : all) {
    const auto type = sqlite3_value_type(value);
    same.never |= type == SQLITE_NULL;
    // A hash knows numbers as numbers and texts as texts. To SQLite 5.0 and '5' equal 5, too: it compares these itself.
    if (type != (is_text(row(t).columns[column].type) ? SQLITE_TEXT : SQLITE_INTEGER)) continue;
    if (!same.columns.empty() && same.columns.back() == column) continue;
    same.columns.push_back(column);
    same.hash = mix(same.hash, cell_of(value));
  }
  return same;
}

std::unique_ptr<row_source> kept_scans::rows_of(scan& s, const equality& same) {
  auto index = s.by.find(same.columns);
  if (index == s.by.end()) {
    const auto hash_of_row = [&](std::uint32_t r) {
      u64 h = 0;
      for (const auto c : same.columns) h = mix(h, s.rows->at(r, c));
      return h;
    };
    index = s.by.emplace(same.columns, row_index(s.rows->size(), hash_of_row)).first;
  }
  return std::make_unique<kept_source>(*s.rows, index->second.rows_with(same.hash));
}

}  // namespace p11tape::query
