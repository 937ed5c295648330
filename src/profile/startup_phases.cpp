// SPDX-License-Identifier: Apache-2.0
#include "profile/startup_phases.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::profile {
namespace {

using cryptoki::effect;
using cryptoki::function;
using model::operation;

constexpr std::array<const char*, 6> names = {
    "C_Initialize", "slots and tokens", "sessions and objects before the login",
    "C_Login",      "finding the key",  "first private-key operation"};

bool is_private(operation o) noexcept {
  return o == operation::sign || o == operation::decrypt || o == operation::message_sign ||
         o == operation::message_decrypt;
}

bool begins_use(const call_context& now) noexcept {
  return now.role->does == effect::begin && is_private(now.role->on) && now.ok;
}

bool is_use(const call_context& now) noexcept {
  if (!now.ok) return false;
  if (now.which == function::C_DeriveKey || now.which == function::C_UnwrapKey) return true;
  if (!is_private(now.role->on)) return false;
  const auto does = now.role->does;
  if (does != effect::single && does != effect::finish && does != effect::message) return false;
  return !now.asks;  // how long the output will be: that does not use the key yet
}

}  // namespace

void anatomist::take(const call_context& now) {
  if (now.role->does == effect::initialize && now.ok && now.call->state == tape::call_state::returned) {
    conclude();
    begin(now);
  }
  if (!active_) return;
  const auto& c = *now.call;
  if (stage_ == initialising && c.number != now_.first_call && c.depth == 0) enter(tokens, c.start());
  if (stage_ == tokens && now.role->does == effect::open_session) enter(looking, c.start());
  const bool is_login = now.role->does == effect::login && now.ok && now.word(now.role->user) != CKU_CONTEXT_SPECIFIC;
  if (is_login && stage_ < logging_in) enter(logging_in, c.start());
  if (stage_ != using_key && (begins_use(now) || is_use(now))) enter(using_key, c.start());
  count(now);

  if (is_login && now_.login_call == none) {
    now_.login_call = c.number;
    now_.until_login = std::max<u64>(c.leave.time - now_.start, 1);
    enter(finding, c.leave.time);
  }
  if (is_use(now)) {
    now_.use_call = c.number;
    now_.until_use = std::max<u64>(c.leave.time - now_.start, 1);
    conclude();
  } else if (now.role->does == effect::finalize && now.ok) {
    conclude();
  }
}

void anatomist::begin(const call_context& now) {
  active_ = true;
  now_ = {};
  now_.first_call = now.call->number;
  now_.start = busy_until_ = now.call->start();
  phases_ = {};
  entered_ = {};
  enter(initialising, now_.start);
}

void anatomist::enter(stage s, u64 at) {
  stage_ = s;
  entered_[s] = true;
  phases_[s].begin = at;
}

void anatomist::count(const call_context& now) {
  auto& p = phases_[stage_];
  auto& f = p.by_function[static_cast<std::size_t>(now.which)];
  ++f.calls;
  f.failed += now.ended && !now.ok;
  if (now.role->does == effect::wait) return;
  const auto start = now.call->start(), end = start + now.duration;
  f.time += end - start;
  if (end <= busy_until_) return;
  p.in_module += end - std::max(start, busy_until_);
  busy_until_ = end;
}

phase anatomist::close(stage s, u64 end) const {
  const auto& from = phases_[s];
  phase p;
  p.name = names[s];
  p.elapsed = end > from.begin ? end - from.begin : 0;
  p.in_module = std::min(from.in_module, p.elapsed);
  for (std::size_t i = 0; i < from.by_function.size(); ++i) {
    auto f = from.by_function[i];
    if (f.calls == 0) continue;
    f.which = static_cast<function>(i);
    p.calls += f.calls;
    p.failed += f.failed;
    p.by_function.push_back(f);
  }
  std::sort(p.by_function.begin(), p.by_function.end(), [](const auto& a, const auto& b) { return a.time > b.time; });
  return p;
}

// Nobody logged in and no key was used: there is no way to tell of.
void anatomist::conclude() {
  if (!active_) return;
  active_ = false;
  if (now_.elapsed() == 0) return;
  const auto end_of = [&](stage s) {
    for (auto next = static_cast<std::size_t>(s) + 1; next < stages; ++next)
      if (entered_[next]) return phases_[next].begin;
    return now_.start + now_.elapsed();
  };
  for (std::size_t s = 0; s < stages; ++s) {
    if (!entered_[s] || (s > logging_in && now_.until_use == 0)) continue;
    auto p = close(static_cast<stage>(s), end_of(static_cast<stage>(s)));
    if (p.calls == 0 && p.elapsed == 0) continue;
    now_.phases.push_back(std::move(p));
    if (s <= logging_in) now_.before_use = now_.phases.size();
  }
  ++count_;
  elapsed_ += now_.until_login != 0 ? now_.until_login : now_.until_use;
  if (all_.size() == most) {
    // The first one stays, whatever it took: programs often behave differently then.
    const auto quickest =
        std::min_element(all_.begin() + 1, all_.end(),
                         [](const startup_phases& a, const startup_phases& b) { return a.elapsed() < b.elapsed(); });
    if (quickest->elapsed() >= now_.elapsed()) return;
    all_.erase(quickest);
  }
  all_.push_back(std::move(now_));
}

}  // namespace p11tape::profile
