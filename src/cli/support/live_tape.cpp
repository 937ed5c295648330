// SPDX-License-Identifier: Apache-2.0
#include "cli/support/live_tape.hpp"

#include <algorithm>

#include "p11tape/record.hpp"

namespace p11tape::cli {

live_tape::live_tape(std::unique_ptr<tape::reader> reader) : reader_(std::move(reader)) { look(); }

void live_tape::count(const tape::record_view& leave) {
  ++counts_.calls;
  const bool failed = tape::result_view(leave.body).return_value() != 0;
  counts_.failed += failed;
  const auto* f = reader_->rows().function(leave.function);
  if (f == nullptr || (f->name != "C_Login" && f->name != "C_LoginUser")) return;
  ++counts_.logins;
  counts_.failed_logins += failed;
}

void live_tape::look() {
  reader_->refresh();
  const auto all = reader_->threads();
  while (threads_.size() < all.size()) threads_.push_back({reader_->records(threads_.size()), all[threads_.size()]});
  in_flight_.clear();
  tape::record_view r;
  for (auto& t : threads_) {
    while (t.cursor.next(r))
      if (r.kind == tape::record_kind::leave) count(r);
    auto ahead = t.cursor;  // a copy: what is in flight now is a record later
    bool first = true;
    while (ahead.next_in_flight(r)) {
      if (r.kind != tape::record_kind::enter || !first) continue;
      first = false;
      const auto* f = reader_->rows().function(r.function);
      in_flight_.push_back({f != nullptr ? std::string(f->name) : "a call", r.time});
    }
  }
  std::sort(in_flight_.begin(), in_flight_.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
}

}  // namespace p11tape::cli
