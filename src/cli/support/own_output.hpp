// SPDX-License-Identifier: Apache-2.0
// What another command of this program prints.
#pragma once

#include <string>
#include <vector>

namespace p11tape::cli {

/// Runs this program with these arguments and without standard input; answers its
/// output and its messages, at most a few MB. "" where it could not be run.
std::string own_output(const std::vector<std::string>& arguments);

}  // namespace p11tape::cli
