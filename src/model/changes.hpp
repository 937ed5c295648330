// What calls change when they end. Part of state; not for others.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/state.hpp"

namespace p11tape::model {

class state::changes {
 public:
  explicit changes(std::span<const tape::reader* const> tapes);

  /// Applies what has ended by the time that the call begins.
  void settle(library& in, const call& next);
  /// Remembers the call until it ends.
  void depart(library& in, const moment& now);
  void finish();

  std::vector<std::unique_ptr<library>> libraries;

 private:
  void land(library& in, const flight& f);
  void apply(library& in, const flight& f, const call& c);
  void apply_to_operation(session& s, const flight& f);

  void initialize(library& in, const call& c);
  void finalize(library& in, const flight& f);
  void open_session(library& in, const call& c, const flight& f);
  void close_sessions(library& in, const flight& f, u64 slot, u64 handle, ending how);
  void end_session(library& in, const session& s, const flight& f, ending how);
  void log_in(library& in, const flight& f);
  void describe_token(library& in, const call& c);
  void search_step(library& in, session& s, const call& c, const flight& f);
  void create(library& in, const call& c, const flight& f);
  void describe_session(library& in, const call& c, const flight& f);

  session& open(library& in, u64 handle, u64 slot);
  slot& slot_of(library& in, u64 id);
  object& object_of(library& in, u64 slot, u64 handle, u64 call);
  void trim_objects(library& in);
  void remember(library& in, past p);
  u32 keep(const call& c);

  std::vector<call> kept_;  // calls that are looked at again when they end
  std::vector<u32> free_;
  u64 sessions_ = 0, objects_ = 0;
};

}  // namespace p11tape::model
