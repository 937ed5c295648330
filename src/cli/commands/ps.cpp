// SPDX-License-Identifier: Apache-2.0
// p11tape ps: who is being recorded just now, and which calls are in flight.
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/processes.hpp"
#include "model/call_stream.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "text/exit_codes.hpp"
#include "text/numbers.hpp"

namespace p11tape::cli {
namespace {

struct flying_call {
  std::string function;
  model::calling_thread thread;
  tape::u64 began;
  unsigned depth;
};

struct activity {
  tape::u64 calls = 0;
  std::vector<flying_call> in_flight;
};

activity activity_of(const tape::reader& tape) {
  activity a;
  std::map<model::thread_number, tape::u64>
      calls;  // the thread's own count, which has those that are not on the tape, too
  model::call_stream stream(tape);
  while (const auto* call = stream.next()) {
    auto& most = calls[call->thread.number];
    most = std::max<tape::u64>(most, call->begun() ? call->enter.call : call->leave.call);
    if (call->state == tape::call_state::in_flight)
      a.in_flight.push_back(
          {call->function ? std::string(call->function->name) : "a call", call->thread, call->start(), call->depth});
  }
  for (const auto& [thread, count] : calls) a.calls += count;
  return a;
}

tape::u64 monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<tape::u64>(t.tv_sec) * 1000000000 + static_cast<tape::u64>(t.tv_nsec);
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  ((out += "  ") += name).append(name.size() < 8 ? 8 - name.size() : 0, ' ');
  out += ' ';
  render::append_safe(value, out);
  out += '\n';
}

void append_tape(int pid, const std::string& program, const written_tape& t, std::string& out) {
  const auto a = activity_of(*t.reader);
  out += std::to_string(pid) + "  ";
  render::append_safe(std::filesystem::path(program).filename().string(), out);
  out += "   ";
  render::append_count(a.calls, "call", out);
  if (t.reader->header().stopped != 0) out += ", recording has stopped";
  out += '\n';
  const auto resolved = t.reader->property("module.path");
  append_field("module", resolved.empty() ? t.reader->property("module") : resolved, out);
  append_field("tape", t.path, out);
  const auto now = monotonic_now();
  for (const auto& c : a.in_flight) {
    std::string text = c.function + ", ";
    render::append_thread_name(c.thread.number.value(), c.thread.id, text);
    text += ", for ";
    text::append_duration(now > c.began ? now - c.began : 0, text);
    if (c.depth != 0) text += " (inside the call above)";
    append_field("in call", text, out);
  }
}

int ps() {
  output out;
  std::size_t found = 0;
  const auto hidden = for_each_process([&](int pid, const std::string& program) {
    for (const auto& t : written_tapes(pid)) {
      try {
        append_tape(pid, program, t, out.text());
        ++found;
      } catch (const tape::tape_error&) {
        // It ended while we looked.
      }
    }
  });
  if (found == 0) out.text() += "No process is being recorded.\n";
  out.flush();
  report_hidden_processes(hidden);
  return exit_fine;
}

}  // namespace

void add_ps(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("ps", "List the processes that are being recorded, and their calls in progress");
  command->footer(
      "Shows what hangs: each call in progress is listed with its age.\n"
      "Example:\n"
      "  p11tape ps\n"
      "Exit status: 0 done; 64 usage error.");
  command->callback([&result] { result = ps(); });
}

}  // namespace p11tape::cli
