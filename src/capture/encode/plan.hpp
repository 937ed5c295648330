// SPDX-License-Identifier: Apache-2.0
// The rows, boiled down to what the encoder needs: sixteen bytes a field instead of names and notes.
#pragma once

#include <array>
#include <span>

#include "cryptoki/tables.hpp"
#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u16;
using tape::u32;
using tape::u8;

inline constexpr u16 no_target = 0xffff;
inline constexpr u16 message_parameter = 0xfffe;  ///< its layout depends on the session's mechanism

struct step {
  cryptoki::shape kind;
  cryptoki::flow way;
  cryptoki::redaction_class secret;
  cryptoki::redaction_class counted;  ///< of the field that this one counts; scalar: none
  u8 counts_bits : 1;
  u8 terminated : 1;
  u8 embedded : 1;     ///< an array or struct by value inside a struct
  u8 written : 1;      ///< a number behind a pointer that counts an output, and is read before and after the call
  u8 plain : 1;        ///< a number that every profile shows as it is
  u8 makes : 1;        ///< says who makes an IV: a small number
  u8 sealed : 1;       ///< an output of calls that encrypt or sign, an input of the others
  std::int8_t count;   ///< index of the counting field, -1: none
  std::int8_t cap;     ///< index of the field that holds the capacity, -1: none
  std::int8_t maker;   ///< index of the field that says whether the module makes the value, -1: none
  std::int8_t counts;  ///< index of the pointer whose elements this one counts, -1: none
  u16 fixed;           ///< a fixed count, 0: none
  u16 target;          ///< number of the struct behind a pointer or by value
  u16 offset;          ///< bytes from the start of the struct, or of the array of argument words
  u16 size;
};

struct plan {
  std::span<const step> steps;
  u32 outputs;  ///< bit i: step i is to be read after the call
  bool flat;    ///< lies in memory as its words lie on the tape: all plain, eight bytes each, nothing between them
};

/// Where a function's records go.
enum class retention : u8 {
  ring,
  kept,       ///< calls that change the library's state
  kept_half,  ///< what describes tokens is worth keeping too, but polls must not fill the kept part
};

/// The operations of a session, told apart because each has a mechanism of its own, which decides how its calls are
/// read. A dual call belongs to two of them.
enum class operation : u8 {
  none,
  message_encrypt,
  message_decrypt,
  message_sign,
  message_verify,
  encrypt,
  decrypt,
  digest,
  sign,
  verify,
  dual,
};
inline constexpr std::size_t operation_count = 9;  ///< those with a mechanism

/// One way in which a mechanism's parameter may lie in memory.
struct layout {
  enum class where : u8 { call, message, wrap } context;
  enum class how : u8 { bytes, iv, number, record } kind;
  u16 record;
};

struct function_plan : plan {
  retention goes;
  operation part_of;
  layout::where context;   ///< the layouts that its mechanism's parameter has
  bool decrypts;           ///< takes what another call has sealed: IVs and tags are inputs
  bool changes_mechanism;  ///< begins, restores, or C_DigestKey: what the operation returns then depends on a key
  bool begins;             ///< starts the operation: its mechanism is the second argument
  bool restores;           ///< C_SetOperationState: the session's operations are others from now on
};

extern const std::array<function_plan, cryptoki::function_count> function_plans;
extern const std::array<plan, cryptoki::record_count> record_plans;

inline const function_plan& plan_of(cryptoki::function f) noexcept {
  return function_plans[static_cast<std::size_t>(f)];
}
inline const plan& plan_of_record(u16 record) noexcept { return record_plans[record]; }

struct mechanism_plan {
  tape::u64 type;
  u8 count;
  std::array<layout, 4> layouts;

  /// A mechanism without layouts of its own for a context takes there what it takes elsewhere. If it has some, nothing
  /// else is one: structs of the same size have pointers where others have lengths.
  constexpr layout::where context_for(layout::where wanted) const noexcept {
    for (u8 i = 0; i < count; ++i)
      if (layouts[i].context == wanted) return wanted;
    return layout::where::call;
  }
};

/// The layouts of a mechanism's parameter, or nullptr: then it is key material.
const mechanism_plan* plan_of_mechanism(tape::u64 type) noexcept;

}  // namespace p11tape::capture
