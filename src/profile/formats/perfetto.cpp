// SPDX-License-Identifier: Apache-2.0
#include "profile/formats/perfetto.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "card/description.hpp"
#include "card/text.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "text/json_writer.hpp"

namespace p11tape::profile {
namespace {

constexpr std::size_t full = 256 << 10;

// Microseconds with three digits behind the point: exact, where a double would not be.
void append_microseconds(u64 ns, std::string& out) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%03u", static_cast<unsigned long long>(ns / 1000),
                static_cast<unsigned>(ns % 1000));
  out += text;
}

void append_json_text(std::string_view text, std::string& out) { text::json_writer(out).element(text); }

}  // namespace

trace_file::trace_file(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "we")) {
  if (!file_) throw std::runtime_error(path + ": cannot write the file: " + std::strerror(errno));
  std::fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", file_.get());
}

// Events end with a comma and a line break; the file's last one must not.
void trace_file::write(std::string& events) {
  if (events.empty()) return;
  const std::lock_guard hold(guard_);
  const auto size = events.size() - 2;
  if (!first_) std::fputs(",\n", file_.get());
  first_ = false;
  if (std::fwrite(events.data(), 1, size, file_.get()) != size && error_ == 0) error_ = errno;
  events.clear();
}

void trace_file::finish() {
  std::fputs("\n]}\n", file_.get());
  if ((std::fflush(file_.get()) != 0 || std::ferror(file_.get()) != 0) && error_ == 0) error_ = errno;
  if (error_ != 0) throw std::runtime_error(path_ + ": cannot write the file: " + std::strerror(error_));
}

trace_writer::trace_writer(trace_file& to, const tape::reader& tape, const std::string& program, u64 offset)
    : to_(to), pid_(tape.header().pid), offset_(offset) {
  events_ += "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" + std::to_string(pid_) + ",\"args\":{\"name\":";
  append_json_text(label::printable(program), events_);
  events_ += "}},\n";
}

u64 trace_writer::track_of(const model::calling_thread& t) {
  const auto [at, is_new] = tracks_.try_emplace(t.number, t.id);
  if (!is_new) return at->second;
  // The kernel gave the id to another thread again: it gets a track of its own, beyond all ids that there are.
  if (used_ids_[t.id]++ != 0) at->second = (u64{1} << 32) + t.number.value();
  name_thread(t, at->second);
  return at->second;
}

void trace_writer::name_thread(const model::calling_thread& t, u64 track) {
  events_ += "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":" + std::to_string(pid_) +
             ",\"tid\":" + std::to_string(track) + ",\"args\":{\"name\":\"thread " + std::to_string(t.number.value()) +
             "\"}},\n";
}

void trace_writer::begin_event(const char* phase, u64 track, u64 start) {
  events_ += "{\"ph\":\"";
  events_ += phase;
  events_ += "\",\"pid\":" + std::to_string(pid_) + ",\"tid\":" + std::to_string(track) + ",\"ts\":";
  append_microseconds(start + offset_, events_);
}

void trace_writer::see(const call_context& now, std::span<const tape::exchange_view> exchanges) {
  const auto& c = *now.call;
  const auto track = track_of(c.thread);
  const bool whole = c.state == tape::call_state::returned;
  // A call without a beginning is a moment; one without an end goes on to the end of the picture.
  begin_event(whole ? "X" : c.begun() ? "B" : "i", track, c.start());
  if (whole) {
    events_ += ",\"dur\":";
    append_microseconds(c.duration(), events_);
  }
  events_ += ",\"cat\":\"pkcs11\",\"name\":";
  append_json_text(diagnose::name_of(now.which), events_);
  events_ += ",\"args\":{\"call\":" + std::to_string(c.number.value());
  const auto argument = [&](const char* name, const std::string& text) {
    events_ += std::string(",\"") + name + "\":";
    append_json_text(text, events_);
  };
  if (now.ended) argument("returned", diagnose::short_code(now.value));
  if (now.session != nullptr)
    argument("session", model::describe(*now.process, *now.session));
  else if (now.slot != nullptr)
    argument("token", model::describe(*now.slot));
  if (now.mechanism != unknown) argument("mechanism", diagnose::mechanism(now.mechanism));
  if (now.key != nullptr) argument("object", model::describe_short(*now.key));
  events_ += "}},\n";

  // Inside their call, one behind the other, whatever clocks and threads make of them.
  auto from = c.start();
  card::describer describer;
  for (const auto& e : exchanges) {
    if (!whole) break;
    from = std::clamp(e.began, from, c.leave.time);
    const auto to = std::clamp(e.ended, from, c.leave.time);
    std::string line;
    const auto told = describer.tell(e);
    card::append_line(told, line);
    begin_event("X", track, from);
    events_ += ",\"dur\":";
    append_microseconds(to - from, events_);
    events_ += ",\"cat\":\"card\",\"name\":";
    append_json_text(told.command.empty() ? told.function : told.command, events_);
    events_ += ",\"args\":{\"call\":" + std::to_string(c.number.value());
    argument("exchange", line);
    events_ += "}},\n";
    from = to;
  }
  if (events_.size() >= full) to_.write(events_);
}

std::vector<u64> offsets_of(std::span<const tape::reader* const> tapes) {
  std::map<std::string_view, u64> boots;
  std::vector<u64> all;
  u64 first = ~u64{0};
  for (const auto* t : tapes) {
    const auto& h = t->header();
    auto offset = h.wall - h.monotonic;
    if (const auto boot = t->property("boot"); !boot.empty()) offset = boots.try_emplace(boot, offset).first->second;
    all.push_back(offset);
    first = std::min(first, h.monotonic + offset);
  }
  for (auto& o : all) o -= first;
  return all;
}

}  // namespace p11tape::profile
