// SPDX-License-Identifier: Apache-2.0
// What is known only when a tape has been read: its sessions, its objects, and the tape as a whole. Collected while the
// calls go by, in the same pass that makes other rows.
#pragma once

#include "query/sources/call_cells.hpp"
#include "query/sources/stored.hpp"

namespace p11tape::query {

struct collected_tables {
  stored_table tapes{table::tapes}, sessions{table::sessions}, objects{table::objects};
};

class tape_collector {
 public:
  /// `cells`: of the same pass. All must outlive the object.
  tape_collector(const tape::reader& tape, call_cells& cells, collected_tables& into);

  /// To be shown every call in order, after call_cells::see.
  void see(const model::call_context& now);
  /// To be called once, at the end.
  void finish();

 private:
  struct open_session {
    std::size_t row = 0;
    u64 calls = 0, errors = 0;
    model::slot_id slot;
  };
  struct seen_object {
    std::size_t row = 0;
    u64 version = 0, uses = 0, last_seen = 0;
  };
  struct pending_object {  // the result of the last call, which the model knows from the next one on
    model::slot_id slot;
    model::object_handle handle;
    u64 wall;
    std::string_view subject, not_after;
    u64 not_after_ns;
  };
  struct certificate_words {
    std::string_view subject, not_after;
    u64 not_after_ns = 0;
  };

  void see_session(const model::call_context& now);
  open_session& open(const model::call_context& now, model::session_handle handle, bool opened_now);
  void close(model::session_handle handle, u64 wall, std::string_view how);
  void see_objects(const model::call_context& now);
  void settle(const model::recorded_process& in);
  seen_object* touch(const model::recorded_process& in, const model::object& o, u64 wall, bool uses);
  void set_certificate(seen_object& o, const certificate_words& c);
  certificate_words certificate_in(tape::byte_view template_payload);
  void see_tape(const model::call_context& now);

  const tape::reader* tape_;
  call_cells* cells_;
  symbols* pool_;
  collected_tables* into_;
  std::unordered_map<model::session_handle, open_session> open_;
  std::unordered_map<u64, seen_object> objects_;  // by id
  std::vector<pending_object> pending_;
  std::unordered_map<u64, certificate_words> certificates_;  // by hash of the bytes
  const model::recorded_process* library_ = nullptr;
  std::size_t first_session_row_, first_object_row_;
  u64 calls_ = 0, errors_ = 0, unfinished_ = 0, logins_ = 0, failed_logins_ = 0, sessions_ = 0, most_open_ = 0;
  u64 first_start_ = 0, last_end_ = 0, login_after_ = 0, initialize_ = 0;
  bool logged_in_ = false, initialized_ = false;
};

}  // namespace p11tape::query
