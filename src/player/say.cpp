// SPDX-License-Identifier: Apache-2.0
#include "player/say.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <set>
#include <string_view>

#include "log/write_quietly.hpp"

namespace p11tape::player {
namespace {

constexpr std::size_t most_said = 1000;  // a client in a loop must not fill a disk

std::mutex& guard() {
  static auto* const m = new std::mutex;  // never destroyed: calls come after static destructors, too
  return *m;
}

bool is_new(const std::string& text) {
  static auto* const said = new std::set<std::size_t>;
  const std::lock_guard hold(guard());
  return said->size() < most_said && said->insert(std::hash<std::string>{}(text)).second;
}

std::string with_prefix(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.append("p11tape-player: ").append(text.substr(0, end)) += '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

}  // namespace

void say(const std::string& text, const std::string& about) noexcept try {
  const int error = errno;
  if (is_new(about.empty() ? text : about)) {
    const auto lines = with_prefix(text);
    constexpr int patience = 1000;
    if (log::stderr_fits()) log::write_quietly(STDERR_FILENO, lines.data(), lines.size(), patience);
    if (const char* file = secure_getenv("P11TAPE_PLAY_LOG"); file != nullptr && *file != 0) {
      const int to = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
      if (to >= 0) {
        log::write_quietly(to, lines.data(), lines.size(), patience);
        close(to);
      }
    }
  }
  errno = error;
} catch (...) {  // out of memory: then it stays unsaid
}

}  // namespace p11tape::player
