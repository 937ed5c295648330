// SPDX-License-Identifier: Apache-2.0
#include "cli/support/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace p11tape::cli {

void output::flush() {
  for (std::size_t done = 0; done < text_.size() && !closed_;) {
    const auto n = ::write(STDOUT_FILENO, text_.data() + done, text_.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      closed_ = true;
      if (errno != EPIPE) error_ = errno;
    }
  }
  text_.clear();
}

}  // namespace p11tape::cli
