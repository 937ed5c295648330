// SPDX-License-Identifier: Apache-2.0
// Searches and what they found, the objects that the tape tells of, and how attributes are read.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

using model::call_context;
using model::call_number;
using model::none;
using model::u32;
using model::u64;
using model::unknown;

/// All searches with the same question on the same token.
struct searched {
  model::slot_id slot;
  u64 object_class = unknown;
  std::optional<std::string> label, id;
  u32 attributes = 0;
  u64 times = 0;
  u64 in_vain = 0;  ///< of these, found nothing
  u64 found = 0;    ///< objects, over all of them
  u64 most_found = 0;
  call_number first, last, last_in_vain;  ///< calls of C_FindObjectsInit
  call_number last_found;                 ///< the last that found something
  bool logged_in = false;                 ///< when it last found nothing
  bool login_required = false;
  std::string slot_name;
  u64 vain_wall = 0;                  ///< when it last found nothing, CLOCK_MONOTONIC
  call_number late_vain, late_found;  ///< found nothing, then something, though nothing was made
  u64 late_gap = 0;                   ///< between them, ns

  bool is_named() const noexcept { return label.has_value() || id.has_value(); }
};

/// How C_GetAttributeValue is used.
struct reading {
  u64 calls = 0, single = 0;  ///< with one attribute
  u64 in_rows = 0;            ///< single ones that follow another one on the same object
  u64 longest_row = 0;
  call_number longest_row_in;
  u64 sizes = 0;          ///< that only asked for lengths
  u64 after_refusal = 0;  ///< single ones on the object on which several together were refused
  u64 time = 0;           ///< ns of all
  u64 in_searches = 0;    ///< inside a search of the same session
  call_number first_in_search;
  call_number last_refused;  ///< the last call that answered CKR_ATTRIBUTE_SENSITIVE or _TYPE_INVALID
};

/// Searches for everything, or for a class, that found a lot.
struct enumeration {
  u64 times = 0, objects = 0, reads = 0;
  call_number first;
};

/// Searches without a template by a user who was logged in: what classes the objects that they found have.
struct open_search {
  call_number call;
  model::slot_id slot;
  u64 found = 0;
  u64 publics = 0, privates = 0, others = 0, unclear = 0;
  std::string slot_name;
};

class objects {
 public:
  void see(const call_context& now) {
    if (of_interest.has(now.role->does)) take(now);
  }
  void finish(const model::recorded_process& in);

  const std::vector<searched>& searches() const noexcept { return searches_; }
  /// Objects that the tape tells of, gone or not; those with a name first found. At most a few thousand.
  const std::vector<model::object>& known() const noexcept { return known_; }
  const reading& reads() const noexcept { return reads_; }
  const enumeration& listed() const noexcept { return listed_; }
  call_number last_created() const noexcept { return last_created_; }  ///< the last successful call that made objects
  u64 created() const noexcept { return created_; }
  const std::optional<open_search>& last_open_search() const noexcept { return open_search_; }
  /// ns between the first login and the first search after it; `unknown` where there is none.
  u64 first_search_after_login() const noexcept { return search_after_login_; }

 private:
  static constexpr std::size_t most = 4096;
  static constexpr u64 many_objects = 20;
  // The effects that take() tells apart.
  static constexpr model::effect_set of_interest{
      cryptoki::effect::find_begin,         cryptoki::effect::find_end, cryptoki::effect::close_session,
      cryptoki::effect::close_all_sessions, cryptoki::effect::finalize, cryptoki::effect::create_object,
      cryptoki::effect::describe_object,    cryptoki::effect::login};

  void take(const call_context& now);
  searched* same_search(const model::session& s);
  void conclude(const model::recorded_process& in, const model::session& s);
  void see_open_search(const model::recorded_process& in, const model::session& s, const model::slot& slot);
  void snapshot(const model::recorded_process& in);
  void see_reading(const call_context& now);

  std::vector<searched> searches_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t last_search_ = 0;  // in searches_
  std::vector<model::object> known_;
  std::unordered_map<std::string, std::size_t> known_index_;
  reading reads_;
  enumeration listed_;
  std::optional<open_search> open_search_;
  u64 login_end_ = 0, search_after_login_ = unknown;
  u64 created_ = 0;
  call_number last_created_;
  u64 row_ = 0;
  call_number row_begin_;
  model::object_handle row_object_, refused_object_;
  std::string key_;  // scratch
};

}  // namespace p11tape::diagnose
