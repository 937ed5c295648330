// SPDX-License-Identifier: Apache-2.0
// What is to be done: the calls of one tape, in order, each with the things that its handles mean and with the reason
// why it cannot be made again, where there is one.
//
// All of that is decided before the first call is made, by one pass of the model over the tape:
//
// - Handles become *things*. A handle is a number that a module may give to something else once the first owner is
// gone;
//   a thing is one session or one object for good. So a handle that was used again never aliases.
// - A call that cannot be made takes with it what depends on it: uses of the object that it would have made, and all
//   calls of the operation (begin, update, finish) that it is part of. Half an operation would only disturb the
//   session.
// - Threads: a call may begin when all calls have ended that had ended on the tape when it began. `needs` counts them.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "model/state.hpp"
#include "replay/skip_reason.hpp"

namespace p11tape::replay {

using tape::u32;
using tape::u64;

inline constexpr u32 no_thing = ~u32{0};

enum class handle_kind : std::uint8_t { session, object, slot };

/// A handle among the arguments of a call, in the order in which the arguments are built.
struct handle_use {
  handle_kind kind;
  u64 recorded;  ///< the argument: a handle, or a slot ID
  u32 thing;     ///< index into plan::sessions, objects or slots; no_thing: it meant nothing on the tape, either
};

/// Which PIN a call is given: the tape has none.
enum class pin_kind : std::uint8_t { none, user, so, wrong };

struct step {
  model::call call;
  model::function_role role;
  u32 lane = 0;              ///< thread, from 0
  u32 needs = 0;             ///< so many calls, in the order of their ends, have to have ended before
  u32 rank = no_thing;       ///< its own place in the order of ends; no_thing: it never ended
  skip_reason why;           ///< why it is not made
  bool prepares = false;     ///< before --from: made because later calls need it, but neither compared nor counted
  bool synthesised = false;  ///< bytes that the tape does not have are made up
  bool fresh = false;        ///< keys that the tape itself generates, made-up bytes: what comes out is other bytes
  bool uncounted = false;  ///< a search after objects of the token were left out or not removed: another count is right
  pin_kind pin = pin_kind::none;
  u64 mechanism = model::unknown;                     ///< its own, or that of its operation
  std::array<u32, 2> operations{no_thing, no_thing};  ///< that it is part of
  std::vector<handle_use> uses;
  std::vector<u32> gives;  ///< objects that come out
  u32 opens = no_thing;    ///< the session that comes out
  u32 search = no_thing;   ///< index into plan::searches, for the calls of a search
};

struct session_thing {
  model::session_number number;
  model::slot_id slot;
  u32 opener = no_thing;  ///< step; no_thing: it was open before the tape begins
};

struct object_thing {
  model::object known;   ///< all that the tape tells of it, from beginning to end
  u32 maker = no_thing;  ///< the step that made it
  bool fresh = false;    ///< a new key each time
};

struct slot_thing {
  model::slot known;
  u32 position = no_thing;         ///< in the list of slots with a token
  u32 position_of_all = no_thing;  ///< in the list of all slots
};

struct search_thing {
  std::vector<u32> found;  ///< objects, in the order in which they came
};

struct plan {
  const tape::reader* tape = nullptr;
  std::vector<step> steps;
  std::vector<session_thing> sessions;
  std::vector<object_thing> objects;
  std::vector<slot_thing> slots;
  std::vector<search_thing> searches;
  model::call_number last{model::all_ones};  ///< that is asked for
  u32 lanes = 0;
  u32 operations = 0;              ///< how many there are
  unsigned major = 2, minor = 40;  ///< of the interface that the program had asked for
  bool begins_late = false;        ///< its beginning is not on the tape: the replay has to call C_Initialize itself
  bool ends_early = false;         ///< ... and C_Finalize
};

/// What the user allows and selects.
struct choice {
  bool allow_writes = false;
  bool allow_failed_logins = false;
  model::call_number from;                 ///< the first call; none: all
  model::call_number to{model::all_ones};  ///< and the last
};

plan make_plan(const tape::reader& tape, const choice& how);

/// True for calls that C_Login's kin made and in which the PIN, and not the state of the session, was at fault.
bool is_failed_login(const step& s) noexcept;

}  // namespace p11tape::replay
