// SPDX-License-Identifier: Apache-2.0
// Each source ends in a wiped text; buffers on the way are overwritten.
#include "cli/support/secret_input.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "clients/files.hpp"
#include "clients/no_core_dumps.hpp"

namespace p11tape::cli {
namespace {

using clients::secret_buffer;

// Room is made once, so that no copy is left behind by a string that grew.
constexpr std::size_t longest = 64 * 1024;

std::string_view first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

secret_buffer read_all(int fd, bool one_line) {
  std::string text;
  text.reserve(longest);
  char buffer[4096];
  while (text.size() < longest) {
    const ssize_t n = read(fd, buffer, std::min(sizeof buffer, longest - text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
    if (one_line && text.ends_with('\n')) break;
  }
  explicit_bzero(buffer, sizeof buffer);
  return secret_buffer(std::move(text));
}

// The terminal echoes again however this ends.
class no_echo {
 public:
  explicit no_echo(int fd) : fd_(fd), changed_(tcgetattr(fd, &was_) == 0) {
    termios now = was_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &now);
  }
  no_echo(const no_echo&) = delete;
  no_echo& operator=(const no_echo&) = delete;
  ~no_echo() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &was_);
  }

 private:
  int fd_;
  termios was_{};
  bool changed_;
};

void say(int fd, std::string_view text) {
  if (write(fd, text.data(), text.size()) < 0) return;  // a prompt that cannot be shown is seen by its absence
}

secret_buffer ask(const std::string& what) {
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) throw std::runtime_error("no terminal to ask for the " + what + " (use env:VAR or file:PATH)");
  say(terminal, what + ": ");
  secret_buffer answer;
  {
    const no_echo quiet(terminal);
    const secret_buffer line = read_all(terminal, true);
    answer = secret_buffer(first_line(line.view()));
  }
  say(terminal, "\n");
  close(terminal);
  return answer;
}

}  // namespace

secret_buffer read_secret(const std::string& source, const std::string& what) {
  clients::no_core_dumps();
  if (source == "prompt") return ask(what);
  if (source == "-") {
    const secret_buffer text = read_all(STDIN_FILENO, false);
    return secret_buffer(first_line(text.view()));
  }
  if (source.starts_with("env:")) {
    const char* value = std::getenv(source.c_str() + 4);
    if (value == nullptr)
      throw std::runtime_error("environment variable " + source.substr(4) + " for the " + what + " is not set");
    return secret_buffer(std::string_view(value));
  }
  if (source.starts_with("file:")) {
    const secret_buffer text = clients::read_whole(source.substr(5), longest);
    return secret_buffer(first_line(text.view()));
  }
  // Not quoted back: it may be the secret itself.
  throw std::runtime_error(
      "the " + what +
      " must not be on the command line, where other users can read it (write env:VAR, file:PATH, prompt or -)");
}

secret_buffer read_string_or_secret(std::string& given, const std::string& what) {
  clients::no_core_dumps();
  if (given == "-") return read_all(STDIN_FILENO, false);
  if (given.starts_with("file:")) return clients::read_whole(given.substr(5));
  if (given == "prompt" || given.starts_with("env:")) return read_secret(given, what);
  secret_buffer out{std::string_view(given)};
  secret_buffer::wipe(given);
  return out;
}

}  // namespace p11tape::cli
