// SPDX-License-Identifier: Apache-2.0
// Exchanges between the module and a card: what the PC/SC tap calls before and after each.
//
// begin_exchange() takes from the command what may be kept, before the real function runs: the module may use the same
// memory for command and response. end_exchange() adds the outcome and writes the record. In between lies nothing but
// plain memory on the stack, no lock and no destructor: cancellation and exceptions pass through.
//
// The rows of exchange_mask.def let through what is known to be public; all else stays in the module's memory.
#pragma once

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u16;
using tape::u32;
using tape::u64;
using tape::u8;

struct thread_state;

/// Which exchanges are recorded: the setting `apdu`.
enum class exchanges : u8 { off, errors, all };

struct exchange {
  static constexpr u32 most_data = 256;

  thread_state* thread;  ///< nullptr: not recorded
  bool pin_command;
  tape::exchange_facts facts;  ///< in the host's byte order
  u8 data[most_data];
};

/// Takes from a command APDU what may be recorded of it. `e` is empty before. All `size` bytes must be readable.
void take_command(exchange& e, const u8* command, u64 size) noexcept;

/// Takes length and status word of a response. All `size` bytes must be readable.
void take_response(exchange& e, const u8* response, u64 size) noexcept;

/// Which exchanges are to be recorded from now on.
void record_exchanges(exchanges which) noexcept;

/// Before the PC/SC function. `command` is SCardTransmit's, else nullptr. Keeps errno.
void begin_exchange(exchange& e, tape::card_call function, u64 card, u32 control_code, const void* command,
                    u64 size) noexcept;

/// After it, with what it returned; `response` is what it received, and may be nullptr. Keeps errno.
void end_exchange(exchange& e, u32 result, const void* response, u64 size) noexcept;

}  // namespace p11tape::capture
