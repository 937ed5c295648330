// SPDX-License-Identifier: Apache-2.0
// What was measured, for people: the verdict first, then the tables. As text and as one JSON object; src/report makes a
// page of it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "profile/measurement.hpp"

namespace p11tape::profile {

/// The sentences that answer where the time went, the one that explains most first. Never empty.
std::vector<std::string> verdict(const measurement& m, const diagnose::process_facts& d,
                                 const diagnose::diagnosis& findings);

/// The same for several tapes together.
std::vector<std::string> verdict(const measured& all);

void append_text(const measured& all, std::string& out);
/// `missing`: from each tape, in sentences.
void append_json(const measured& all, std::span<const std::vector<std::string>> missing, std::string& out);

/// "pkcs11-tool, process 4711", safe to print.
std::string title_of(const diagnose::process_facts& d);

}  // namespace p11tape::profile
