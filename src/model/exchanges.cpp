// SPDX-License-Identifier: Apache-2.0
#include "model/exchanges.hpp"

#include <algorithm>

namespace p11tape::model {
namespace {

// A cursor that sees exchanges alone, one of them ahead.
struct exchange_cursor {
  exchange_cursor(tape::cursor&& records, tape::u64 number) : records_(std::move(records)), thread_number(number) {
    advance();
  }

  void advance() {
    while (live = records_.next(record), live)
      if (tape::exchange_view::parse(record, thread_number, now)) return;
  }

  tape::cursor records_;
  tape::u64 thread_number;
  tape::record_view record;
  tape::exchange_view now;
  bool live = false;
};

bool may_have_exchanges(const tape::reader& tape) {
  const auto said = tape.property("apdu");
  return said != "off" && said != "not used by this module";
}

}  // namespace

struct call_exchanges::lane {
  lane(const tape::reader& reader, std::size_t thread)
      : tape(&reader), next(reader.records(thread), reader.threads()[thread].number) {}

  const tape::reader* tape;
  exchange_cursor next;  // at the first exchange that a call to come may have
};

call_exchanges::call_exchanges(std::span<const tape::reader* const> tapes) {
  for (const auto* const tape : tapes) {
    if (!may_have_exchanges(*tape)) continue;
    for (std::size_t t = 0; t < tape->threads().size(); ++t) {
      auto made = std::make_unique<lane>(*tape, t);
      if (made->next.live) lanes_.push_back(std::move(made));
    }
  }
}

call_exchanges::~call_exchanges() = default;

std::span<const tape::exchange_view> call_exchanges::of(const call& c) {
  found_.clear();
  records_.clear();
  if (lanes_.empty() || !c.begun()) return {};
  for (const auto& l : lanes_) {
    if (l->tape != c.tape) continue;
    // Exchanges before this call belong to calls that have been asked for, or to none.
    while (l->next.live && l->next.now.ended < c.start()) pass(*l);
    if (l->next.live) collect(*l, c);
  }
  std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.began < b.began; });
  return found_;
}

void call_exchanges::pass(lane& l) {
  if (l.next.now.call == 0) ++of_no_call_;
  l.next.advance();
}

tape::u64 call_exchanges::of_no_call() {
  for (const auto& l : lanes_)
    while (l->next.live) pass(*l);
  return of_no_call_;
}

void call_exchanges::collect(const lane& from, const call& c) {
  const auto end = c.ended() ? c.leave.time : ~tape::u64{0};
  const auto belongs = [&](const tape::exchange_view& e) {
    return e.thread_number == c.thread.number.value() && e.call == c.enter.call;
  };
  const auto& first = from.next;
  if (first.now.ended > end) return;
  // A copy goes on from there: calls inside this one, and calls of other threads, have theirs in the same stretch.
  for (auto scout = first; scout.live && scout.now.ended <= end; scout.advance()) {
    if (!belongs(scout.now)) {
      const bool own = scout.thread_number == c.thread.number.value();
      if (own && !c.ended() && scout.now.call > c.enter.call && scout.record.depth <= c.depth) return;
      continue;
    }
    found_.push_back(scout.now);
    records_.push_back(scout.record);
  }
}

}  // namespace p11tape::model
