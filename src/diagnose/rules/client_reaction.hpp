// SPDX-License-Identifier: Apache-2.0
// What a client did after a failed call: whether it found another way, went on with other work, or gave up.
#pragma once

#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

enum class aftermath : std::uint8_t {
  recovered,  ///< the same thread called the function again soon, and that succeeded
  succeeded,  ///< the function succeeded later, for whatever purpose
  went_on,    ///< it never succeeded, and other work of its kind did
  gave_up,    ///< nothing but tidying up, or reading, came after it
};

aftermath aftermath_of(const rule_input& s, const failed_call& i) noexcept;

/// How far a client has come when it calls the function: 0 C_Initialize, 1 slots, 2 sessions, 3 login, 4 objects,
/// 5 operations. -1 for calls that only tidy up.
int stage_of(cryptoki::function f) noexcept;

/// Clients that look at every slot meet tokens that are not initialised (SoftHSM always shows one): no failure.
bool is_spare_slot(const failed_call& i) noexcept;

/// A tool that tries what there is: the function had worked before with something else.
bool is_trial(const rule_input& s, const failed_call& i) noexcept;

/// True for the failed calls that must not go unmentioned: no normal outcome, and the client gave up.
bool is_serious(const rule_input& s, const failed_call& i) noexcept;

}  // namespace p11tape::diagnose
