// SPDX-License-Identifier: Apache-2.0
#include "card/text.hpp"

namespace p11tape::card {
namespace {

void append_byte(std::uint8_t b, std::string& out) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += digits[b >> 4];
  out += digits[b & 15];
}

void append_value(std::uint32_t value, std::string& out) {
  out += "0x";
  for (int shift = 24; shift >= 0; shift -= 8) append_byte(static_cast<std::uint8_t>(value >> shift), out);
}

void append_bytes(std::uint32_t n, std::string& out) {
  out += std::to_string(n);
  out += n == 1 ? " byte" : " bytes";
}

void append_command(const described& d, std::string& out) {
  const auto& e = d.raw;
  for (const auto b : {e.cla, e.ins, e.p1, e.p2}) {
    append_byte(b, out);
    out += ' ';
  }
  out += ' ';
  out += d.command.empty() ? "unknown instruction" : d.command;
  if (!d.target.empty()) (out += ' ') += d.target;
  if ((e.cla & 0x10) != 0 && (e.cla & 0xe0) == 0) out += ", more follows";
  if (e.has(tape::exchange_has_data)) {
    if (e.has(tape::exchange_length_withheld)) {
      out += ", data not recorded";
    } else if (e.data.empty()) {
      out += ", ";
      append_bytes(e.length, out);
    }
  }
}

}  // namespace

void append_line(const described& d, std::string& out) {
  const auto& e = d.raw;
  if (e.has(tape::exchange_command)) {
    append_command(d, out);
  } else {
    out += d.function.empty() ? "a PC/SC function" : d.function;
    if (e.function == tape::card_call::transmit) out += ", a command outside ISO/IEC 7816";
    if (e.function == tape::card_call::control) {
      out += ' ';
      append_value(e.control_code, out);
    }
    if (!d.target.empty()) (out += ' ') += d.target;
  }
  out += "  ->  ";
  if (e.result != 0) {
    append_value(e.result, out);
    if (!d.result.empty()) (out += ' ') += d.result;
    if (!d.status.empty()) (out += ": ") += d.status;
  } else if (!e.has(tape::exchange_has_status)) {
    out += "done";
  } else {
    if (e.received != 0) {
      append_bytes(e.received, out);
      out += ", ";
    }
    out += status_hex(e.status());
    (out += ' ') += d.status;
    if (e.has(tape::exchange_inner_status)) {
      out += " (by secure messaging; outside ";
      out += status_hex(e.status_word);
      out += ')';
    }
  }
}

}  // namespace p11tape::card
