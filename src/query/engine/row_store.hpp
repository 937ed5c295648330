// SPDX-License-Identifier: Apache-2.0
// The rows of a source in memory: the columns that a statement uses, 9 bytes a value; texts are kept once.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "query/symbols.hpp"

namespace p11tape::query {

class row_store {
 public:
  /// `used`: the columns that at() can be asked for. `pool` must outlive the object.
  row_store(std::vector<unsigned> used, symbols& pool);

  /// Adds all rows of a source.
  void read(row_source& from);

  std::uint32_t size() const noexcept {
    return columns_.empty() ? 0 : static_cast<std::uint32_t>(columns_.front().values.size());
  }
  cell at(std::uint32_t row, unsigned column) const noexcept;

  // For those who compare rows with each other: within a column, equal values have equal numbers and kinds.
  enum kind : std::uint8_t { is_null, is_number, is_text };
  u64 value(std::uint32_t row, unsigned column) const noexcept { return columns_[slot_[column]].values[row]; }
  kind kind_of(std::uint32_t row, unsigned column) const noexcept { return columns_[slot_[column]].kinds[row]; }

 private:
  struct column_values {
    std::vector<u64> values;
    std::vector<kind> kinds;
  };
  std::uint32_t text_number(std::string_view text);

  symbols* pool_;
  std::vector<unsigned> used_;
  std::array<std::uint8_t, 64> slot_{};  // of a column in columns_
  std::vector<column_values> columns_;
  std::vector<std::string_view> texts_;  // the first one is empty
  std::unordered_map<const char*, std::uint32_t> text_numbers_;
  struct known_text {
    const char* at = nullptr;
    std::size_t size = 0;
    std::uint32_t number = 0;
  };
  std::array<known_text, 512> recent_{};
};

}  // namespace p11tape::query
