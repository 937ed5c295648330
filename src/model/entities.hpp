// SPDX-License-Identifier: Apache-2.0
// What the model knows: slots and tokens, sessions, objects, operations and searches, as the tape last told of them.
//
// Plain data. state.hpp keeps it up to date; everybody else reads it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/numbers.hpp"
#include "model/roles.hpp"
#include "p11tape/layout.hpp"

namespace p11tape::model {

using tape::u32;
using tape::u64;

/// A mechanism, class, type, user or other value that the tape does not show.
inline constexpr u64 unknown = all_ones;

/// CK_TOKEN_INFO, as last seen. Texts keep their padding: it matters to those who compare labels.
struct token {
  std::string label, manufacturer, model, serial, utc_time;
  u64 flags = 0;
  u64 max_sessions = 0, sessions = 0, max_rw_sessions = 0, rw_sessions = 0;
  u64 max_pin = 0, min_pin = 0;
  u64 firmware = unknown;  ///< major * 256 + minor
  call_number seen_in;     ///< that told this
  u64 seen_wall = 0;       ///< ns since 1970

  bool has(u64 flag) const noexcept { return (flags & flag) != 0; }
};

struct mechanism_limits {
  u64 min_key = 0, max_key = 0, flags = 0;
};

struct slot {
  slot_id id;
  std::string description, manufacturer;  ///< without padding; empty until C_GetSlotInfo tells them
  u64 flags = 0;
  call_number info_in;  ///< the last C_GetSlotInfo
  std::optional<model::token> token;
  std::vector<u64> mechanisms;
  call_number mechanisms_in;  ///< the last C_GetMechanismList that gave the list
  std::unordered_map<u64, mechanism_limits> limits;

  u64 user = unknown;    ///< CKU_* who is logged in, as far as the tape tells; `unknown`: nobody
  call_number login_in;  ///< that logged in, if the tape shows it
  u32 sessions = 0;      ///< open now, as far as the tape tells
  u32 rw_sessions = 0;

  bool logged_in() const noexcept { return user != unknown; }
  bool offers(u64 mechanism) const noexcept;
};

/// What an active operation is about.
struct active_operation {
  bool active = false;
  bool touched = false;  ///< begun, and continued by at least one call
  u64 mechanism = unknown;
  object_handle key;
  call_number begun_in;
};

/// What a search asked for, and what came of it.
struct search {
  u64 object_class = unknown;
  u64 key_type = unknown;
  std::optional<std::string> label, id;
  bool withheld = false;  ///< the profile kept label or id off the tape
  u32 attributes = 0;     ///< how many the template has
  u64 found = 0;          ///< objects so far, as the calls have counted them
  bool unclear = false;   ///< a call may have found more: nothing on the tape proves how many
  u32 steps = 0;          ///< calls of C_FindObjects
  call_number begun_in;
};

struct session {
  session_handle handle;
  session_number number;  ///< handles are used again, numbers are not
  slot_id slot;
  u64 flags = 0;
  call_number opened_in;  ///< if the tape shows it
  thread_number thread;   ///< that opened it
  u64 last_used = 0;      ///< CLOCK_MONOTONIC of the end of its last call
  u64 calls = 0;
  bool logged_in_here = false;  ///< C_Login was called with this session
  std::array<active_operation, operations> active{};
  search find;

  bool writes() const noexcept { return (flags & 2) != 0; }  // CKF_RW_SESSION
  const active_operation& of(operation o) const noexcept { return active[static_cast<std::size_t>(o)]; }
  active_operation& of(operation o) noexcept { return active[static_cast<std::size_t>(o)]; }
};

/// Boolean attributes that the model keeps of an object.
enum object_bits : u32 {
  bit_token = 1 << 0,
  bit_private = 1 << 1,
  bit_sensitive = 1 << 2,
  bit_extractable = 1 << 3,
  bit_encrypt = 1 << 4,
  bit_decrypt = 1 << 5,
  bit_sign = 1 << 6,
  bit_verify = 1 << 7,
  bit_wrap = 1 << 8,
  bit_unwrap = 1 << 9,
  bit_derive = 1 << 10,
  bit_always_authenticate = 1 << 11,
  bit_modifiable = 1 << 12,
  bit_local = 1 << 13,
};

/// What the tape tells of an object. Everything may be unknown: labels and IDs are known only where somebody asked.
struct object {
  object_handle handle;
  object_number number;  ///< as session::number
  slot_id slot;
  u64 object_class = unknown;
  u64 key_type = unknown;
  std::optional<std::string> label, id;
  u32 bits = 0;           ///< key size; 0: unknown
  u32 value_length = 0;   ///< of CKA_VALUE where that is known and the value is not: bytes
  std::string ec_params;  ///< DER
  u32 said = 0;           ///< object_bits that are known
  u32 set = 0;            ///< and their values
  std::vector<u64> allowed_mechanisms;
  session_number session;  ///< that it ends with; none for a token object, or if it is not known
  call_number first_seen_in;
  bool created = false;   ///< by this process
  call_number last_used;  ///< that had it as an argument or a result

  bool is(object_bits b) const noexcept { return (said & set & b) != 0; }
  bool is_not(object_bits b) const noexcept { return (said & b) != 0 && (set & b) == 0; }
};

/// Why a handle is no longer valid.
enum class ending : std::uint8_t { closed, closed_all, finalized, destroyed, replaced, logged_out };

/// A handle of the past, of a session or an object: what it was, and which call ended it.
struct past {
  session_handle session;
  session_number number;  ///< of the session
  object_handle object;
  slot_id slot;
  call_number ended_in;
  thread_number ended_by;
  ending how = ending::closed;
};

}  // namespace p11tape::model
