// SPDX-License-Identifier: Apache-2.0
// The numbers by which calls, threads, sessions, objects and slots are known: a type for each, so that the compiler
// tells a session handle from the number of a call.
//
// A number is made from an integer, and read as one, only where that is written down: call_number(7),
// c.number.value(). Numbers of one kind compare, sort and hash as their integers do. They cost what an integer costs:
// 8 bytes, passed in a register.
//
// `none` is the one way to say that there is no such thing, that it was nobody, or that it is not known. It is what a
// number is until something else is assigned. Each kind has the value for it that no recorded thing has: 0 for what is
// counted from 1; all ones for handles and slot IDs, because 0 is a slot ID like any other, and a handle that programs
// do pass (CK_INVALID_HANDLE). call::word() returns all ones for an argument that is not on the tape: the handle is
// `none` then.
//
// Values of PKCS#11 itself (mechanisms, classes, key types, users, flags) stay u64, as they are compared with its
// constants. They are `unknown` (entities.hpp) where the tape does not show them.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <type_traits>

#include "p11tape/layout.hpp"

namespace p11tape::model {

struct none_type {
  explicit constexpr none_type() noexcept = default;
};
inline constexpr none_type none{};

/// A number of one kind; `Kind` is only its name. `None` is the value that stands for `none`.
template <class Kind, tape::u64 None>
class number_of {
 public:
  constexpr number_of() noexcept = default;
  constexpr number_of(none_type) noexcept {}
  explicit constexpr number_of(tape::u64 value) noexcept : value_(value) {}

  constexpr tape::u64 value() const noexcept { return value_; }

  friend constexpr bool operator==(const number_of&, const number_of&) noexcept = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): it takes the comparison with 0 that the compiler makes for a pointer
  friend constexpr auto operator<=>(const number_of&, const number_of&) noexcept = default;

  /// For text::cat.
  friend std::string piece(number_of n) { return std::to_string(n.value_); }

 private:
  tape::u64 value_ = None;
};

inline constexpr tape::u64 all_ones = ~tape::u64{0};

using call_number = number_of<struct call_kind, 0>;        ///< 1, 2, 3 ... on a tape
using thread_number = number_of<struct thread_kind, 0>;    ///< the same; the kernel's ids are used again, numbers not
using session_number = number_of<struct session_kind, 0>;  ///< 1, 2, 3 ... over all tapes that are read together
using object_number = number_of<struct object_kind, 0>;    ///< the same
using session_handle = number_of<struct session_handle_kind, all_ones>;  ///< CK_SESSION_HANDLE
using object_handle = number_of<struct object_handle_kind, all_ones>;    ///< CK_OBJECT_HANDLE
using slot_id = number_of<struct slot_kind, all_ones>;                   ///< CK_SLOT_ID

static_assert(sizeof(call_number) == sizeof(tape::u64) && std::is_trivially_copyable_v<call_number>);

}  // namespace p11tape::model

template <class Kind, p11tape::tape::u64 None>
struct std::hash<p11tape::model::number_of<Kind, None>> {
  std::size_t operator()(p11tape::model::number_of<Kind, None> n) const noexcept {
    return std::hash<p11tape::tape::u64>()(n.value());
  }
};
