// SPDX-License-Identifier: Apache-2.0
// What may be kept of a command and a response. Lengths are those of ISO/IEC 7816-3, 12.1.
#include <cstring>

#include "capture/encode/exchange.hpp"

namespace p11tape::capture {
namespace {

enum class shown : u8 { nothing, length, data, pin };

constexpr shown what_is_shown(u8 ins) noexcept {
  switch (ins) {
#define SHOWN(i, what) \
  case i:              \
    return shown::what;
#define PIN(i) \
  case i:      \
    return shown::pin;
#include "capture/encode/exchange_mask.def"
#undef SHOWN
#undef PIN
    default:
      return shown::nothing;
  }
}

// Bits of CLA (ISO/IEC 7816-4, 5.4.1).
constexpr u8 proprietary = 0x80;
constexpr u8 beyond_plain = 0xec;  // all but chaining and the four basic channels: also secure messaging
constexpr u8 further = 0x40;       // another coding, in which 20 is secure messaging

// PIN commands in proprietary classes that have names: SmartCard-HSM's initialisation carries both PINs, Muscle applets
// have their own VERIFY, CHANGE and UNBLOCK.
constexpr bool is_proprietary_pin(u8 cla, u8 ins) noexcept {
  return ((cla & 0xf0) == 0x80 && ins == 0x50) || (cla == 0xb0 && ins >= 0x40 && ins <= 0x46);
}

struct lengths {
  u64 data_at = 0, data = 0;
  u32 expected = 0;
  bool has_expected = false, extended = false;
};

u32 big_endian(const u8* at) noexcept { return u32{at[0]} << 8 | at[1]; }

// False where the lengths do not fit.
bool measure(const u8* c, u64 size, lengths& l) noexcept {
  if (size < 4) return false;
  u64 at = 4;
  if (size >= 7 && c[4] == 0) {
    l.extended = true;
    at = 5;
    if (size > 7) {
      l.data = big_endian(c + 5);
      at = 7;
      if (l.data == 0) return false;
    }
  } else if (size > 5) {
    l.data = c[4];
    at = 5;
    if (l.data == 0) return false;
  }
  if (size - at < l.data) return false;
  l.data_at = at;
  at += l.data;
  const u64 left = size - at;
  if (left == 0) return true;
  if (left != (l.extended ? 2u : 1u)) return false;
  l.has_expected = true;
  l.expected = l.extended ? big_endian(c + at) : c[at];
  if (l.expected == 0) l.expected = l.extended ? 65536 : 256;
  return true;
}

// With secure messaging the response is a row of data objects; 99 holds the card's own status word, in clear.
void take_inner_status(exchange& e, const u8* at, u64 size) noexcept {
  constexpr u8 status_object = 0x99;
  while (size >= 2) {
    const u8 tag = at[0];
    u64 head = 2;
    u64 length = at[1];
    if (length > 0x80 && length <= 0x82) {
      head += length - 0x80;
      if (size < head) return;
      length = head == 3 ? at[2] : big_endian(at + 2);
    } else if (length >= 0x80) {
      return;
    }
    if (size - head < length) return;
    if (tag == status_object && length == 2) {
      e.facts.inner_status = static_cast<u16>(big_endian(at + head));
      e.facts.flags |= tape::exchange_inner_status;
      return;
    }
    at += head + length;
    size -= head + length;
  }
}

bool is_secure(u8 cla) noexcept {
  if ((cla & proprietary) != 0) return (cla & 0x7c) == 0x04 || (cla & 0x7c) == 0x0c;
  return (cla & further) != 0 ? (cla & 0x20) != 0 : (cla & 0x0c) != 0;
}

}  // namespace

void take_command(exchange& e, const u8* command, u64 size) noexcept {
  lengths l;
  if (!measure(command, size, l)) return;
  auto& f = e.facts;
  const u8 cla = command[0];
  const u8 ins = command[1];
  f.flags |= tape::exchange_command;
  std::memcpy(f.command, command, sizeof f.command);
  const auto row = what_is_shown(ins);
  e.pin_command = row == shown::pin || is_proprietary_pin(cla, ins);
  const bool known = (cla & proprietary) == 0 && (row == shown::length || row == shown::data);
  if (l.extended) f.flags |= tape::exchange_extended;
  if (l.data != 0) f.flags |= tape::exchange_has_data;
  if (!known) {
    // P3 without data is an expected length by the standard; of what is not known to be harmless it may be anything.
    if (l.data != 0 || l.has_expected) f.flags |= tape::exchange_length_withheld;
    return;
  }
  f.length = static_cast<u32>(l.data);
  if (l.has_expected) {
    f.flags |= tape::exchange_has_expected;
    f.expected = l.expected;
  }
  if (row != shown::data || (cla & beyond_plain) != 0) return;
  f.data_size = static_cast<u32>(l.data);
  if (f.data_size > exchange::most_data) {
    f.data_size = exchange::most_data;
    f.flags |= tape::exchange_data_cut;
  }
  std::memcpy(e.data, command + l.data_at, f.data_size);
}

void take_response(exchange& e, const u8* response, u64 size) noexcept {
  auto& f = e.facts;
  const bool by_reader = f.function == static_cast<u8>(tape::card_call::control);
  if (size < 2 || (by_reader && size != 2)) return;
  f.flags |= tape::exchange_has_status;
  f.status_word = static_cast<u16>(big_endian(response + size - 2));
  f.received = static_cast<u32>(size - 2);
  if (!by_reader && (f.flags & tape::exchange_command) != 0 && is_secure(f.command[0]))
    take_inner_status(e, response, size - 2);
}

}  // namespace p11tape::capture
