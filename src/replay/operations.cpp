// SPDX-License-Identifier: Apache-2.0
#include "replay/operations.hpp"

#include <algorithm>

namespace p11tape::replay {
namespace {

using cryptoki::effect;
using model::operation;

std::array<operation, 2> kinds_of(const step& s) {
  if (s.call.function == nullptr) return {operation::no_operation, operation::no_operation};
  if (s.call.function->family != "dual") return {s.role.on, operation::no_operation};
  const auto has = [&](std::string_view word) { return s.call.function->name.find(word) != std::string_view::npos; };
  return {has("Encrypt") ? operation::encrypt : operation::decrypt, has("Sign")     ? operation::sign
                                                                    : has("Verify") ? operation::verify
                                                                                    : operation::digest};
}

bool begins(effect e) noexcept { return e == effect::begin || e == effect::find_begin; }

}  // namespace

void operations::see(plan& p, u32 index, model::session_number session) {
  auto& s = p.steps[index];
  if (s.role.does == effect::restore_state)
    std::erase_if(current_, [&](const auto& c) { return c.first.first == session; });
  const auto kinds = kinds_of(s);
  for (std::size_t i = 0; i < kinds.size(); ++i)
    if (kinds[i] != operation::no_operation) see_one(p, index, session, kinds[i], s.operations[i]);
  p.operations = static_cast<u32>(groups_.size());
}

void operations::see_one(plan& p, u32 index, model::session_number session, operation kind, u32& belongs) {
  auto& s = p.steps[index];
  const bool worked = s.call.ended() && s.call.return_value() == 0;
  const std::pair key(session, kind);
  if (begins(s.role.does)) {
    if (!worked && s.call.ended()) return;
    belongs = current_[key] = static_cast<u32>(groups_.size());
    groups_.push_back({{index}, s.fresh});
    return;
  }
  const auto at = current_.find(key);
  if (at == current_.end()) {
    if (worked && !s.why) s.why = {reason::no_operation, model::none, {}};
    return;
  }
  belongs = at->second;
  groups_[belongs].steps.push_back(index);
  groups_[belongs].fresh |= s.fresh || s.synthesised;
  s.fresh |= groups_[belongs].fresh;
}

void operations::spread(plan& p) const {
  // Twice, because a call of two operations may carry the refusal of one into the other.
  for (int round = 0; round < 2; ++round)
    for (const auto& g : groups_) {
      const auto first =
          std::find_if(g.steps.begin(), g.steps.end(), [&](u32 i) { return static_cast<bool>(p.steps[i].why); });
      if (first == g.steps.end()) continue;
      for (const auto i : g.steps)
        if (!p.steps[i].why) p.steps[i].why = {reason::depends, p.steps[*first].call.number, {}};
    }
}

bool operations::goes_on(const plan& p, const step& s, model::call_number from) const {
  for (const auto g : s.operations)
    if (g != no_thing && p.steps[groups_[g].steps.back()].call.number >= from) return true;
  return false;
}

}  // namespace p11tape::replay
