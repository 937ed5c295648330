// SPDX-License-Identifier: Apache-2.0
// Answers calls from a tape: what has been recorded, found by what is asked.
//
// One lock, held for the microseconds that an answer takes: recorded delays are slept outside of it, by the caller.
// How an answer is chosen: src/README.md, "The player". What of the tape has been given already is marked `used` in the
// story; the rest of the state is what the client has open: sessions, operations, searches, handles, logins.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "player/outputs.hpp"
#include "player/recording.hpp"
#include "render/call_view.hpp"

namespace p11tape::player {

/// What a call gets that the tape cannot answer: a code that modules hardly ever return (of the standard, for "the user
/// has refused"), so that it is taken for nothing else in a client's log or on a recording of the player.
inline constexpr CK_RV cannot_answer = CKR_FUNCTION_REJECTED;

struct reply {
  CK_RV value = CKR_OK;
  u64 delay = 0;  ///< ns that the recorded call took; 0 where delays are not wanted
};

class player {
 public:
  /// Reads the tape that P11TAPE_PLAY names. Where that cannot be done, C_Initialize says why and fails.
  player();

  /// The answer to a live call; `words` has one word an argument.
  reply answer(cryptoki::function f, const u64* words);

  /// The interfaces that the recorded module had, oldest first; at least one.
  const std::vector<interface_seen>& interfaces() const noexcept { return interfaces_; }

  /// In a child of fork nothing is initialized, as with a real module.
  void lock_for_fork() { lock_.lock(); }
  void after_fork(bool is_child);

 private:
  struct operation_state {
    u32 begun = no_index;
    bool other_pieces = false;  ///< its input came in other pieces than the recorded one did
    u64 fed = 0;                ///< bytes so far
  };
  struct session {
    u32 recorded = no_index;
    model::slot_id slot;
    CK_FLAGS flags = 0;
    std::array<operation_state, model::operations> active;
    std::vector<model::object_number> found;  ///< objects of the search
    std::size_t handed_out = 0;               ///< how many of them the client has got
    operation_state& of(model::operation o) { return active[static_cast<std::size_t>(o)]; }
  };
  struct question {
    cryptoki::function f{};
    const u64* words = nullptr;
    const model::function_role* role = nullptr;
    tape::fields_view inputs;
    model::session_handle handle;
    session* in = nullptr;
    model::slot_id slot;
    std::string exact_key, loose_key;
    std::vector<u32> pins;
    bool asks = false;   ///< for the length of an output only
    bool query = false;  ///< it changes nothing, so that it may be asked again and again
    u64 word(int argument) const { return argument < 0 ? 0 : words[argument]; }
  };
  struct match {
    u32 index = no_index;
    bool loose = false;     ///< it is about other bytes than were recorded
    bool repeated = false;  ///< it was the answer before
    explicit operator bool() const noexcept { return index != no_index; }
  };

  CK_RV decide(question& q);
  question ask(cryptoki::function f, const u64* words);
  CK_RV plain(question& q);
  CK_RV give(question& q, const match& m);

  // matching.cpp
  match find(question& q);
  match among(question& q, const std::vector<u32>& list, std::size_t from, bool loose, u32 begun_like);
  match in_operation(question& q, operation_state& op);
  bool fits(const question& q, const recorded_call& c) const;
  void use(const question& q, const match& m);
  u32 horizon();
  void start_over(u32 begun);
  void rewind();

  // sessions.cpp
  CK_RV initialize(const u64* words);
  CK_RV finalize(question& q);
  CK_RV open_session(question& q);
  CK_RV close_sessions(question& q);
  CK_RV log_in(question& q);
  CK_RV log_out(question& q);
  CK_RV session_info(question& q);
  CK_RV wait_for_slot(question& q);
  void forget_session(model::session_handle handle);

  // objects.cpp
  CK_RV find_begin(question& q);
  bool find_in_wider(question& q);
  CK_RV find_step(question& q);
  CK_RV find_end(question& q);
  CK_RV attributes(question& q);
  const recorded_attribute* attribute_of(model::object_number object, u64 type);
  model::object_number object_of_handle(model::object_handle handle) const;
  model::object_handle handle_of_object(model::object_number object);

  // operations.cpp
  CK_RV operation(question& q);
  CK_RV continue_operation(question& q);
  bool in_other_pieces(question& q, operation_state& op);

  // explain.cpp
  CK_RV refuse(const question& q, const std::string& why = {});
  std::string nearest(const question& q, const render::call_view& live) const;

  // natural.cpp
  std::optional<CK_RV> inferred_answer(question& q);

  std::mutex lock_;
  std::unique_ptr<story> story_;
  std::unique_ptr<reencode::encoding_room> encoding_;
  std::unique_ptr<reencode::encoded_call> live_;  ///< the call that is to be answered
  std::string trouble_;                           ///< why there is no story
  std::vector<interface_seen> interfaces_;
  bool delays_ = false;

  bool initialized_ = false;
  u64 delay_ = 0;  ///< of the answer that is being made
  std::size_t next_milestone_ = 0;
  std::unordered_map<model::session_handle, session> sessions_;
  std::unordered_map<model::object_handle, model::object_number> object_at_;
  std::unordered_map<model::object_number, model::object_handle> handle_for_;
  std::unordered_map<model::slot_id, u64> logins_;  ///< CKU_*
  std::unordered_map<u32, u32> pins_;               ///< number of a PIN of this process: that of the tape
  u64 fresh_handle_ = 0x7000;
};

}  // namespace p11tape::player
