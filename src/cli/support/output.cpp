// SPDX-License-Identifier: Apache-2.0
#include "cli/support/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

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

void write_file(const std::string& path, const std::string& content) {
  const int file = path == "-" ? ::dup(STDOUT_FILENO)
                               : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
  int error = file < 0 ? errno : 0;
  for (std::size_t done = 0; error == 0 && done < content.size();) {
    const auto n = ::write(file, content.data() + done, content.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (file >= 0 && ::close(file) != 0 && error == 0) error = errno;
  if (error != 0) throw std::runtime_error(path + ": cannot write the file: " + std::strerror(error));
}

}  // namespace p11tape::cli
