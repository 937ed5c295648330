// SPDX-License-Identifier: Apache-2.0
// What calls change when they end. Part of state; not for others.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/state.hpp"

namespace p11tape::model {

class state::transitions {
 public:
  explicit transitions(std::span<const tape::reader* const> tapes);

  /// Applies what has ended by the time that the call begins.
  void settle(recorded_process& in, const call& next);
  /// Remembers the call until it ends.
  void depart(recorded_process& in, const call_context& now);
  void finish();

  std::vector<std::unique_ptr<recorded_process>> libraries;

 private:
  void land(recorded_process& in, const flight& f);
  session* apply(recorded_process& in, const flight& f, const call& c);
  void apply_to_operation(session& s, const flight& f);

  void initialize(recorded_process& in, const call& c);
  void finalize(recorded_process& in, const flight& f);
  void open_session(recorded_process& in, const call& c, const flight& f);
  void close_sessions(recorded_process& in, const flight& f, slot_id slot, session_handle handle, ending how);
  void close_one(recorded_process& in, const flight& f);
  void end_session(recorded_process& in, const session& s, const flight& f, ending how);
  void log_in(recorded_process& in, const flight& f);
  void describe_token(recorded_process& in, const call& c);
  void search_step(recorded_process& in, session& s, const call& c, const flight& f);
  void create(recorded_process& in, const call& c, const flight& f);
  void describe_session(recorded_process& in, const call& c, const flight& f);

  session& open(recorded_process& in, session_handle handle, slot_id slot);
  slot& slot_of(recorded_process& in, slot_id id);
  object& object_of(recorded_process& in, slot_id slot, object_handle handle, call_number call);
  void trim_objects(recorded_process& in);
  void remember(recorded_process& in, past p);
  u32 keep(const call& c);

  std::vector<call> kept_;  // calls that are looked at again when they end
  std::vector<u32> free_;
  u64 sessions_ = 0, objects_ = 0;
};

}  // namespace p11tape::model
