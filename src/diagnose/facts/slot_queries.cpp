// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/slot_queries.hpp"

#include <algorithm>

#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::function;

constexpr std::size_t most_kinds = 4096;

bool is_poll(function f) noexcept {
  return f == function::C_GetSlotList || f == function::C_GetSlotInfo || f == function::C_GetTokenInfo;
}

}  // namespace

void slot_queries::see_query(const call_context& now) {
  if (is_poll(now.which)) see_poll(now);
  if (!now.ok) return;
  if (now.which == function::C_GetTokenInfo) {
    ++token_infos;
    last_token_info = now.call->number;
    if (first_token_info == none) first_token_info = now.call->number;
  }
  if (now.which == function::C_GetSlotList) see_slot_count(now);
  if (now.which == function::C_GetMechanismList) see_mechanisms(now);
}

void slot_queries::see_poll(const call_context& now) {
  const auto& c = *now.call;
  ++polls.count;
  polls.time += now.duration;
  polls.last = c.number;
  polls.last_wall = c.start_wall();
  if (polls.first == none) {
    polls.first = c.number;
    polls.first_wall = c.start_wall();
  }
  if (session_asked_) return;
  auto& n = alike_[now.word(0) << 8 ^ static_cast<u64>(now.which)];
  if (++n > most_alike) {
    most_alike = n;
    most_alike_name = cryptoki::row(now.which).name;
  }
  if (alike_.size() > most_kinds) alike_.clear();
}

void slot_queries::see_slot_count(const call_context& now) {
  // The count stands in an output of its own, also where only the count was asked for.
  tape::item_view count;
  if (!now.call->result().find(2, count) || count.is_unproven()) return;
  const bool with_token = now.word(0) != 0;
  (with_token ? slots_with_token : slots_without_token) = count.number();
  if (!with_token) return;
  most_with_token = std::max(most_with_token, count.number());
  counted_in = now.call->number;
}

void slot_queries::see_mechanisms(const call_context& now) {
  const auto& c = *now.call;
  if (now.slot == nullptr || now.slot->mechanisms_in == none || mechanisms_changed_in != none) return;
  const auto list = model::output_numbers(c, 1);
  if (!c.arguments().given(1) || list.size() == 0) return;
  bool same = list.size() == now.slot->mechanisms.size();
  for (std::size_t i = 0; same && i < list.size(); ++i) same = now.slot->offers(list[i]);
  if (!same) mechanisms_changed_in = c.number;
}

}  // namespace p11tape::diagnose
