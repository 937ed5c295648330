// SPDX-License-Identifier: Apache-2.0
// Rows that are kept: of tables that are complete only when a tape has been read to its end.
#pragma once

#include <map>

#include "query/sources/row_index.hpp"
#include "query/symbols.hpp"

namespace p11tape::query {

class stored_table {
 public:
  explicit stored_table(table which);

  /// Adds a row in which nothing is known yet and returns its number.
  std::size_t add() {
    cells_.insert(cells_.end(), empty_.begin(), empty_.end());
    index_.clear();
    return size() - 1;
  }
  template <class Column>
  cell& at(std::size_t row, Column column) {
    return cells_[row * width_ + static_cast<unsigned>(column)];
  }
  std::size_t size() const noexcept { return cells_.size() / width_; }
  std::size_t width() const noexcept { return width_; }

  /// The rows whose values in these columns have this hash, in order, and maybe others: see row_index.
  std::span<const std::uint32_t> rows_with(std::span<const unsigned> columns, u64 hash);

 private:
  std::size_t width_;
  std::vector<cell> empty_, cells_;
  std::map<std::vector<unsigned>, row_index> index_;
};

/// All rows of a stored table, or some.
class stored_source : public row_source {
 public:
  explicit stored_source(stored_table& from) : from_(&from) {}
  stored_source(stored_table& from, std::span<const std::uint32_t> rows) : from_(&from), all_(false), rows_(rows) {}
  bool next() override {
    if (next_ >= (all_ ? from_->size() : rows_.size())) return false;
    row_ = all_ ? next_ : rows_[next_];
    ++next_;
    return true;
  }
  cell at(unsigned column) override { return from_->at(row_, column); }

 private:
  stored_table* from_;
  bool all_ = true;
  std::span<const std::uint32_t> rows_;
  std::size_t next_ = 0, row_ = 0;
};

}  // namespace p11tape::query
