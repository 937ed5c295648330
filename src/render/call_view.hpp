// SPDX-License-Identifier: Apache-2.0
// A call as the renderer sees it. The program fills one from its model, the recorder from the record it has just
// written: so rendering depends on neither.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "card/description.hpp"
#include "p11tape/record.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::render {

struct call_view {
  std::uint64_t number = 0;
  std::uint64_t tape = 0;    ///< 1, 2 ... among the tapes that are read together; 0 for a single one
  std::uint64_t outer = 0;   ///< number of the call that this one was made in, 0 for none
  unsigned depth = 0;        ///< how many calls of the same thread are open around it
  std::uint64_t thread = 0;  ///< the kernel's id
  std::uint64_t thread_number = 0;
  std::string_view program;  ///< file name of the recorded program
  std::uint64_t pid = 0;
  std::uint64_t start = 0;     ///< CLOCK_MONOTONIC in ns, of the beginning; only where there are exchanges
  std::uint64_t wall = 0;      ///< ns since 1970, of the beginning
  std::uint64_t duration = 0;  ///< ns; only where `state` is returned

  const tape::schema* rows = nullptr;
  std::uint16_t function_number = 0;
  unsigned word_size = 8;  ///< of a CK_ULONG in the recorded process

  tape::call_state state = tape::call_state::in_flight;
  bool imported = false;           ///< the tape was made from another tool's log ...
  bool time_unknown = false;       ///< ... that does not show when the call began
  bool duration_unknown = false;   ///< ... or ended
  bool recording_stopped = false;  ///< the recording ended before the process did
  bool arguments_lost = false;     ///< the ENTER is there, its body is not
  bool result_lost = false;        ///< the LEAVE is there, its body is not
  tape::byte_view enter, leave;    ///< bodies; `leave` only where the call ended

  std::span<const card::described> exchanges;  ///< with a card, in the order of time

  bool has_arguments() const noexcept { return state != tape::call_state::result_only && !arguments_lost; }
  bool has_result() const noexcept {
    return (state == tape::call_state::returned || state == tape::call_state::result_only) && !result_lost;
  }
  const tape::function_info* function() const noexcept { return rows->function(function_number); }
};

}  // namespace p11tape::render
