// SPDX-License-Identifier: Apache-2.0
// The calls that have begun and not returned, of a log that writes a call in several pieces.
//
// Loggers write the header of a call, its inputs, its outputs and its result one after the other, so that the pieces of
// several threads mix. Who reads them asks here which call a piece belongs to: that of its thread if the log names
// threads, else the one that was written to last and understands the piece.
#pragma once

#include <algorithm>
#include <list>

#include "import/call.hpp"

namespace p11tape::import {

/// `State` is what a reader keeps of a call besides the call itself.
template <class State>
class open_calls {
 public:
  struct entry {
    call c;
    State state{};
    u64 number = 0;  ///< of the call in the log
  };

  explicit open_calls(call_sink& to) : to_(to) {}

  /// The call that was written to last, or nullptr.
  entry* current() noexcept { return open_.empty() ? nullptr : &open_.back(); }
  bool empty() const noexcept { return open_.empty(); }
  std::size_t size() const noexcept { return open_.size(); }

  entry& begin(cryptoki::function f, u64 line) {
    if (open_.size() >= most) give_up_oldest();
    u32 lane = 0;
    for (bool taken = true; taken; lane += taken) {
      taken = false;
      for (const auto& e : open_) taken |= e.c.lane == lane;
    }
    auto& e = open_.emplace_back();
    e.c.begin(f, line);
    e.c.lane = lane;
    return e;
  }

  /// The call of a thread, which becomes the current one; nullptr if it has none.
  entry* of_thread(std::optional<u64> process, std::optional<u64> thread) noexcept {
    for (auto i = open_.rbegin(); i != open_.rend(); ++i)
      if (i->c.process == process && i->c.thread == thread) return touch(std::prev(i.base()));
    return nullptr;
  }

  /// A call of a thread begins. If the thread is in one already, the end of that is missing.
  entry& begin_of_thread(cryptoki::function f, u64 line, std::optional<u64> process, std::optional<u64> thread,
                         std::optional<u64> start) {
    if (auto* e = of_thread(process, thread)) {
      e->c.result_lost = true;
      drop_current();
    }
    auto& e = begin(f, line);
    e.c.process = process;
    e.c.thread = thread;
    e.c.start = start;
    return e;
  }

  /// Offers a piece to the calls, the latest first, until one takes it; that becomes the current one.
  template <class Offer>
  entry* offer(Offer takes) {
    for (auto i = open_.rbegin(); i != open_.rend(); ++i)
      if (takes(*i)) return touch(std::prev(i.base()));
    return nullptr;
  }

  /// Whether any call but the current one is so.
  template <class Is>
  bool any_other(Is is) const {
    const auto end = open_.empty() ? open_.end() : std::prev(open_.end());
    return std::any_of(open_.begin(), end, is);
  }

  /// The current call has returned.
  void end_current(u64 result, u64 line, std::optional<u64> time = {}) {
    auto& e = open_.back();
    if (time) e.c.end = time;
    e.c.result = result;
    e.c.end_line = line;
    to_.add(e.c);
    open_.pop_back();
  }

  /// Hands on the current call as it is.
  void drop_current() {
    to_.add(open_.back().c);
    open_.pop_back();
  }

  /// A piece of the log is missing: what is open may have returned there.
  void give_up(bool lost) {
    for (auto& e : open_) {
      e.c.result_lost = lost;
      to_.add(e.c);
    }
    open_.clear();
  }

 private:
  static constexpr std::size_t most = 256;
  using place = typename std::list<entry>::iterator;

  entry* touch(place i) noexcept {
    open_.splice(open_.end(), open_, i);
    return &open_.back();
  }
  void give_up_oldest() {
    open_.front().c.result_lost = true;
    to_.add(open_.front().c);
    open_.pop_front();
  }

  call_sink& to_;
  std::list<entry> open_;  // the one that was written to last is at the end
};

}  // namespace p11tape::import
