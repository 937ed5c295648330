// SPDX-License-Identifier: Apache-2.0
// Where the files that belong to this program are: in the build folder beside it, or installed.
#pragma once

#include <string>

namespace p11tape::cli {

/// p11tape.so, or "".
std::string find_shim();

/// p11tape-run.so, the audit library of `p11tape run`, or "".
std::string find_run_library();

}  // namespace p11tape::cli
