// SPDX-License-Identifier: Apache-2.0
// Writing to descriptors that are not ours alone, without harm. Signals have to be held back by the caller, as the
// recorder does in its signals_deferred.
#pragma once

#include <cstddef>

namespace p11tape::log {

/// write(2) until all is written, without a signal: what would be SIGPIPE or SIGXFSZ is an errno. A descriptor that
/// takes nothing for `patience` ms is given up (EAGAIN). 0, or errno.
int write_quietly(int descriptor, const char* text, std::size_t size, int patience) noexcept;

/// The same for a regular file, which makes nobody wait.
int write_file(int descriptor, const char* text, std::size_t size) noexcept;

/// True where stderr is what a person may be reading: a terminal, a pipe or a regular file. In a daemon it may be
/// anything.
bool stderr_fits() noexcept;

}  // namespace p11tape::log
