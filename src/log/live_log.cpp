// SPDX-License-Identifier: Apache-2.0
#include "log/live_log.hpp"

#include <spdlog/logger.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <string>
#include <vector>

#include "log/sinks.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "tape/kernel_clock.hpp"
#include "text/numbers.hpp"
#include "text/times.hpp"

namespace p11tape::log {

struct thread_room {
  struct open_call {
    std::uint64_t number = 0;
    beginning begun{};
    std::uint64_t wall = 0;
    std::vector<std::byte> body;
  };
  std::vector<open_call> open;  // by depth
  std::string text;
};

namespace {

// Made once a process and never destroyed: calls come after static destructors, too. A child of fork makes its own.
struct running_log {
  setup how;
  std::uint64_t pid;
  spdlog::logger logger;
  std::atomic<std::uint64_t> calls{0};

  running_log(const setup& s, std::shared_ptr<plain_sink> sink)
      : how(s), pid(static_cast<std::uint64_t>(getpid())), logger("p11tape", std::move(sink)) {
    logger.set_level(spdlog::level::trace);
    logger.set_error_handler([](const std::string&) {});  // the default one writes to stderr
  }
};

constinit std::atomic<running_log*> the_log{nullptr};

tape::byte_view view_of(const tape::u8* bytes, std::uint64_t size) noexcept {
  return {reinterpret_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)};
}

render::call_view describe(const running_log& log, const thread_room& room, unsigned depth) {
  const auto& call = room.open[depth];
  render::call_view view;
  view.number = call.number;
  view.outer = depth > 0 ? room.open[depth - 1].number : 0;
  view.depth = depth;
  view.thread = call.begun.thread;
  view.thread_number = call.begun.thread_number;
  view.program = log.how.program;
  view.pid = log.pid;
  view.start = call.begun.time;
  view.wall = call.wall;
  view.rows = &tape::schema::built_in();
  view.function_number = call.begun.function;
  view.word_size = sizeof(unsigned long);
  view.enter = call.body;
  return view;
}

void append_announcement(const running_log& log, const render::call_view& view, std::string& out) {
  render::append_heading(view, out);
  out += " begins   ";
  render::append_safe(log.how.program, out);
  out += '[';
  text::append_decimal(log.pid, out);
  out += "]  thread ";
  text::append_decimal(view.thread, out);
  out += "   ";
  text::append_local_time(view.wall, out);
  out += '\n';
}

bool is_wanted(const setup& how, std::uint64_t duration, std::uint64_t return_value) noexcept {
  switch (how.which) {
    case level::errors:
      return return_value != 0;
    case level::slow:
      return duration >= how.slow;
    default:
      return true;
  }
}

render::options options_of() noexcept {
  render::options o;
  o.name_process = true;
  return o;
}

// The wall clock at a moment of CLOCK_MONOTONIC. Both are read once a second: somebody may set the one of them.
std::uint64_t wall_time_of(std::uint64_t time) noexcept {
  constexpr std::uint64_t second = 1000000000;
  constinit static std::atomic<std::uint64_t> offset{0}, read_at{0};
  const auto since = time - read_at.load(std::memory_order_acquire);
  if (since < second) return time + offset.load(std::memory_order_relaxed);
  const auto between = tape::clock_ns(CLOCK_REALTIME) - tape::clock_ns(CLOCK_MONOTONIC);
  offset.store(between, std::memory_order_relaxed);
  read_at.store(time, std::memory_order_release);
  return time + between;
}

// With the time of the call: spdlog would read the clock once more.
void write(running_log& log, std::uint64_t wall, spdlog::level::level_enum which, const std::string& text) {
  const spdlog::log_clock::time_point time(std::chrono::duration_cast<spdlog::log_clock::duration>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(wall))));
  log.logger.log(time, {}, which, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace

bool start(const setup& how) noexcept {
  try {
    // Parsed now, and not in the middle of a call.
    tape::schema::built_in();
    auto sink = make_sink(how.where, how.size, how.files, how.complain);
    the_log.store(sink != nullptr ? new running_log(how, std::move(sink)) : nullptr, std::memory_order_release);
  } catch (...) {
    how.complain("no log is written: not enough memory.");
    the_log.store(nullptr);
  }
  return the_log.load() != nullptr;
}

void begin_call(thread_room*& room, const beginning& call) noexcept {
  running_log* log = the_log.load(std::memory_order_acquire);
  if (log == nullptr) return;
  try {
    if (room == nullptr) room = new thread_room;
    if (room->open.size() <= call.depth) room->open.resize(call.depth + 1);
    auto& mine = room->open[call.depth];
    mine.number = log->calls.fetch_add(1, std::memory_order_relaxed) + 1;
    mine.begun = call;
    mine.wall = wall_time_of(call.time);
    const auto bytes = view_of(call.body, call.body_size);
    mine.body.assign(bytes.begin(), bytes.end());
    if (!log->how.entry || !call.announce) return;
    room->text.clear();
    auto view = describe(*log, *room, call.depth);
    if (log->how.json) {
      render::append_json(view, options_of(), room->text);
    } else {
      append_announcement(*log, view, room->text);
    }
    write(*log, mine.wall, spdlog::level::debug, room->text);
  } catch (...) {
  }
}

void end_call(thread_room*& room, const ending& call) noexcept {
  running_log* log = the_log.load(std::memory_order_acquire);
  if (log == nullptr || room == nullptr || room->open.size() <= call.depth) return;
  auto& mine = room->open[call.depth];
  if (mine.number == 0) return;
  try {
    const auto duration = call.time > mine.begun.time ? call.time - mine.begun.time : 0;
    if (is_wanted(log->how, duration, call.return_value)) {
      room->text.clear();
      auto view = describe(*log, *room, call.depth);
      view.state = tape::call_state::returned;
      view.duration = duration;
      view.leave = view_of(call.body, call.body_size);
      if (log->how.json) {
        render::append_json(view, options_of(), room->text);
      } else {
        render::append_text(view, options_of(), room->text);
      }
      write(*log, mine.wall, call.return_value != 0 ? spdlog::level::err : spdlog::level::info, room->text);
    }
  } catch (...) {
  }
  mine.number = 0;
}

}  // namespace p11tape::log
