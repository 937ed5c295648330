// SPDX-License-Identifier: Apache-2.0
// The fixed parts of the HTML report: how it looks, and the script that draws its time lines. Of a report only the
// numbers differ, so the page can name its one script by its hash and forbid everything else.
#pragma once

#include <string>
#include <string_view>

namespace p11tape::profile {

extern const std::string_view page_style;
extern const std::string_view page_script;

/// What is written in front of a report, up to the first heading: the page loads nothing and runs page_script alone.
std::string page_head(std::string_view title);
std::string page_end();

/// Text that stands in a page, or in an attribute in double quotes, as it is.
std::string escaped(std::string_view text);

}  // namespace p11tape::profile
