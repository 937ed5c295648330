// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/client_reaction.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/tables/permitted_return_values.hpp"

namespace p11tape::diagnose {

using cryptoki::effect;
using cryptoki::function;

int stage_of(function f) noexcept {
  const auto& row = cryptoki::row(f);
  switch (row.does) {
    case effect::finalize:
    case effect::close_session:
    case effect::close_all_sessions:
    case effect::logout:
    case effect::find_end:
    case effect::cancel:
      return -1;
    case effect::initialize:
      return 0;
    case effect::open_session:
      return 2;
    case effect::login:
      return 3;
    default:
      break;
  }
  if (f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList) return 0;
  if (row.family == "general" || row.family == "slot") return 1;
  if (row.family == "session") return 2;
  if (row.family == "object" || row.family == "search") return row.does == effect::create_object ? 5 : 4;
  return 5;
}

aftermath aftermath_of(const rule_input& s, const failed_call& i) noexcept {
  const auto soon =
      std::any_of(i.samples.begin(), i.samples.end(), [](const sample& x) { return x.recovered_in != none; });
  const bool later = s.d.succeeded_after(i.which, i.last);
  if (later && soon) return aftermath::recovered;
  if (later) return aftermath::succeeded;
  // What was tidied up, and what comes before the call, is no sign that the client went on.
  const auto stage = std::max(stage_of(i.which), 1);
  for (std::size_t n = 0; n < cryptoki::function_count; ++n) {
    const auto f = static_cast<function>(n);
    if (f != i.which && stage_of(f) >= stage && s.d.tally.of(f).last_ok > i.last) return aftermath::went_on;
  }
  return aftermath::gave_up;
}

bool is_spare_slot(const failed_call& i) noexcept {
  if (i.value != CKR_TOKEN_NOT_RECOGNIZED && i.value != CKR_TOKEN_NOT_PRESENT) return false;
  return std::all_of(i.samples.begin(), i.samples.end(),
                     [](const sample& x) { return x.token_known && (x.token_flags & CKF_TOKEN_INITIALIZED) == 0; });
}

bool is_trial(const rule_input& s, const failed_call& i) noexcept {
  const auto first_ok = s.d.tally.of(i.which).first_ok;
  return s.d.is_inspection_tool() && stage_of(i.which) == 5 && first_ok != none && first_ok < i.first;
}

bool is_serious(const rule_input& s, const failed_call& i) noexcept {
  return find_normal_outcome(i.which, i.value) == nullptr && !is_spare_slot(i) && !is_trial(s, i) &&
         aftermath_of(s, i) == aftermath::gave_up;
}

}  // namespace p11tape::diagnose
