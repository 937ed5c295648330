// SPDX-License-Identifier: Apache-2.0
// Where the lines go: a file that is put aside when it is full, stderr, or syslog.
//
// They are sinks for spdlog that write what they are given in one system call, and format nothing. spdlog's own file
// sinks open by the host's umask, follow links, and hold a lock that a child of fork may find locked.
#pragma once

#include <spdlog/sinks/sink.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace p11tape::log {

using complaint = void (*)(const char* sentence) noexcept;

class plain_sink : public spdlog::sinks::sink {
 public:
  explicit plain_sink(complaint say) : complain_(say) {}
  void log(const spdlog::details::log_msg& message) final;
  void flush() final {}
  void set_pattern(const std::string&) final {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) final {}

 protected:
  /// Writes it all; 0, or errno.
  virtual int write(const char* text, std::size_t size) noexcept = 0;
  virtual const char* name() const noexcept = 0;

 private:
  complaint complain_;
};

/// A sink for `where`, or nullptr: then it has been said why.
std::shared_ptr<plain_sink> make_sink(const char* where, std::uint64_t size, unsigned files, complaint complain);

}  // namespace p11tape::log
