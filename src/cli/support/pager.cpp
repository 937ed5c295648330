// SPDX-License-Identifier: Apache-2.0
#include "cli/support/pager.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace p11tape::cli {

bool wants_colour(const std::string& when) {
  if (when == "always") return true;
  const char* no = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (when == "never" || (no != nullptr && *no != 0)) return false;
  return ::isatty(STDOUT_FILENO) == 1 && (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

pager::pager(bool wanted) {
  const char* command = std::getenv("PAGER");
  if (command == nullptr) command = "less";
  if (!wanted || *command == 0 || std::strcmp(command, "cat") == 0 || ::isatty(STDOUT_FILENO) != 1) return;
  // Looked for before the fork: where there is no pager, the output goes to the terminal.
  if (std::strchr(command, ' ') == nullptr) {
    const std::string test = "command -v " + std::string(command) + " >/dev/null 2>&1";
    if (std::system(test.c_str()) != 0) return;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[0], STDIN_FILENO);
    ::setenv("LESS", "FRSX", 0);
    ::execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[0]);
  if (child > 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    child_ = child;
  }
  ::close(ends[1]);
}

pager::~pager() {
  if (child_ < 0) return;
  ::close(STDOUT_FILENO);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::size_t columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 116;
  return std::clamp<std::size_t>(size.ws_col, 60, 160);
}

std::size_t rows() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_row;
}

}  // namespace p11tape::cli
