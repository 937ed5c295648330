// SPDX-License-Identifier: Apache-2.0
// What a failed call needed, and whether it had it: the rows of tables/call_preconditions.def, held against the tape.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

enum class precondition : std::uint8_t {
#define PRECONDITION(id, fault, section, text, codes, advice) id,
#define NEEDS(function, ids)
#include "diagnose/tables/call_preconditions.def"
#undef PRECONDITION
#undef NEEDS
};

struct precondition_row {
  precondition id;
  std::string_view name;
  diagnose::fault fault;     ///< whose, if it is violated
  std::string_view section;  ///< of the standard
  std::string_view text;     ///< what must hold
  std::string_view codes;    ///< by which modules report it
  std::string_view advice;
};

enum class verdict : std::uint8_t { unclear, held, violated };

struct judgement {
  const precondition_row* what = nullptr;
  diagnose::verdict verdict = diagnose::verdict::unclear;
  std::string text;   ///< of a violated one: what the tape shows
  bool fits = false;  ///< the return value can be a report of it
};

std::span<const precondition_row> preconditions() noexcept;

/// All that the function needs, in the order of its row.
std::vector<judgement> judge(cryptoki::function which, u64 value, const sample& s);

/// The violated one that explains the return value best; nullptr where none does.
const judgement* cause_among(const std::vector<judgement>& all) noexcept;

/// Whether a mechanism is for the function, as the standard says; true where it says nothing.
bool is_for(u64 mechanism, cryptoki::function which) noexcept;
/// Whether the standard's table of uses has a row for the mechanism.
bool has_uses(u64 mechanism) noexcept;
/// "C_SignInit" -> "signing"; "" for functions that are no use of a mechanism.
std::string_view use_of(cryptoki::function which) noexcept;
/// CKF_SIGN of CK_MECHANISM_INFO and the like; 0 for functions without one.
u64 mechanism_flag_of(cryptoki::function which) noexcept;

}  // namespace p11tape::diagnose
