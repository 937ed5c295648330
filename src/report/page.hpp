// SPDX-License-Identifier: Apache-2.0
// The fixed parts of the page: how it looks, and the scripts that draw its time lines and its list of calls. Of a report
// only the data differ, so the page names its style and its scripts by their hashes and forbids everything else.
#pragma once

#include <string>
#include <string_view>

namespace p11tape::report {

extern const std::string_view page_style;
extern const std::string_view timeline_script;
extern const std::string_view calls_script;

/// What is written before a report, up to the first heading: the page loads nothing, and runs only its own scripts.
std::string page_head(std::string_view title);
std::string page_end();

}  // namespace p11tape::report
