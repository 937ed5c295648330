// SPDX-License-Identifier: Apache-2.0
// The calls of one thread, in the order in which they began.
//
// An ENTER is paired with the LEAVE of the same `call` number. Usually that is the thread's very next record. Where
// calls are nested it is further on, and a second cursor runs ahead to find it: so that the outer call can be handed
// out before the calls inside it, however many they are, without keeping them in memory.
#pragma once

#include <vector>

#include "model/call.hpp"

namespace p11tape::model {

class thread_calls {
 public:
  thread_calls(const tape::reader& tape, std::size_t tape_index, std::size_t thread,
               tape::record_bodies bodies = tape::record_bodies::handed_out);

  /// Fills in the thread's next call, all but its number. False at the end.
  bool next(call& out);

  /// Tells the number that the call just handed out was given: calls inside it name it as their `outer`.
  void set_number(call_number number) noexcept;

 private:
  // A call that was handed out and in which the thread still is, as far as the records read so far tell.
  struct open_call {
    tape::u32 call;
    unsigned depth;
    bool returns;  // its LEAVE is further on, and was handed out with it already
    call_number number;
  };

  static int read(tape::cursor& from, tape::record_view& out, tape::record_view* end = nullptr);
  int next_record(call& out);
  void find_end(call& out);
  bool ends_open_call(const tape::record_view& leave);

  const tape::reader* tape_;
  std::size_t tape_index_;
  calling_thread thread_;
  tape::cursor cursor_;
  tape::record_view ahead_;  // read, but not used yet
  bool has_ahead_ = false;
  std::vector<open_call> open_;
  bool opened_ = false;  // the call just handed out is open_.back()
};

}  // namespace p11tape::model
