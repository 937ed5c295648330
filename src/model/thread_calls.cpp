// SPDX-License-Identifier: Apache-2.0
#include "model/thread_calls.hpp"

namespace p11tape::model {

using tape::call_state;
using tape::record_kind;
using tape::record_view;

thread_calls::thread_calls(const tape::reader& tape, std::size_t tape_index, std::size_t thread,
                           tape::record_bodies bodies)
    : tape_(&tape),
      tape_index_(tape_index),
      thread_{thread_number(tape.threads()[thread].number), tape.threads()[thread].id},
      cursor_(tape.records(thread, bodies)) {}

// The next ENTER or LEAVE. What else the thread recorded between them belongs to no call's beginning or end. With `end`, of a
// call whose halves are one record, both. How many there were.
int thread_calls::read(tape::cursor& from, record_view& out, record_view* end) {
  bool gap = false;
  while (const int count = end != nullptr ? from.next(out, *end) : from.next(out)) {
    gap |= out.gap;
    if (out.kind != record_kind::enter && out.kind != record_kind::leave) continue;
    out.gap = gap;
    return count;
  }
  return from.next_in_flight(out) ? 1 : 0;
}

// The next record in out.enter, whatever it is; the LEAVE of the same record in out.leave. How many there were.
int thread_calls::next_record(call& out) {
  if (!has_ahead_) return read(cursor_, out.enter, &out.leave);
  std::swap(out.enter, ahead_);
  has_ahead_ = false;
  return 1;
}

namespace {

// An imported log may show that a call returned, and not what.
call_state state_by(const record_view& leave) noexcept {
  return (leave.flags & tape::record_no_result) != 0 ? call_state::result_lost : call_state::returned;
}

}  // namespace

bool thread_calls::next(call& out) {
  opened_ = false;
  while (const int count = next_record(out)) {
    const auto& r = out.enter;
    if (r.kind == record_kind::leave && ends_open_call(r)) continue;

    out.tape = tape_;
    out.tape_index = tape_index_;
    out.thread = thread_;
    out.depth = r.depth;
    out.function_number = r.function;
    out.function = tape_->rows().function(r.function);
    while (!open_.empty() && open_.back().depth >= r.depth) open_.pop_back();
    out.outer = open_.empty() ? none : open_.back().number;
    if (count == 2) {
      out.state = state_by(out.leave);
    } else if (r.kind == record_kind::leave) {
      out.state = call_state::result_only;
      std::swap(out.leave, out.enter);
    } else {
      find_end(out);
    }
    return true;
  }
  return false;
}

// Looks for the LEAVE of out.enter, in the next record and, where calls are nested, further on.
void thread_calls::find_end(call& out) {
  out.state = call_state::in_flight;
  if (read(cursor_, out.leave) == 0) return;
  if (out.leave.kind == record_kind::leave && out.leave.call == out.enter.call) {
    out.state = state_by(out.leave);
    return;
  }
  std::swap(out.leave, ahead_);
  has_ahead_ = true;

  // What shows that the thread is no longer in the call, although it never returned.
  const auto is_behind = [&](const record_view& r) {
    return (r.kind == record_kind::enter && r.depth <= out.enter.depth) ||
           (r.kind == record_kind::leave && r.depth < out.enter.depth);
  };
  const bool nested = !is_behind(ahead_);
  bool gap = ahead_.gap, has_end = false;
  if (nested) {
    auto scout = cursor_;
    record_view r;
    while (out.state == call_state::in_flight && read(scout, r) != 0) {
      gap |= r.gap;
      if (r.kind == record_kind::leave && r.call == out.enter.call) {
        out.leave = r;
        out.state = state_by(r);
        has_end = true;
      } else if (is_behind(r)) {
        out.state = call_state::left;
      }
    }
  } else {
    out.state = call_state::left;
  }
  if (out.state == call_state::left && gap) out.state = call_state::result_lost;
  if (nested) {
    open_.push_back({out.enter.call, out.enter.depth, has_end, none});
    opened_ = true;
  }
}

void thread_calls::set_number(call_number number) noexcept {
  if (opened_) open_.back().number = number;
}

// True where the LEAVE is of a call that was handed out together with it.
bool thread_calls::ends_open_call(const record_view& leave) {
  for (auto i = open_.size(); i-- > 0;)
    if (open_[i].returns && open_[i].call == leave.call) {
      open_.resize(i);
      return true;
    }
  return false;
}

}  // namespace p11tape::model
