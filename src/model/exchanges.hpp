// SPDX-License-Identifier: Apache-2.0
// The exchanges with a card, put under the calls in which they happened.
//
// Calls come from a call_stream in the order in which they began, and exchanges lie in the records of threads in the
// order of time: so one cursor a thread, which goes forward with the calls, finds them all, and memory stays bounded by
// the number of threads. Tapes whose recorder saw no exchanges are not read again.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/call.hpp"
#include "p11tape/exchange.hpp"

namespace p11tape::model {

class call_exchanges {
 public:
  /// The readers must outlive the object.
  explicit call_exchanges(std::span<const tape::reader* const> tapes);
  ~call_exchanges();
  call_exchanges(const call_exchanges&) = delete;
  call_exchanges& operator=(const call_exchanges&) = delete;

  /// Those of a call, oldest first; they stay valid until the next call of of(). To be asked for every call that a
  /// call_stream over the same tapes hands out, in that order.
  std::span<const tape::exchange_view> of(const call& c);

  /// How many belong to no call that is known: a thread of the module's own made them while several calls were in
  /// flight. To be asked when there are no more calls.
  tape::u64 of_no_call();

  /// True where none of the tapes can have any: then of() need not be asked.
  bool none() const noexcept { return lanes_.empty(); }

 private:
  struct lane;

  void pass(lane& l);
  void collect(const lane& from, const call& c);

  std::vector<std::unique_ptr<lane>> lanes_;
  tape::u64 of_no_call_ = 0;
  std::vector<tape::exchange_view> found_;
  std::vector<tape::record_view> records_;  // whose bytes `found_` points into
};

}  // namespace p11tape::model
