// SPDX-License-Identifier: Apache-2.0
#include "profile/breakdown.hpp"

#include <algorithm>

#include "card/description.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "text/slot_number.hpp"

namespace p11tape::profile {
namespace {

using cryptoki::effect;

bool slower(const slow_call& a, const slow_call& b) noexcept { return a.duration > b.duration; }

// Changes when more is known of the object than before.
u64 version_of(const model::object& o) noexcept {
  return 1 + (o.label ? 2u : 0u) + (o.id ? 4u : 0u) + (o.ec_params.empty() ? 0u : 8u) + 16 * u64{o.bits} +
         (o.object_class << 32 ^ o.key_type << 40);
}

u64 version_of(const model::slot& s) noexcept { return s.token ? 2 + s.token->seen_in.value() : 1; }

std::string name_of_slot(const model::recorded_process& in, model::slot_id id) {
  const auto* s = in.find_slot(id);
  return s != nullptr ? model::describe(*s) : text::slot(id.value());
}

// Clipped to the call: what a module's own thread had begun before counts from there.
u64 time_inside(const tape::exchange_view& e, const model::call& c) noexcept {
  const auto from = std::max(e.began, c.start()), to = std::min(e.ended, c.leave.time);
  return to > from ? to - from : 0;
}

// Only what uses a key says something about the key: reading attributes of it does not.
bool uses_key(const call_context& now) noexcept {
  switch (now.role->does) {
    case effect::describe_object:
    case effect::modify_object:
    case effect::destroy_object:
      return false;
    default:
      return now.key != nullptr && now.role->on != model::operation::search;
  }
}

}  // namespace

void breakdown::see(const call_context& now, std::span<const tape::exchange_view> exchanges) {
  const auto& c = *now.call;
  const counted_call seen(now);
  auto& f = functions_[static_cast<std::size_t>(now.which)];
  if (now.role->does == effect::wait) return f.see(seen);  // to wait for an event is no work

  u64 on_card = 0;
  if (!exchanges.empty() && c.state == tape::call_state::returned) {
    // Exchanges of one call follow each other; should a module's threads talk to two cards at once, no more than the
    // call's own time is the cards'.
    for (const auto& e : exchanges) on_card += time_inside(e, c);
    on_card = std::min(on_card, seen.duration);
    for (auto* one : {&f, &total_}) {
      one->card_time += on_card;
      one->exchanges += exchanges.size();
    }
    see_card(now, exchanges);
  }

  std::array<call_stats*, 7> rows;  // in which it counts
  std::size_t n = 0;
  rows[n++] = &f;
  if (c.depth == 0) rows[n++] = &total_;
  if (now.mechanism != unknown) {
    auto& m = mechanisms_.of(now.mechanism);
    if (m.version == 0) m.name = diagnose::mechanism(now.mechanism);
    m.version = 1;
    rows[n++] = &m.f;
  }
  if (uses_key(now)) rows[n++] = &row_of_key(now).f;
  const auto version = now.slot != nullptr ? version_of(*now.slot) : 1;
  if (now.slot_id != none) {
    auto& s = slots_.of(now.slot_id.value());
    if (s.version != version) s.name = name_of_slot(*now.process, now.slot_id);
    s.version = version;
    rows[n++] = &s.f;
  }
  if (now.session != nullptr) {
    auto& s = sessions_.of(now.session->number.value());
    if (s.version != version) s.name = model::describe(*now.process, *now.session);
    s.version = version;
    rows[n++] = &s.f;
  }
  auto& t = threads_.of(c.thread.number.value());
  if (t.version == 0) t.name = diagnose::cat("thread ", c.thread.number, " (", c.thread.id, ")");
  t.version = 1;
  rows[n++] = &t.f;
  for (auto* const r : std::span(rows).first(n)) r->see(seen);

  if (slowest_.size() < most_slowest || seen.duration > slowest_.front().duration)
    see_slow(now, on_card, exchanges.size());
}

row& breakdown::row_of_key(const call_context& now) {
  auto& k = keys_.of(now.key->number.value());
  if (const auto version = version_of(*now.key); k.version != version) {
    k.name = model::describe(*now.process, *now.key);
    // Of an object of which nothing is known the handle tells it from others.
    if (!now.key->label && !now.key->id) k.name += diagnose::cat(", handle ", now.key->handle);
    k.version = version;
  }
  return k;
}

void breakdown::see_card(const call_context& now, std::span<const tape::exchange_view> exchanges) {
  for (const auto& e : exchanges) {
    // By the instruction alone: which application is selected makes no difference to where the time goes.
    std::string name(e.has(tape::exchange_command) ? card::command_name(card::application::unknown, e.cla, e.ins)
                                                   : card::name_of(e.function));
    if (name.empty()) name = "instruction " + std::to_string(e.ins);
    if (commands_.size() >= most_commands && !commands_.contains(name)) continue;
    auto& command = commands_[name];
    const auto time = time_inside(e, *now.call);
    ++command.times;
    command.time += time;
    command.longest = std::max(command.longest, time);
  }
}

void breakdown::see_slow(const call_context& now, u64 card_time, u64 exchanges) {
  const auto& c = *now.call;
  if (c.state != tape::call_state::returned) return;
  slow_call s{c.number,  c.start(), c.start_wall(), now.duration, c.thread.number, now.which,
              now.value, {},        now.mechanism,  card_time,    exchanges};
  if (uses_key(now))
    s.on = model::describe(*now.process, *now.key);
  else if (now.slot_id != none)
    s.on = name_of_slot(*now.process, now.slot_id);
  if (slowest_.size() == most_slowest) {
    std::pop_heap(slowest_.begin(), slowest_.end(), slower);
    slowest_.pop_back();
  }
  slowest_.push_back(std::move(s));
  std::push_heap(slowest_.begin(), slowest_.end(), slower);
}

void breakdown::finish() { std::sort(slowest_.begin(), slowest_.end(), slower); }

void breakdown::add(const breakdown& other) {
  total_.add(other.total_);
  for (std::size_t i = 0; i < functions_.size(); ++i) functions_[i].add(other.functions_[i]);
  mechanisms_.add(other.mechanisms_);
  keys_.add(other.keys_);
  slots_.add(other.slots_);
  for (const auto& [name, c] : other.commands_) {
    if (commands_.size() >= most_commands && !commands_.contains(name)) continue;
    auto& mine = commands_[name];
    mine.times += c.times;
    mine.time += c.time;
    mine.longest = std::max(mine.longest, c.longest);
  }
}

std::vector<row> breakdown::functions() const {
  std::vector<row> all;
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    if (functions_[i].calls == 0) continue;
    row r;
    r.id = i;
    r.name = i < cryptoki::function_count ? std::string(cryptoki::row(static_cast<cryptoki::function>(i)).name)
                                          : "unknown functions";
    r.f = functions_[i];
    all.push_back(std::move(r));
  }
  std::stable_sort(all.begin(), all.end(), [](const row& a, const row& b) { return a.f.time > b.f.time; });
  return all;
}

}  // namespace p11tape::profile
