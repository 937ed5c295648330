// SPDX-License-Identifier: Apache-2.0
#include "card/description.hpp"

#include "card/status.hpp"

namespace p11tape::card {
namespace {

using tape::card_call;

constexpr std::uint16_t failed_verification = 0x6300, not_verified = 0x6982, no_tries = 0x6983;

outcome of_result(std::uint32_t result) noexcept {
  switch (result) {
    case 0x80100069:
    case 0x8010000c:
    case 0x80100017:
      return outcome::removed;
    case 0x80100068:
      return outcome::reset;
    case 0x8010000b:
      return outcome::held;
    default:
      return outcome::reader_failed;
  }
}

// The reader's own answers to PINs that are entered at its keys (PC/SC part 10).
std::string_view pin_pad_meaning(std::uint16_t word) noexcept {
  switch (word) {
    case 0x6400:
      return "no PIN was entered in time";
    case 0x6401:
      return "cancelled at the reader";
    case 0x6402:
      return "the two new PINs differ";
    case 0x6403:
      return "the PIN is too short or too long";
    case 0x6b80:
      return "rejected by the reader";
    default:
      return "";
  }
}

void judge_status(described& d) {
  const auto& e = d.raw;
  const auto word = e.status();
  const bool pin = e.has(tape::exchange_command) && is_pin_command(e.cla, e.ins);
  const bool asks = pin && !e.has(tape::exchange_has_data);
  d.status = status_meaning(word);
  if (counts_tries(word)) {
    d.tries = word & 0x0f;
    d.has_tries = true;
    d.what = asks ? outcome::tries_asked : d.tries == 0 ? outcome::blocked : outcome::wrong_pin;
    if (asks) d.status = "not verified, " + std::to_string(d.tries) + (d.tries == 1 ? " try left" : " tries left");
  } else if (is_fine(word)) {
    d.what = outcome::fine;
    if (asks) d.status = "already verified";
  } else if (word == no_tries) {
    d.what = outcome::blocked;
    d.has_tries = true;
  } else if (word == failed_verification && pin) {
    d.what = outcome::wrong_pin;
    d.status = "wrong";
  } else if (word == not_verified) {
    d.what = outcome::not_allowed;
  } else {
    d.what = outcome::refused;
  }
  if (e.function == card_call::control)
    if (const auto words = pin_pad_meaning(word); !words.empty()) d.status = words;
}

}  // namespace

std::string status_hex(std::uint16_t word) {
  constexpr char digits[] = "0123456789ABCDEF";
  return {digits[word >> 12], digits[word >> 8 & 15], digits[word >> 4 & 15], digits[word & 15]};
}

std::string_view name_of(card_call function) noexcept {
  switch (function) {
    case card_call::transmit:
      return "SCardTransmit";
    case card_call::control:
      return "SCardControl";
    case card_call::begin_transaction:
      return "SCardBeginTransaction";
    case card_call::end_transaction:
      return "SCardEndTransaction";
    case card_call::connect:
      return "SCardConnect";
    case card_call::reconnect:
      return "SCardReconnect";
    case card_call::disconnect:
      return "SCardDisconnect";
  }
  return "";
}

described describer::tell(const tape::exchange_view& e) {
  constexpr std::uint8_t select = 0xa4, by_name = 4;
  described d;
  d.raw = e;
  auto& selected = selected_[e.card];
  d.selected = selected;
  d.function = name_of(e.function);
  if (e.has(tape::exchange_command)) {
    d.command = command_name(selected, e.cla, e.ins);
    d.target = command_target(selected, e);
  } else if (e.function == card_call::control) {
    d.target = control_meaning(e.control_code);
  }
  if (e.result != 0) {
    const auto* const result = find_pcsc_result(e.result);
    if (result != nullptr) {
      d.result = result->name;
      d.status = result->meaning;
    }
    // To ask a reader for what it does not do is how one finds out.
    const bool probing = e.function == card_call::control;
    d.what = probing ? outcome::unknown : of_result(e.result);
    if (d.what == outcome::reset || d.what == outcome::removed) selected = application::unknown;
    return d;
  }
  if (!e.has(tape::exchange_has_status)) return d;
  judge_status(d);
  const bool done = d.what == outcome::fine && (e.cla & 0x80) == 0;
  if (done && e.ins == select && e.p1 == by_name) selected = application_of(e.data);
  // Some modules ask for PIV's objects first, and select it only where that fails.
  if (done && selected == application::unknown && is_piv_object(e)) selected = application::piv;
  return d;
}

}  // namespace p11tape::card
