// SPDX-License-Identifier: Apache-2.0
// Words of commands that people paste into a shell.
#pragma once

#include <string>
#include <string_view>

namespace p11tape::text {

/// A text as one word for bash: as it is, in single quotes, or, with characters that a terminal would act upon, as $'...'.
std::string shell_word(std::string_view text);

}  // namespace p11tape::text
