// SPDX-License-Identifier: Apache-2.0
// Rows in groups: those with equal values in some columns come one after the other, the groups in the order of these
// values.
//
// SQLite groups by sorting all rows, which takes most of the time of an aggregate over millions of calls. The columns
// that calls are grouped by have few distinct values, so a hash of them and one pass of a counting sort do the same.
// The columns that the statement uses are kept, 9 bytes a value; texts are kept once.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "query/symbols.hpp"

namespace p11tape::query {

class grouped_source : public row_source {
 public:
  /// `used`: the columns that at() can be asked for; `by`: those of the groups, and whether the order is descending.
  struct order {
    unsigned column;
    bool descending;
  };
  grouped_source(std::unique_ptr<row_source> from, std::vector<unsigned> used, std::vector<order> by, symbols& pool);

  bool next() override;
  cell at(unsigned column) override;

 private:
  struct column_values {
    std::vector<u64> values;
    std::vector<std::uint8_t> kinds;
  };

  void read();
  void group();
  std::uint32_t text_number(std::string_view text);
  u64 key_of(std::uint32_t row) const noexcept;
  bool same_key(std::uint32_t a, std::uint32_t b) const noexcept;
  bool before(std::uint32_t a, std::uint32_t b) const;

  std::unique_ptr<row_source> from_;
  std::vector<order> by_;
  symbols* pool_;
  std::vector<unsigned> used_;
  std::array<std::uint8_t, 64> slot_{};  // of a column in columns_
  std::vector<column_values> columns_;
  std::vector<std::string_view> texts_;
  std::unordered_map<const char*, std::uint32_t> text_numbers_;
  struct known_text {
    const char* at = nullptr;
    std::size_t size = 0;
    std::uint32_t number = 0;
  };
  std::array<known_text, 512> recent_{};
  std::vector<std::uint32_t> rows_;  // in order
  std::size_t next_ = 0;
  std::uint32_t row_ = 0;
  bool read_ = false;
};

}  // namespace p11tape::query
