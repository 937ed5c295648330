// SPDX-License-Identifier: Apache-2.0
// A user's constants file: names for the constants that vendors define for themselves (config/constants.yaml says how
// it is written). It extends the names of cryptoki/extra_names.hpp when tapes are read.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace p11tape::decode {

struct constants_result {
  std::size_t added = 0;  ///< names that were new
  std::string error;      ///< "file:line: key: what is wrong"; then nothing was added
};

/// Adds the names of the file `path` whose sections fit one of `modules` (paths or file names of the modules that the
/// tapes recorded); of all sections where `modules` is empty. The file is checked as a whole first: unknown keys,
/// values of a wrong type and names that the standard uses are errors, whatever their section.
constants_result load_constants(const std::string& path, std::span<const std::string> modules);

}  // namespace p11tape::decode
