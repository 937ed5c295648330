// SPDX-License-Identifier: Apache-2.0
// Secrets never come from the command line, which every user of the machine can read. They come from
//   env:VAR     a variable of the environment
//   file:PATH   the first line of a file
//   prompt      the terminal, without echo
//   -           the standard input
#pragma once

#include <string>

#include "clients/secret_buffer.hpp"

namespace p11tape::cli {

/// What the words name. Throws std::runtime_error with a sentence where they name nothing, or something unreadable.
/// `what`: "PIN", for the prompt and the messages.
clients::secret_buffer read_secret(const std::string& source, const std::string& what);

/// The same for a string that may also stand there itself, as administrators paste it; `given` is overwritten.
clients::secret_buffer read_string_or_secret(std::string& given, const std::string& what);

}  // namespace p11tape::cli
