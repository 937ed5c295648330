// SPDX-License-Identifier: Apache-2.0
#include "player/player.hpp"

#include <algorithm>

#include <cstdlib>
#include <cstring>

#include "player/say.hpp"

namespace p11tape::player {

using cryptoki::effect;
using cryptoki::function;

namespace {

const model::function_role& role_of(function f) {
  static const auto* const roles = new std::vector(model::roles_of(tape::schema::built_in()));
  return (*roles)[static_cast<std::size_t>(f)];
}

bool is_query(function f, effect e) {
  switch (e) {
    case effect::describe_token:
    case effect::describe_object:
    case effect::find_begin:
      return true;
    case effect::none:
      break;
    default:
      return false;
  }
  switch (f) {
    case function::C_GetInfo:
    case function::C_GetSessionInfo:
    case function::C_GetObjectSize:
    case function::C_GetSessionValidationFlags:
      return true;
    default:
      return false;
  }
}

bool delays_wanted() {
  const char* const text = secure_getenv("P11TAPE_PLAY_DELAY");
  if (text == nullptr || *text == 0 || std::strcmp(text, "none") == 0) return false;
  if (std::strcmp(text, "recorded") == 0) return true;
  say("P11TAPE_PLAY_DELAY=" + std::string(text) + " is not valid (write recorded or none). Calls return immediately.");
  return false;
}

}  // namespace

player::player() : delays_(delays_wanted()) {
  const char* const path = secure_getenv("P11TAPE_PLAY");
  if (path == nullptr || *path == 0) {
    trouble_ = "no tape to play (set the environment variable P11TAPE_PLAY to the path of a tape)";
  } else {
    try {
      story_ = std::make_unique<story>(path);
      encoding_ = std::make_unique<reencode::encoding_room>(story_->recorded);
      live_ = std::make_unique<reencode::encoded_call>(*encoding_);
      interfaces_ = story_->interfaces;
    } catch (const tape::tape_error& e) {
      trouble_ = e.what();
    }
  }
  const auto is_old = [](const interface_seen& i) { return i.version.major < 3; };
  if (interfaces_.empty() || !is_old(interfaces_.front())) interfaces_.insert(interfaces_.begin(), {{2, 40}, 0});
}

reply player::answer(function f, const u64* words) {
  const std::lock_guard hold(lock_);
  delay_ = 0;
  CK_RV value = CKR_CRYPTOKI_NOT_INITIALIZED;
  if (f == function::C_Initialize) {
    value = initialize(words);
  } else if (initialized_) {
    auto q = ask(f, words);
    value = decide(q);
    live_->settle(f, words, value);
  }
  // A thread that waits for a slot in a loop would spin: it always waits.
  // A forged tape must not make its player wait for years.
  constexpr u64 longest_delay = u64{600} * 1'000'000'000;
  return {value, delays_ || f == function::C_WaitForSlotEvent ? std::min(delay_, longest_delay) : 0};
}

player::question player::ask(function f, const u64* words) {
  question q;
  q.f = f;
  q.words = words;
  q.role = &role_of(f);
  live_->enter(f, words);
  q.inputs = {cryptoki::row(f).arguments, live_->entered()};
  q.query = is_query(f, q.role->does);
  if (q.role->session >= 0) {
    q.handle = model::session_handle(q.word(q.role->session));
    const auto i = sessions_.find(q.handle);
    if (i != sessions_.end()) q.in = &i->second;
  }
  if (q.in != nullptr)
    q.slot = q.in->slot;
  else if (q.role->slot >= 0)
    q.slot = model::slot_id(q.word(q.role->slot));
  q.asks = q.role->question < 0 && asks_for_length(q.inputs);
  q.pins = pins_of(q.inputs);
  const auto objects = [this](model::object_handle handle) { return object_of_handle(handle); };
  const auto key_slot = q.in != nullptr ? q.slot : model::none;
  q.exact_key = key_of(f, q.inputs, closeness::exact, key_slot, objects);
  q.loose_key = key_of(f, q.inputs, closeness::loose, key_slot, objects);
  return q;
}

CK_RV player::decide(question& q) {
  if (q.role->session >= 0 && q.in == nullptr) return CKR_SESSION_HANDLE_INVALID;
  switch (q.role->does) {
    case effect::finalize:
      return finalize(q);
    case effect::open_session:
      return open_session(q);
    case effect::close_session:
    case effect::close_all_sessions:
      return close_sessions(q);
    case effect::login:
      return log_in(q);
    case effect::logout:
      return log_out(q);
    case effect::find_begin:
      return find_begin(q);
    case effect::find_step:
      return find_step(q);
    case effect::find_end:
      return find_end(q);
    case effect::describe_object:
      return attributes(q);
    case effect::wait:
      return wait_for_slot(q);
    default:
      break;
  }
  if (q.f == function::C_GetSessionInfo) return session_info(q);
  return q.role->on != model::operation::no_operation ? operation(q) : plain(q);
}

// A call that stands for itself.
CK_RV player::plain(question& q) {
  const auto m = find(q);
  if (m && m.repeated && q.role->does == effect::create_object)
    return refuse(q, "it has already created its object, and the tape contains no other such call");
  if (m) return give(q, m);
  if (const auto value = inferred_answer(q)) return *value;
  return refuse(q);
}

// The answer of a recorded call, as far as the client's buffers take it.
CK_RV player::give(question& q, const match& m) {
  auto& c = story_->calls[m.index];
  if (!c.returned())
    return refuse(q, "on the tape this call (number " + std::to_string(c.number.value()) + ") never returned");
  delay_ = c.duration;
  if (c.value() != CKR_OK && c.value() != CKR_BUFFER_TOO_SMALL) {
    use(q, m);
    return c.value();
  }
  const auto handles = [this](model::object_number object) { return handle_of_object(object); };
  const auto w = write_outputs(c, q.words, q.inputs, m.loose, handles);
  if (w.complete || (q.asks && c.asks)) use(q, m);
  if (w.made_up) {
    const std::string what(cryptoki::row(q.f).name);
    const auto* const why = m.loose ? "its input differs from the recorded input"
                                    : "it is never recorded (because of the profile or its kind)";
    say(what + ": the tape does not contain the output, because " + why +
            ". Meaningless bytes of the recorded length are " + "returned (first for call " +
            std::to_string(c.number.value()) + " of the tape).",
        what + why);
  }
  return w.value;
}

void player::after_fork(bool is_child) {
  if (is_child) {
    initialized_ = false;
    sessions_.clear();
    logins_.clear();
    object_at_.clear();
    handle_for_.clear();
  }
  lock_.unlock();
}

}  // namespace p11tape::player
