// SPDX-License-Identifier: Apache-2.0
// An exchange with a smart card, as an EXCHANGE record holds it. FORMAT.md says what is recorded of one, and what is
// not.
#pragma once

#include "p11tape/record.hpp"

namespace p11tape::tape {

struct exchange_view {
  card_call function = card_call::transmit;
  u8 cla = 0, ins = 0, p1 = 0, p2 = 0;  ///< meaningful where has(exchange_command)
  u16 flags = 0;                        ///< exchange_flags
  u16 status_word = 0;                  ///< SW1 SW2, meaningful where has(exchange_has_status)
  u16 inner_status = 0;                 ///< the card's own under secure messaging, where has(exchange_inner_status)
  u32 result = 0;                       ///< of the PC/SC function: SCARD_*, 0 success
  u32 length = 0;                       ///< bytes of command data; 0 also where has(exchange_length_withheld)
  u32 expected = 0;                     ///< Le, meaningful where has(exchange_has_expected)
  u32 received = 0;                     ///< bytes of response data
  u32 control_code = 0;                 ///< of SCardControl
  u64 card = 0;                         ///< tells the cards of a process apart
  u64 began = 0, ended = 0;             ///< CLOCK_MONOTONIC in ns
  u64 thread_number = 0;                ///< of the call that it belongs to; 0: of none that is known
  u32 call = 0;                         ///< number of that call within its thread; 0: of none that is known
  byte_view data;                       ///< command data, of the few commands where they are recorded

  bool has(exchange_flags f) const noexcept { return (flags & f) != 0; }

  /// The status word that counts: the card's own under secure messaging.
  u16 status() const noexcept { return has(exchange_inner_status) ? inner_status : status_word; }
  u64 duration() const noexcept { return ended > began ? ended - began : 0; }

  /// Of an EXCHANGE record of the thread with that number. False where the record is damaged. `data` lives as long as
  /// the record does.
  static bool parse(const record_view& record, u64 thread_number, exchange_view& out) noexcept;
};

}  // namespace p11tape::tape
