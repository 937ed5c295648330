// SPDX-License-Identifier: Apache-2.0
// Rows in groups: those with equal values in some columns come one after the other, the groups in the order of these
// values.
//
// SQLite groups by sorting all rows, which takes most of the time of an aggregate over millions of calls. The columns
// that calls are grouped by have few distinct values, so a hash of them and one pass of a counting sort do the same.
#pragma once

#include "query/engine/row_store.hpp"

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
  cell at(unsigned column) override { return store_.at(row_, column); }

 private:
  void group();
  u64 key_of(std::uint32_t row) const noexcept;
  bool same_key(std::uint32_t a, std::uint32_t b) const noexcept;
  bool before(std::uint32_t a, std::uint32_t b) const noexcept;

  std::unique_ptr<row_source> from_;
  std::vector<order> by_;
  row_store store_;
  std::vector<std::uint32_t> rows_;  // in order
  std::size_t next_ = 0;
  std::uint32_t row_ = 0;
};

}  // namespace p11tape::query
