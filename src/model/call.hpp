// SPDX-License-Identifier: Apache-2.0
// A call: an ENTER and what became of it. The unit that everything offline works with.
#pragma once

#include "model/numbers.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::model {

struct calling_thread {
  thread_number number;
  tape::u64 id = 0;  ///< the kernel's; may be used again by a later thread
};

struct call {
  call_number number;  ///< 1, 2, 3 ... on its tape, in the order in which the calls began
  call_number outer;   ///< of the same thread, that this one was made in
  const tape::reader* tape = nullptr;
  std::size_t tape_index = 0;
  calling_thread thread;
  unsigned depth = 0;
  tape::u16 function_number = 0;
  const tape::function_info* function = nullptr;  ///< nullptr where the tape does not describe the number
  tape::call_state state = tape::call_state::in_flight;
  tape::record_view enter;  ///< meaningless where `state` is result_only
  tape::record_view leave;  ///< meaningful where ended() is true

  bool begun() const noexcept { return state != tape::call_state::result_only; }
  bool ended() const noexcept { return state == tape::call_state::returned || state == tape::call_state::result_only; }

  /// CLOCK_MONOTONIC in ns. Where the beginning is not on the tape, that of the end.
  tape::u64 start() const noexcept { return begun() ? enter.time : leave.time; }
  /// ns since 1970.
  tape::u64 start_wall() const noexcept { return begun() ? enter.wall : leave.wall; }
  /// The same; 0 if the log that an imported tape was made from does not show it.
  tape::u64 shown_start_wall() const noexcept { return has_start() ? start_wall() : 0; }
  /// False if the log that an imported tape was made from does not show when the call began.
  bool has_start() const noexcept {
    return (begun() ? enter.flags & tape::record_no_start : leave.flags & tape::record_no_end) == 0;
  }
  /// Whether beginning and end are known.
  bool has_duration() const noexcept {
    return state == tape::call_state::returned && (enter.flags & tape::record_no_start) == 0 &&
           (leave.flags & tape::record_no_end) == 0;
  }
  /// The module's own time in ns; 0 where beginning or end is missing.
  tape::u64 duration() const noexcept {
    return has_duration() && leave.time > enter.time ? leave.time - enter.time : 0;
  }

  /// CKR_OK (0) only where the call returned it; see ended().
  tape::u64 return_value() const noexcept { return tape::result_view(leave.body).return_value(); }
  bool failed() const noexcept { return !ended() || return_value() != 0; }

  /// The arguments as the application passed them; empty where they are not on the tape.
  tape::fields_view arguments() const noexcept {
    return function && begun() ? tape::fields_view(function->arguments, enter.body) : tape::fields_view();
  }
  /// The word of an argument; all ones if the log that an imported tape was made from does not show it.
  tape::u64 word(std::size_t argument) const noexcept {
    const auto all = arguments();
    const auto value = all.word(argument);
    // FORMAT.md: the word of a number that is not known is 0.
    if (value == 0 && (tape->header().features & tape::feature_imported) != 0) {
      tape::item_view item;
      if (all.find(argument, item) && item.form == tape::item_form::none && item.has(tape::item_unknown))
        return ~tape::u64{0};
    }
    return value;
  }
  /// The return value and the outputs; empty where they are not on the tape.
  tape::result_view result() const noexcept { return ended() ? tape::result_view(leave.body) : tape::result_view(); }
};

}  // namespace p11tape::model
