// SPDX-License-Identifier: Apache-2.0
#include "log/sinks.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "log/file_sink.hpp"
#include "log/write_quietly.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::log {
namespace {

constexpr int stderr_patience = 1000;  // ms that a reader of stderr may hold the host up, once

class stderr_sink : public plain_sink {
 public:
  using plain_sink::plain_sink;

 private:
  // A pipe takes long texts in pieces: one thread at a time. Who cannot get the lock soon goes without it.
  int write(const char* text, std::size_t size) noexcept override {
    for (int tries = 0; busy_.exchange(true, std::memory_order_acquire) && tries < 2 * stderr_patience; ++tries)
      kernel::pause(1000000);
    // What stood still once is not waited for again, until it moves.
    const int error = stderr_fits() ? write_quietly(STDERR_FILENO, text, size, stuck_ ? 0 : stderr_patience) : EBADF;
    stuck_ = error == EAGAIN;
    busy_.store(false, std::memory_order_release);
    return error;
  }
  const char* name() const noexcept override { return "stderr"; }

  std::atomic<bool> busy_{false};
  bool stuck_ = false;
};

class syslog_sink : public plain_sink {
 public:
  using plain_sink::plain_sink;

 private:
  static constexpr std::size_t most = 8000;  // what syslog daemons take of one message

  int write(const char* text, std::size_t size) noexcept override {
    const int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0) return errno;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/dev/log");
    char line[most + 64];
    constexpr int user_info = 1 * 8 + 6;
    while (size > 0 && text[size - 1] == '\n') --size;
    const int n = std::snprintf(line, sizeof line, "<%d>p11tape[%d]: %.*s", user_info, getpid(),
                                static_cast<int>(size < most ? size : most), text);
    int error = 0;
    if (kernel::sendto(s, line, static_cast<std::size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT,
                       reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
      error = errno;
    kernel::close(s);
    return error;
  }
  const char* name() const noexcept override { return "syslog"; }
};

}  // namespace

void plain_sink::log(const spdlog::details::log_msg& message) {
  const int error = write(message.payload.data(), message.payload.size());
  if (error == 0) return;
  char text[512];
  std::snprintf(text, sizeof text, "cannot write the log %.300s (setting `log`): %s. The tape is not affected.", name(),
                strerrordesc_np(error));
  complain_(text);
}

std::shared_ptr<plain_sink> make_sink(const char* where, std::uint64_t size, unsigned files, complaint complain) {
  if (std::strcmp(where, "syslog") == 0) return std::make_shared<syslog_sink>(complain);
  if (std::strcmp(where, "stderr") == 0 || std::strcmp(where, "/dev/stderr") == 0) {
    if (stderr_fits()) return std::make_shared<stderr_sink>(complain);
    complain("no log is written: stderr of this process is not a terminal, a pipe or a file (setting `log`).");
    return nullptr;
  }
  return file_sink::open(where, size, files, complain);
}

}  // namespace p11tape::log
