// SPDX-License-Identifier: Apache-2.0
// Which recorded call is the answer to a live one.
#include <algorithm>

#include "player/player.hpp"

namespace p11tape::player {
namespace {

constexpr std::size_t most_looked_at = 4096;  // among calls with equal inputs: then the first will do

}  // namespace

// A PIN is known by its length and oddities. One that has been matched once stands for the same PIN ever after.
bool player::fits(const question& q, const recorded_call& c) const {
  if (q.pins.size() != c.pins.size()) return false;
  for (std::size_t i = 0; i < q.pins.size(); ++i) {
    const auto known = pins_.find(q.pins[i]);
    if (q.pins[i] != 0 && c.pins[i] != 0 && known != pins_.end() && known->second != c.pins[i]) return false;
  }
  return true;
}

// Queries are not answered from behind the next login, object or PIN change of the tape that the client has not come
// to.
u32 player::horizon() {
  const auto& all = story_->milestones;
  while (next_milestone_ < all.size() && story_->calls[all[next_milestone_]].used) ++next_milestone_;
  return next_milestone_ < all.size() ? all[next_milestone_] : no_index;
}

// The best of a list of indexes, all of calls with the question's key: an unused one of the session, an unused one of
// another session, and then one that was used before, the latest first. `begun_like`: only calls in operations that
// were begun like that one's.
player::match player::among(question& q, const std::vector<u32>& list, std::size_t from, bool loose, u32 begun_like) {
  const auto& calls = story_->calls;
  const u32 limit = q.query ? horizon() : no_index;
  const u32 recorded = q.in != nullptr ? q.in->recorded : no_index;
  u32 elsewhere = no_index, lengths_only = no_index, late = no_index, before = no_index;
  for (std::size_t k = from, looked = 0; k < list.size() && looked < most_looked_at; ++k, ++looked) {
    const auto& c = calls[list[k]];
    if (c.used || !fits(q, c)) continue;
    if (begun_like != no_index &&
        (c.begun_in == no_index || calls[c.begun_in].key_loose != calls[begun_like].key_loose))
      continue;
    if (list[k] >= limit) {
      if (!c.asks || q.asks) late = list[k];
      break;
    }
    if (c.asks && !q.asks) {
      if (lengths_only == no_index) lengths_only = list[k];
    } else if (c.session == recorded || recorded == no_index) {
      return {list[k], loose, false};
    } else if (elsewhere == no_index) {
      elsewhere = list[k];
    }
  }
  if (elsewhere != no_index) return {elsewhere, loose, false};
  for (std::size_t k = list.size(), looked = 0; k-- > 0 && looked < most_looked_at && before == no_index; ++looked) {
    const auto& c = calls[list[k]];
    if (c.used && fits(q, c) && (!c.asks || q.asks) && begun_like == no_index) before = list[k];
  }
  if (before != no_index) return {before, loose, true};
  if (late != no_index) return {late, loose, false};
  return {lengths_only, loose, false};
}

player::match player::find(question& q) {
  for (const bool loose : {false, true}) {
    auto& buckets = loose ? story_->loose : story_->exact;
    const auto i = buckets.find(loose ? q.loose_key : q.exact_key);
    if (i == buckets.end()) continue;
    auto& b = i->second;
    while (b.first_unused < b.calls.size() && story_->calls[b.calls[b.first_unused]].used) ++b.first_unused;
    if (const auto m = among(q, b.calls, b.first_unused, loose, no_index)) return m;
  }
  return {};
}

// A call that goes on with an operation: what the recorded operation has of it, exactly or with other bytes; or an
// operation that was begun in the same way, since threads may have changed places.
player::match player::in_operation(question& q, operation_state& op) {
  auto& s = *story_;
  for (const bool loose : {false, true}) {
    auto& buckets = loose ? s.loose : s.exact;
    const auto i = buckets.find(loose ? q.loose_key : q.exact_key);
    if (i == buckets.end()) continue;
    auto& begun = s.calls[op.begun];
    auto& next = begun.first_unused;
    while (next < begun.goes_on.size() && s.calls[begun.goes_on[next]].used) ++next;
    std::vector<u32> own;  // up to the first that will do
    for (std::size_t k = 0; k < begun.goes_on.size() && k < next + most_looked_at; ++k) {
      // Those that were used before matter only where there is nothing else.
      if (k == 0 && next > most_looked_at) k = next - most_looked_at;
      const auto& c = s.calls[begun.goes_on[k]];
      if ((loose ? c.key_loose : c.key_exact) != &i->second) continue;
      own.push_back(begun.goes_on[k]);
      if (!c.used && (!c.asks || q.asks)) break;
    }
    auto m = among(q, own, 0, loose, no_index);
    if (m && !m.repeated) return m;
    auto& b = i->second;
    while (b.first_unused < b.calls.size() && s.calls[b.calls[b.first_unused]].used) ++b.first_unused;
    const auto other = among(q, b.calls, b.first_unused, loose, op.begun);
    if (other && (!m || !loose)) {
      if (s.calls[other.index].begun_in != no_index) op.begun = s.calls[other.index].begun_in;
      return other;
    }
    if (m) return m;
  }
  return {};
}

void player::use(const question& q, const match& m) {
  auto& c = story_->calls[m.index];
  c.used = true;
  ++c.uses;
  for (std::size_t i = 0; i < q.pins.size() && i < c.pins.size(); ++i)
    if (q.pins[i] != 0 && c.pins[i] != 0) pins_.emplace(q.pins[i], c.pins[i]);
}

// An operation that is begun, perhaps again: all that goes on with it is to be had.
void player::start_over(u32 begun) {
  for (const u32 i : story_->calls[begun].goes_on) story_->calls[i].used = false;
  story_->calls[begun].first_unused = 0;
}

void player::rewind() {
  for (auto& c : story_->calls) {
    c.used = false;
    c.first_unused = 0;
  }
  for (auto* buckets : {&story_->exact, &story_->loose})
    for (auto& [key, b] : *buckets) b.first_unused = 0;
  next_milestone_ = 0;
}

}  // namespace p11tape::player
