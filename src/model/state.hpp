// SPDX-License-Identifier: Apache-2.0
// The state of everything that tapes are about: libraries, slots and tokens, sessions, logins, operations, objects.
//
// It is rebuilt while the calls go by, in one pass, and holds what is open and not what has been:
//
//   model::call_stream calls(readers);
//   model::state state(readers);
//   while (const auto* call = calls.next()) {
//     const auto& now = state.take(*call);     // the state as it was when this call began
//     if (now.session) ... now.session->slot ... state.describe(*now.key) ...
//   }
//   state.finish();
//
// A call changes the state when it ends, not when it begins: until then it is one of library::flights, and calls of
// other threads see the state as it was. What a call tells about tokens and objects counts at once, as it does no harm.
// Of a tape that begins in the middle (the ring was overwritten, the recorder came late) the model knows what it can:
// pointers in `moment` may be null, slots and handles may be unknown.
//
// Handles become meaning: describe(). Handles mean something at one moment only; `meaning` is for the call taken last.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "model/recorded_process.hpp"

namespace p11tape::model {

/// What is known at the beginning of a call. Pointers live until the next take(). The call itself is in
/// library::flights already.
struct call_context {
  const model::call* call = nullptr;
  const model::recorded_process* process = nullptr;
  const function_role* role = nullptr;
  cryptoki::function which = unknown_function;

  model::session_handle session_handle;     ///< as passed; none if the function has none
  const model::session* session = nullptr;  ///< nullptr: not open, as far as the tape tells
  model::slot_id slot_id;                   ///< as passed, or the session's
  const model::slot* slot = nullptr;
  model::object_handle object_handle;  ///< as passed: a key, or an object
  const model::object* key = nullptr;  ///< the object of that handle, or the key of the operation that goes on
  u64 mechanism = unknown;             ///< as passed, or that of the operation that goes on
  u64 value = 0;                       ///< the return value; CKR_OK also where it did not return: see ended
  bool ended = false;
  bool ok = false;    ///< ended, with CKR_OK
  bool asks = false;  ///< only for the length of its output; false if its beginning is not on the tape
  u64 duration = 0;   ///< ns in the module; 0 where beginning or end is missing

  bool is(cryptoki::function f) const noexcept { return which == f; }
  /// The word of an argument of `role`, 0 where there is none.
  u64 word(std::int8_t argument) const noexcept {
    return argument < 0 ? 0 : call->word(static_cast<std::size_t>(argument));
  }
};

class state {
 public:
  /// The readers must outlive the state.
  explicit state(std::span<const tape::reader* const> tapes);
  explicit state(const tape::reader& tape);
  ~state();
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  /// Brings the state to the beginning of `call`. Calls must come in the order of a call_stream over the same tapes.
  const call_context& take(const call& call);

  /// Everything has ended that ends.
  void finish();

  const std::vector<std::unique_ptr<recorded_process>>& libraries() const noexcept;
  const recorded_process& of(const call& call) const noexcept { return *libraries()[call.tape_index]; }

 private:
  class transitions;
  std::unique_ptr<transitions> changes_;
  call_context now_;
};

// ---- Meaning
// --------------------------------------------------------------------------------------------------------- All texts
// are safe to print: what comes from a tape is escaped.

/// "UserPIN (mytoken)" in quotes; slot 5 where the token's label is not known.
std::string describe(const slot& s);

/// session 3 on "UserPIN (mytoken)"
std::string describe(const recorded_process& in, const session& s);

/// private RSA-2048 "my_key3" id 45 on "UserPIN (mytoken)"
std::string describe(const recorded_process& in, const object& o);

/// The same without the token.
std::string describe_short(const object& o);

/// CKA_ID as people write it: 45, and (empty).
std::string describe_id(std::string_view id);

/// What a handle or slot ID of the call taken last means: an argument, or a result that the call gives. "" where nothing
/// is known.
/// `kind` is the meaning of the argument's type: "session", "object" or "slot".
std::string meaning(const call_context& now, std::string_view kind, u64 number);

}  // namespace p11tape::model
