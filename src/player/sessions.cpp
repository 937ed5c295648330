// SPDX-License-Identifier: Apache-2.0
// Initializing, sessions, logins: what the client has open decides, and the tape says how it was answered.
#include <algorithm>
#include <cstring>

#include "player/player.hpp"
#include "player/say.hpp"

namespace p11tape::player {

using cryptoki::effect;
using cryptoki::function;
using model::session_handle;

CK_RV player::initialize(const u64* words) {
  if (story_ == nullptr) {
    say("C_Initialize fails with CKR_GENERAL_ERROR: " + trouble_);
    return CKR_GENERAL_ERROR;
  }
  if (initialized_) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  auto q = ask(function::C_Initialize, words);
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  const auto next = [&]() -> u32 {
    for (const u32 i : all)
      if (!story_->calls[i].used && story_->calls[i].value() != CKR_CRYPTOKI_ALREADY_INITIALIZED) return i;
    return no_index;
  };
  u32 index = next();
  if (index == no_index && !all.empty()) {
    rewind();  // the client starts over more often than the recorded one did: so does the tape
    index = next();
  }
  for (const auto& trouble : story_->troubles) say(trouble);
  CK_RV value = CKR_OK;
  if (index == no_index) {
    say("C_Initialize is not on the tape; it returns CKR_OK");
  } else {
    value = give(q, {index, false, false});
  }
  initialized_ = value == CKR_OK;
  return value;
}

CK_RV player::finalize(question& q) {
  CK_RV value = CKR_OK;
  if (const auto m = find(q); m && !m.repeated) value = give(q, m);
  if (value == CKR_OK) {
    initialized_ = false;
    sessions_.clear();
    logins_.clear();
    object_at_.clear();
    handle_for_.clear();
  }
  return value;
}

CK_RV player::open_session(question& q) {
  const auto m = find(q);
  if (!m) {
    if (const auto value = inferred_answer(q)) return *value;
    return refuse(q);
  }
  const auto& c = story_->calls[m.index];
  const auto to = q.word(q.role->result);
  if (c.ok() && to == 0) return CKR_ARGUMENTS_BAD;
  const CK_RV value = give(q, m);
  if (value != CKR_OK) return value;
  if (to == 0) return CKR_ARGUMENTS_BAD;  // a tape may say what it likes
  auto opened = c.opened;
  const auto is_free = [&](session_handle h) {
    return h != model::none && h.value() != CK_INVALID_HANDLE && !sessions_.contains(h);
  };
  while (!is_free(opened)) opened = session_handle(++fresh_handle_);
  auto& s = sessions_[opened];
  s.recorded = c.session;
  s.slot = q.slot;
  s.flags = static_cast<CK_FLAGS>(q.word(q.role->flags));
  const auto handle = static_cast<CK_SESSION_HANDLE>(opened.value());
  std::memcpy(reinterpret_cast<void*>(to), &handle, sizeof handle);
  return value;
}

void player::forget_session(session_handle handle) {
  const auto i = sessions_.find(handle);
  if (i == sessions_.end()) return;
  const auto slot = i->second.slot;
  sessions_.erase(i);
  const bool more =
      std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& s) { return s.second.slot == slot; });
  if (!more) logins_.erase(slot);
}

CK_RV player::close_sessions(question& q) {
  CK_RV value = CKR_OK;
  if (const auto m = find(q); m && !m.repeated && story_->calls[m.index].session == (q.in ? q.in->recorded : no_index))
    value = give(q, m);
  if (value != CKR_OK) return value;
  if (q.role->does == effect::close_session) {
    forget_session(q.handle);
    return value;
  }
  std::vector<session_handle> of_slot;
  for (const auto& [handle, s] : sessions_)
    if (s.slot == q.slot) of_slot.push_back(handle);
  for (const auto handle : of_slot) forget_session(handle);
  return value;
}

CK_RV player::log_in(question& q) {
  const auto m = find(q);
  const bool again = logins_.contains(q.slot) && q.word(q.role->user) != CKU_CONTEXT_SPECIFIC;
  if (again && (!m || m.repeated)) return CKR_USER_ALREADY_LOGGED_IN;
  if (!m) return refuse(q);
  const CK_RV value = give(q, m);
  if (value == CKR_OK && q.word(q.role->user) != CKU_CONTEXT_SPECIFIC) logins_[q.slot] = q.word(q.role->user);
  return value;
}

CK_RV player::log_out(question& q) {
  const auto m = find(q);
  if ((!m || m.repeated) && !logins_.contains(q.slot)) return CKR_USER_NOT_LOGGED_IN;
  const CK_RV value = m && !m.repeated ? give(q, m) : CKR_OK;
  if (value == CKR_OK) logins_.erase(q.slot);
  return value;
}

// Recorded where it was asked in this state; else what follows from what the client has opened.
CK_RV player::session_info(question& q) {
  const auto to = q.word(1);
  if (to == 0) return CKR_ARGUMENTS_BAD;
  const auto login = logins_.find(q.slot);
  const bool writes = (q.in->flags & CKF_RW_SESSION) != 0;
  CK_SESSION_INFO info{};
  info.slotID = static_cast<CK_SLOT_ID>(q.slot.value());
  info.flags = q.in->flags;
  info.state = login == logins_.end()    ? (writes ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION)
               : login->second == CKU_SO ? CKS_RW_SO_FUNCTIONS
               : writes                  ? CKS_RW_USER_FUNCTIONS
                                         : CKS_RO_USER_FUNCTIONS;
  if (const auto m = find(q); m && story_->calls[m.index].session == q.in->recorded) {
    CK_SESSION_INFO recorded{};
    const u64 words[] = {q.words[0], reinterpret_cast<std::uintptr_t>(&recorded)};
    question copy = q;
    copy.words = words;
    const CK_RV value = give(copy, m);
    if (value != CKR_OK) return value;
    if (!m.repeated || recorded.state == info.state) info = recorded;
  }
  std::memcpy(reinterpret_cast<void*>(to), &info, sizeof info);
  return CKR_OK;
}

CK_RV player::wait_for_slot(question& q) {
  if (const auto m = find(q); m && !m.repeated && story_->calls[m.index].returned()) return give(q, m);
  if ((q.word(q.role->flags) & CKF_DONT_BLOCK) != 0) return CKR_NO_EVENT;
  delay_ = 1'000'000'000;
  return refuse(q, "the tape contains no further slot events");
}

}  // namespace p11tape::player
