// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

namespace p11tape::test {
namespace {

// Control characters but tab and newline, C1 in UTF-8, and what turns the direction of text.
bool is_clean(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 32 && c != '\n' && c != '\t') || c == 127) return false;
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) return false;
  }
  return text.find("\xe2\x80\xae") == std::string_view::npos;
}

}  // namespace

cost run(const std::vector<std::string>& command) {
  int ends[2];
  cost c;
  if (pipe(ends) != 0) return c;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    close(ends[0]);
    const rlimit seconds{120, 120};  // more than any command is granted: only so that all of them end
    setrlimit(RLIMIT_CPU, &seconds);
    std::vector<char*> words;
    for (const auto& w : command) words.push_back(const_cast<char*>(w.c_str()));
    words.push_back(nullptr);
    execv(words[0], words.data());
    _exit(126);
  }
  close(ends[1]);
  std::string block(1 << 16, '\0');
  for (ssize_t n; (n = read(ends[0], block.data(), block.size())) > 0;) {
    c.output += static_cast<std::uint64_t>(n);
    c.clean &= is_clean(std::string_view(block).substr(0, static_cast<std::size_t>(n)));
  }
  close(ends[0]);
  int status = 0;
  rusage use{};
  wait4(child, &status, 0, &use);
  c.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  const auto in_seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  c.seconds = in_seconds(use.ru_utime) + in_seconds(use.ru_stime);
  c.memory = static_cast<std::uint64_t>(use.ru_maxrss) * 1024;
  return c;
}

}  // namespace p11tape::test
