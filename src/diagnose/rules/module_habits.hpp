// SPDX-License-Identifier: Apache-2.0
// What is publicly known of the module and device on the tape. Rows: tables/module_habits.def.
#pragma once

#include <span>
#include <vector>

#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

struct habit_row {
  bool is_cause;  ///< it can be why the call failed; else it helps to understand
  std::string_view library, manufacturer, model, functions, codes, text, source;
};

std::span<const habit_row> habits() noexcept;

/// The habits that the module and the failed call match.
std::vector<const habit_row*> habits_of(const rule_input& s, slot_id slot, cryptoki::function which, u64 value);

/// Adds them to the finding's evidence, each with its source.
void apply_habits(finding& f, const rule_input& s, const failed_call& i);

}  // namespace p11tape::diagnose
