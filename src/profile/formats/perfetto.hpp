// SPDX-License-Identifier: Apache-2.0
// The calls as Chrome's trace events (JSON), which ui.perfetto.dev and chrome://tracing open: complete events on the
// threads of the recorded process, exchanges with a card inside their calls. Written as the calls go by; nothing is
// kept.
//
// Tapes that are read side by side share one file: each collects events of its own, and hands them over many at a time.
// The order of events in the file does not matter to its readers.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "p11tape/exchange.hpp"
#include "profile/call_stats.hpp"

namespace p11tape::profile {

class trace_file {
 public:
  /// Throws std::runtime_error where the file cannot be written, now or at finish().
  explicit trace_file(const std::string& path);
  void write(std::string& events);  ///< from any thread; empties them
  void finish();

 private:
  struct closer {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, closer> file_;
  std::mutex guard_;
  bool first_ = true;
  int error_ = 0;
};

/// The events of one tape.
class trace_writer {
 public:
  /// `offset`: what added to the tape's monotonic clock makes the time of the file.
  trace_writer(trace_file& to, const tape::reader& tape, const std::string& program, u64 offset);

  void see(const call_context& now, std::span<const tape::exchange_view> exchanges);
  void finish() { to_.write(events_); }

 private:
  void name_thread(const model::calling_thread& t, u64 track);
  void begin_event(const char* phase, u64 track, u64 start);
  u64 track_of(const model::calling_thread& t);

  trace_file& to_;
  u64 pid_, offset_;
  std::map<model::thread_number, u64> tracks_;  // the id that is shown; ids may be used again, tracks not
  std::map<u64, u64> used_ids_;
  std::string events_;
};

/// The offsets of several tapes to one clock that begins with the first of them.
std::vector<u64> offsets_of(std::span<const tape::reader* const> tapes);

}  // namespace p11tape::profile
