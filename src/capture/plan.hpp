// The rows, boiled down to what the encoder needs: sixteen bytes a field instead of names and notes.
#pragma once

#include <array>
#include <span>

#include "cryptoki/tables.hpp"
#include "tape/layout.hpp"

namespace p11tape::capture {

using tape::u16;
using tape::u8;

inline constexpr u16 no_target = 0xffff;
inline constexpr u16 message_parameter = 0xfffe;  ///< its layout depends on the session's mechanism

struct step {
  cryptoki::shape kind;
  cryptoki::flow way;
  cryptoki::secrecy secret;
  cryptoki::secrecy counted;  ///< of the field that this one counts; scalar: none
  u8 counts_bits : 1;
  u8 terminated : 1;
  u8 embedded : 1;    ///< an array or struct by value inside a struct
  u8 written : 1;     ///< a number behind a pointer that counts an output, and is read before and after the call
  std::int8_t count;  ///< index of the counting field, -1: none
  std::int8_t cap;    ///< index of the field that holds the capacity, -1: none
  u16 fixed;          ///< a fixed count, 0: none
  u16 target;         ///< number of the struct behind a pointer or by value
  u16 offset;         ///< bytes from the start of the struct, or of the array of argument words
  u16 size;
};

struct plan {
  std::span<const step> steps;
  bool has_outputs;  ///< something is to be read after the call
};

const plan& plan_of(cryptoki::function f) noexcept;
const plan& plan_of_record(u16 record) noexcept;

/// One way in which a mechanism's parameter may lie in memory.
struct layout {
  enum class where : u8 { call, message, wrap } context;
  enum class how : u8 { bytes, number, record } kind;
  u16 record;
};

struct mechanism_plan {
  tape::u64 type;
  u8 count;
  std::array<layout, 3> layouts;
};

/// The layouts of a mechanism's parameter, or nullptr: then it is key material.
const mechanism_plan* plan_of_mechanism(tape::u64 type) noexcept;

}  // namespace p11tape::capture
