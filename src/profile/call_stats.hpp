// SPDX-License-Identifier: Apache-2.0
// What is counted of calls of one kind, and tables of such kinds that never grow beyond what is worth showing.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/histogram.hpp"
#include "model/state.hpp"

namespace p11tape::profile {

using model::call_context;
using model::call_number;
using model::none;
using model::u32;
using model::u64;
using model::unknown;

/// What all the rows in which a call counts count of it.
struct counted_call {
  explicit counted_call(const call_context& now) noexcept
      : number(now.call->number),
        duration(now.duration),
        bucket(model::histogram::bucket(duration)),
        failed(now.ended && !now.ok),
        returned(now.call->state == tape::call_state::returned) {}

  model::call_number number;
  u64 duration;  ///< ns in the module
  std::size_t bucket;
  bool failed;    ///< returned something other than CKR_OK
  bool returned;  ///< has a duration
};

struct call_stats {
  u64 calls = 0;
  u64 failed = 0;   ///< returned something other than CKR_OK
  u64 no_end = 0;   ///< never returned, or the result is not on the tape: they have no duration
  u64 time = 0;     ///< ns in the module
  u64 longest = 0;  ///< ns
  call_number longest_in;
  u64 card_time = 0, exchanges = 0;  ///< of `time`, what passed between command and response of a card
  model::histogram durations;        ///< of the calls that have one

  void see(const counted_call& c) {
    ++calls;
    failed += c.failed;
    if (!c.returned) {
      ++no_end;
      return;
    }
    time += c.duration;
    durations.add(c.duration, c.bucket);
    if (c.duration >= longest) {
      longest = c.duration;
      longest_in = c.number;
    }
  }
  void add(const call_stats& other);

  /// ns. The middle of a bucket may lie beyond the longest, which is known exactly.
  u64 quantile(double share) const noexcept { return std::min(durations.quantile(share), longest); }
};

struct row {
  u64 id = 0;
  std::string name;
  u64 version = 0;  ///< of the name: it is made again when more is known
  call_stats f;
};

/// Rows by a number. At most `most` are kept: when there are more, rows of the same name become one, and half of the
/// rest is summed up as others, those with the least time first. So what takes most of the time is kept, unless it
/// comes in thousands of pieces of which each is small.
class table {
 public:
  static constexpr std::size_t most = 4096;

  table() = default;
  // Not to be copied: last_ points into rows_.
  table(table&&) noexcept = default;
  table& operator=(table&&) noexcept = default;
  ~table() = default;

  /// The row of that number; made where there is none. Stays where it is until the next call of of().
  row& of(u64 id) {
    if (last_ != nullptr && last_->id == id) return *last_;
    return find(id);
  }

  /// Takes over the rows of another tape: those with the same name are the same.
  void add(const table& other);

  /// Rows of the same name made one, the longest time first.
  std::vector<row> by_time() const;
  const call_stats& others() const noexcept { return others_; }
  u64 others_rows() const noexcept { return others_rows_; }

 private:
  row& find(u64 id);
  void shrink();

  std::unordered_map<u64, row> rows_;
  row* last_ = nullptr;
  call_stats others_;
  u64 others_rows_ = 0;
};

}  // namespace p11tape::profile
