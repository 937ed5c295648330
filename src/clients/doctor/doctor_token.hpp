// SPDX-License-Identifier: Apache-2.0
// What the tokens of a module mean for a configuration.
#pragma once

#include "clients/doctor/doctor.hpp"

namespace p11tape::clients {

/// Adds what the probe itself tells: not loaded, not started, no token.
void judge_probe(findings& out, const probe_result& probe);

/// Compares the configured label with the tokens, and looks at the state of the token that is meant. Returns its index,
/// or label::none.
std::size_t judge_tokens(findings& out, const probe_result& probe, const reading& r, const doctor_options& options);

/// True if the configured password is the label of one of the tokens: the two fields have changed places.
bool password_is_a_label(const probe_result& probe, const reading& r);

/// Why no login may be tried on the token; empty where it may.
std::string reason_not_to_log_in(const label::token& token, const doctor_options& options);

}  // namespace p11tape::clients
