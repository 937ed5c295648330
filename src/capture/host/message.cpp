// SPDX-License-Identifier: Apache-2.0
#include "capture/host/message.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "capture/host/signals_deferred.hpp"
#include "cryptoki/pin_text.hpp"
#include "log/write_quietly.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::capture {
namespace {

constexpr unsigned most_messages = 64;
std::atomic<std::uint64_t> said[most_messages];

std::uint64_t hash_of(const char* text) noexcept {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325;
  for (; *text != 0; ++text) h = (h ^ static_cast<unsigned char>(*text)) * 0x100000001b3;
  return h == 0 ? 1 : h;
}

bool is_new(const char* text) noexcept {
  const std::uint64_t hash = hash_of(text);
  for (auto& s : said) {
    std::uint64_t seen = s.load(std::memory_order_relaxed);
    if (seen == 0 && s.compare_exchange_strong(seen, hash, std::memory_order_relaxed)) return true;
    if (seen == hash) return false;
  }
  return false;  // too much has been said already
}

// A pipe that nobody empties must not hold the host up, nor one that nobody reads any more end it.
void to_stderr(const char* line, std::size_t size) noexcept {
  if (log::stderr_fits()) log::write_quietly(STDERR_FILENO, line, size, 0);
}

void to_syslog(const char* text) noexcept {
  const int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/dev/log");
  char line[1400];
  constexpr int user_warning = 1 * 8 + 4;
  const int n = std::snprintf(line, sizeof line, "<%d>p11tape[%d]: %s", user_warning, getpid(), text);
  if (n > 0) {
    const auto size = static_cast<std::size_t>(n) < sizeof line ? static_cast<std::size_t>(n) : sizeof line - 1;
    kernel::sendto(s, line, size, MSG_NOSIGNAL | MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  kernel::close(s);
}

}  // namespace

void say(const char* format, ...) noexcept {
  const signals_deferred guard;
  char line[1300] = "p11tape: ";
  constexpr std::size_t prefix = 9;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
  va_end(arguments);
  // What it quotes may be anything; a PIN is never repeated.
  if (cryptoki::holds_pin(line + prefix))
    std::snprintf(line + prefix, sizeof line - prefix - 1, "a message is withheld because it would quote a PIN");
  if (is_new(line)) {
    to_syslog(line + prefix);
    const std::size_t size = std::strlen(line);
    line[size] = '\n';
    to_stderr(line, size + 1);
  }
}

}  // namespace p11tape::capture
