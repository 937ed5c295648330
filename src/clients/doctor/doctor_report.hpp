// SPDX-License-Identifier: Apache-2.0
// Examinations as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "clients/doctor/doctor.hpp"

namespace p11tape::clients {

/// `verbose`: hints (severity info) too; without it only those that answer a question are shown. `width`: columns.
std::string report_text(const std::vector<examination>& all, bool verbose, std::size_t width = 100);
std::string report_json(const std::vector<examination>& all);

}  // namespace p11tape::clients
