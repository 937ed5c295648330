// SPDX-License-Identifier: Apache-2.0
// Exchanges with a card as OpenSC prints them, in a log of its own or between the lines of another:
//
//   Outgoing APDU (13 bytes):
//   00 20 00 81 08 31 32 33 34 35 36 37 38 . ...12345678
//   Incoming APDU (2 bytes):
//   63 C2 c.
//
// Before 0.20: "Outgoing APDU data [   13 bytes] =====". Commands carry PINs: the bytes live until the exchange is
// encoded, which keeps what the recorder would have kept (capture/encode/exchange_mask.def).
#pragma once

#include "import/call.hpp"
#include "import/reader.hpp"

namespace p11tape::import {

class card_lines {
 public:
  /// Takes a line, without a prefix. Whole exchanges go to `c`, if there is a call.
  line_use take(std::string_view text, call* c, std::optional<u64> time);

  /// After line_use::masked: the line without its secrets.
  std::string cleaned;

 private:
  bool title(std::string_view text);
  void complete(call* c);

  card_exchange now_;
  std::string bytes_;  // of the dump that is open
  std::size_t size_ = 0;
  bool open_ = false, outgoing_ = false, have_command_ = false;
};

}  // namespace p11tape::import
