// SPDX-License-Identifier: Apache-2.0
// Rows that are kept: of tables that are complete only when a tape has been read to its end.
#pragma once

#include <unordered_map>
#include <vector>

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

  /// The rows that have this value in the column, in order.
  const std::vector<std::uint32_t>& rows_with(unsigned column, const cell& value);

 private:
  struct key_hash {
    std::size_t operator()(const cell& c) const noexcept {
      return c.is_text() ? std::hash<std::string_view>()(c.text) : std::hash<u64>()(c.number);
    }
  };
  struct key_equal {
    bool operator()(const cell& a, const cell& b) const noexcept {
      return a.is_text() == b.is_text() && a.number == b.number && a.text == b.text;
    }
  };
  using column_index = std::unordered_map<cell, std::vector<std::uint32_t>, key_hash, key_equal>;

  std::size_t width_;
  std::vector<cell> empty_, cells_;
  std::unordered_map<unsigned, column_index> index_;
};

/// All rows of a stored table, or some.
class stored_source : public row_source {
 public:
  explicit stored_source(stored_table& from) : from_(&from) {}
  stored_source(stored_table& from, const std::vector<std::uint32_t>& rows) : from_(&from), rows_(&rows) {}
  bool next() override {
    if (next_ >= (rows_ != nullptr ? rows_->size() : from_->size())) return false;
    row_ = rows_ != nullptr ? (*rows_)[next_] : next_;
    ++next_;
    return true;
  }
  cell at(unsigned column) override { return from_->at(row_, column); }

 private:
  stored_table* from_;
  const std::vector<std::uint32_t>* rows_ = nullptr;
  std::size_t next_ = 0, row_ = 0;
};

}  // namespace p11tape::query
