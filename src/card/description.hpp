// SPDX-License-Identifier: Apache-2.0
// An exchange in words, for those who print it or reason about it.
//
// What a command means depends on the application that was selected before: a narrator is told the exchanges in order,
// and remembers the selection of each card.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "card/command.hpp"
#include "p11tape/exchange.hpp"

namespace p11tape::card {

/// What an exchange says about PINs and the card itself.
enum class outcome : std::uint8_t {
  fine,
  wrong_pin,      ///< a PIN or key was compared and was wrong; `tries` where the card counts them
  blocked,        ///< it can no longer be tried
  tries_asked,    ///< VERIFY without a PIN: only asks; `tries` are left
  not_allowed,    ///< something was to be verified first
  removed,        ///< the card has been removed
  reset,          ///< another program has reset it
  held,           ///< another program holds it for itself
  reader_failed,  ///< PC/SC failed for another reason
  refused,        ///< any other status word
  unknown,        ///< nothing was answered that could be judged
};

struct described {
  tape::exchange_view raw;
  application selected = application::unknown;  ///< when the command was sent
  std::string_view function;                    ///< "SCardTransmit"; "" for one that is not known
  std::string_view command;                     ///< "VERIFY"; "" where nothing is known
  std::string target;                           ///< "user PIN"; "" where nothing is known
  std::string status;                           ///< meaning of the status word, or of the PC/SC result
  std::string_view result;  ///< "SCARD_W_REMOVED_CARD"; "" for success, or where the value has no name
  outcome what = outcome::unknown;
  unsigned tries = 0;
  bool has_tries = false;

  /// The one that counts was neither fine nor a mere question: what a failed call may be put down to.
  bool is_trouble() const noexcept {
    return what != outcome::fine && what != outcome::tries_asked && what != outcome::unknown;
  }
};

class describer {
 public:
  described tell(const tape::exchange_view& e);

 private:
  std::map<tape::u64, application> selected_;  // by card
};

/// "63C2", as people write status words.
std::string status_hex(std::uint16_t word);

/// "SCardTransmit"; "" for none of ours.
std::string_view name_of(tape::card_call function) noexcept;

}  // namespace p11tape::card
