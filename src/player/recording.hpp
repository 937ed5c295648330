// SPDX-License-Identifier: Apache-2.0
// A whole tape in memory, prepared for questions: who asked what in which session, and what the answer was.
//
// It is made in one pass. Handles become numbers that are never used again: sessions and objects of a process get new
// ones when the module gives a handle out anew. The tape is not trusted: records that make no sense are left out, and
// what is missing is said in `troubles`.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/numbers.hpp"
#include "model/roles.hpp"
#include "p11tape/tape.hpp"
#include "player/match_key.hpp"
#include "reencode/encode_as_recorder_would.hpp"

namespace p11tape::player {

/// Of calls and sessions, which the recording knows by their indexes.
inline constexpr u32 no_index = ~u32{0};

/// Recorded calls with one key, in the order of the tape.
struct bucket {
  std::vector<u32> calls;
  std::size_t first_unused = 0;  ///< none before it is unused
};

/// One attribute of an object, as the tape told it at one moment.
struct recorded_attribute {
  model::call_number call;
  u64 length = 0;  ///< CK_UNAVAILABLE_INFORMATION where the module gave none
  CK_RV code = CKR_OK;
  tape::item_form form = tape::item_form::none;
  tape::u8 flags = 0;
  tape::byte_view payload;

  bool unavailable() const noexcept { return length == ~u64{0}; }
  bool has_value() const noexcept {
    return form == tape::item_form::bytes || form == tape::item_form::number || form == tape::item_form::numbers;
  }
};

struct recorded_object {
  model::object_handle handle;
  std::map<u64, std::vector<recorded_attribute>> attributes;  ///< by type, oldest first
};

struct recorded_call {
  model::call_number number;  ///< as `p11tape show` counts
  cryptoki::function function{};
  const model::function_role* role = nullptr;
  tape::call_state state = tape::call_state::in_flight;
  tape::record_view enter, leave;
  u64 duration = 0;         ///< ns
  u64 thread = 0;           ///< the kernel's id
  u32 session = no_index;   ///< index of the session; `no_index` also where its handle was not open
  u32 begun_in = no_index;  ///< index of the call that began the operation that this one goes on with
  const bucket* key_exact = nullptr;
  const bucket* key_loose = nullptr;
  bool asks = false;  ///< it had nowhere to put an output, or too little room: only lengths are known
  bool used = false;  ///< it has been the answer to a live call
  u32 uses = 0;
  std::vector<u32> pins;
  model::session_handle opened;            ///< that it gave out
  std::vector<model::object_number> made;  ///< that it gave out
  std::size_t first_unused = 0;            ///< in goes_on: none before it is unused
  std::vector<u32> goes_on;                ///< of a call that begins an operation: indexes of those that go on with it
  bool search_done = false;                ///< of a search: it was read to its end
  CK_RV search_end = CKR_OK;               ///< ... or to this failure

  CK_RV value() const noexcept { return static_cast<CK_RV>(tape::result_view(leave.body).return_value()); }
  bool returned() const noexcept { return state == tape::call_state::returned; }
  bool ok() const noexcept { return returned() && value() == CKR_OK; }
  tape::fields_view inputs() const noexcept { return {cryptoki::row(function).arguments, enter.body}; }
  tape::result_view outputs() const noexcept { return tape::result_view(leave.body); }
};

struct interface_seen {
  CK_VERSION version;
  CK_FLAGS flags;
};

class story {
 public:
  /// Throws tape_error where the file is no tape.
  explicit story(const std::string& path);
  story(const story&) = delete;
  story& operator=(const story&) = delete;

  std::vector<recorded_call> calls;
  std::vector<recorded_object> objects;       ///< by number; the first is nobody
  std::vector<model::slot_id> session_slots;  ///< by index of the session
  std::set<model::slot_id> slots;
  std::unordered_map<std::string, bucket> exact, loose;
  std::vector<std::vector<u32>> by_function;  ///< indexes into calls
  std::vector<u32> milestones;  ///< calls that change what later ones are answered: logins, objects, PINs ...
  std::vector<interface_seen> interfaces;  ///< that the module had, oldest version first
  std::vector<std::string> troubles;       ///< sentences about what the tape does not have

  recorded_object& object(model::object_number n) noexcept { return objects[n.value()]; }
  const recorded_object& object(model::object_number n) const noexcept { return objects[n.value()]; }

  reencode::recorder_profile recorded;
  std::string path, program;
  u64 pid = 0;

 private:
  friend class story_teller;
  std::vector<model::function_role> roles_;
};

}  // namespace p11tape::player
