// SPDX-License-Identifier: Apache-2.0
// Follows a tape from beginning to end, and puts each call of a story in its place. Part of story; not for others.
//
// The model's state answers what was true when a call began. Here it has to be known what a call gave out when it
// ended, as a number that later calls can be looked up by: so the links are made in a pass of their own.
#pragma once

#include <array>
#include <map>

#include "player/recording.hpp"

namespace p11tape::player {

class story_teller {
 public:
  explicit story_teller(story& s) : s_(s) { s_.session_slots.clear(); }
  void tell();

 private:
  struct open_session {
    u32 number;  // index into story::session_slots
    model::slot_id slot;
    std::array<u32, model::operations> begun;
  };

  void begin(u32 index);
  void end(u32 index);
  void file(u32 index);
  void file_continuation(recorded_call& c, u32 index);
  void apply(recorded_call& c, u32 index);
  void open(recorded_call& c);
  void find(recorded_call& c, const open_session& in);
  void make(recorded_call& c, model::slot_id slot);
  void see_interfaces(const recorded_call& c);

  open_session* session_of(const recorded_call& c);
  model::slot_id slot_of(const recorded_call& c);
  model::object_number object(model::slot_id slot, model::object_handle handle, bool is_new);
  void learn(model::object_number object, const recorded_call& c, tape::byte_view attributes, bool answered);
  void see_version(const tape::nested_view& version, CK_FLAGS flags);

  story& s_;
  std::map<model::session_handle, open_session> sessions_;
  std::map<std::pair<model::slot_id, model::object_handle>, model::object_number> object_;
};

}  // namespace p11tape::player
