// SPDX-License-Identifier: Apache-2.0
// What the things of the plan are in the module that the tape is replayed on: which slot, which session, which object.
//
// Slots are matched after C_Initialize: by what the user says, by serial number, by label, by position. Objects are
// matched before each search that found some on the tape and that are not known yet: the same search is made, all that
// it finds is looked at, and each object of the tape is given the one that agrees with all that the tape tells of it
// (class, key type, label, id); among several the order decides.
#pragma once

#include <atomic>
#include <vector>

#include "replay/lookup.hpp"
#include "replay/module.hpp"
#include "replay/plan.hpp"

namespace p11tape::replay {

/// --token OLD=NEW: label or serial number.
using token_names = std::vector<std::pair<std::string, std::string>>;

class live_handles {
 public:
  live_handles(const plan& p, const module& m, const token_names& tokens);

  /// Asks for the slots and matches them. A line for each token of the tape.
  std::string find_slots();
  std::size_t slot_count() const noexcept { return live_slots_; }

  /// What stands for the recorded slot, session or object; `none` where nothing does.
  model::slot_id slot(u32 thing) const noexcept { return slots_[thing].load(); }
  model::session_handle session(u32 thing) const noexcept { return sessions_[thing].load(); }
  model::object_handle object(u32 thing) const noexcept { return objects_[thing].load(); }
  /// A slot id that the module does not have.
  model::slot_id no_slot() const noexcept { return no_slot_.load(); }

  void set_session(u32 thing, model::session_handle handle) noexcept { sessions_[thing] = handle; }
  void set_object(u32 thing, model::object_handle handle) noexcept { objects_[thing] = handle; }
  /// Closed: from here on it is addressed by the invalid handle, as the module may give its own to another.
  void close(u32 thing) noexcept { sessions_[thing] = model::session_handle(CK_INVALID_HANDLE); }
  /// All sessions of a recorded slot, or of all slots (`none`).
  void close_all(model::slot_id slot) noexcept;

  /// Matches the objects that the search found on the tape, if some of them are not known yet. `words` are the
  /// arguments of its C_FindObjectsInit, whose session is idle.
  void find_objects(const search_thing& search, const u64* words);

  /// Does something on the look-up thread.
  void ask(const std::function<void()>& job) { lookups_.ask(job); }

 private:
  struct live_object {
    CK_OBJECT_HANDLE handle = 0;
    model::object known;
    bool taken = false;
  };
  std::vector<live_object> search_all(const u64* words) const;
  void describe(CK_SESSION_HANDLE session, live_object& o) const;

  const plan& plan_;
  const module& module_;
  const token_names& tokens_;
  std::vector<std::atomic<model::slot_id>> slots_;
  std::vector<std::atomic<model::session_handle>> sessions_;
  std::vector<std::atomic<model::object_handle>> objects_;
  std::atomic<model::slot_id> no_slot_{model::slot_id(model::all_ones - 1)};
  std::size_t live_slots_ = 0;
  lookup_thread lookups_;
};

}  // namespace p11tape::replay
