// SPDX-License-Identifier: Apache-2.0
// The answer for people. The first lines are the answer; what follows is for those who want to see why.
#include <algorithm>
#include <ctime>

#include "diagnose/diagnosis.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "text/times.hpp"

namespace p11tape::diagnose {
namespace {

constexpr std::size_t brief_evidence = 2, brief_commands = 2;
constexpr std::size_t most_log_lines = 20;

class writer {
 public:
  writer(const report_context& around, std::string& out) : around_(around), out_(out) {}

  void tell(const finding& f) {
    paint(f.level == severity::error ? "31;1" : f.level == severity::warning ? "33;1" : "36");
    out_ += f.level == severity::error ? "ERROR" : f.level == severity::warning ? "WARNING" : "NOTE";
    paint("");
    indented(cat(" ", f.id, "  ", f.say), f.level == severity::error ? 5 : f.level == severity::warning ? 7 : 4);
    if (f.level == severity::info) return tell_briefly(f);
    for (const auto& line : f.first_lines) indented("  " + line, 0);
    // Not wrapped: it is to be pasted.
    for (const auto& l : f.labels)
      if (!l.setting.empty()) out_ += cat("  that is: ", label::printable(l.setting), "\n");
    // It has many lines: on a small screen the answer comes first.
    const bool differs = !f.labels.empty() && !f.labels.front().byte_diff.empty();
    if (differs && !around_.brief) byte_diff(f.labels.front().byte_diff);
    if (around_.all.size() > 1) wrapped("In", where(f));
    for (const auto tape : f.also_in) wrapped("", where(tape));
    const auto most = around_.brief ? brief_evidence : f.shown.size();
    for (std::size_t i = 0; i < std::min(most, f.shown.size()); ++i)
      wrapped(i == 0 ? "Evidence" : "", cat(calls(f.shown[i]), f.shown[i].text));
    if (f.wall != 0) wrapped("When", moment_of(f.wall));
    if (around_.brief) {
      tell_fix(f);
      if (!differs) return;
      out_.pop_back();  // one empty line is enough
      return byte_diff(f.labels.front().byte_diff);
    }
    if (!f.cause.empty()) wrapped("Cause", f.cause);
    wrapped("Fault", describe(f.fault));
    const word_row* before = nullptr;
    for (const auto* w : reports(f, around_)) {
      const auto who = before != nullptr && before->by == w->by ? std::string() : cat(name_of(w->by), ": ");
      wrapped(before == nullptr ? "Reported as" : "",
              cat(who, w->code, w->code.empty() ? "" : " ", w->text, w->hint ? " (likely)" : ""));
      before = w;
    }
    tell_fix(f);
  }

  void tell_log(const diagnosis& d);

 private:
  void tell_fix(const finding& f) {
    if (around_.brief && f.advice.empty() && !f.cause.empty()) wrapped("Cause", f.cause);
    if (!f.advice.empty()) wrapped("Fix", f.advice);
    const auto most = around_.brief ? brief_commands : f.commands.size();
    for (std::size_t i = 0; i < std::min(most, f.commands.size()); ++i)
      wrapped(i == 0 ? "Run" : "", f.commands[i], false);
    for (std::size_t i = 0; i < f.consequences.size() && !around_.brief; ++i)
      wrapped(i == 0 ? "Consequences" : "", cat(f.consequences[i].id, " ", f.consequences[i].say));
    out_ += '\n';
  }

  static std::string moment_of(u64 wall) {
    std::string text;
    text::append_local_time(wall, text);
    return text;
  }

  void tell_briefly(const finding& f) {
    const auto shown = std::find_if(f.shown.begin(), f.shown.end(), [](const auto& e) { return !e.calls.empty(); });
    const auto what = shown == f.shown.end() ? std::string() : calls(*shown) + shown->text;
    const auto place = around_.all.size() > 1 ? cat(what.empty() ? "" : "; ", where(f)) : std::string();
    if (!what.empty() || !place.empty()) wrapped("", what + place);
  }

  void paint(std::string_view colour) {
    if (around_.colour) out_ += cat("\033[", colour, "m");
  }

  std::string where(const finding& f) const { return where(f.tape); }

  std::string where(std::size_t tape) const {
    const auto& d = around_.all[tape];
    return cat(d.program, d.pid == 0 ? std::string() : cat(", process ", d.pid), ", tape ", d.tape->shown_path());
  }

  static std::string calls(const evidence& e) {
    std::vector<call_number> numbers;
    for (const auto n : e.calls)
      if (n != none && (numbers.empty() || numbers.back() != n)) numbers.push_back(n);
    if (numbers.empty()) return {};
    std::string text = numbers.size() == 1 ? "call " : "calls ";
    for (std::size_t i = 0; i < numbers.size(); ++i) text += cat(i == 0 ? "" : ", ", numbers[i]);
    return text + ": ";
  }

  // Our own label in a column of its own; long texts go on below.
  void wrapped(std::string_view label, std::string_view text, bool wrap = true) {
    constexpr std::size_t column = 16;
    std::string line = cat("  ", label);
    line.resize(column, ' ');
    while (wrap && line.size() + text.size() > around_.width) {
      const auto room = around_.width - line.size();
      auto end = text.rfind(' ', room);
      if (end == std::string_view::npos || end == 0) break;
      out_ += line + std::string(text.substr(0, end)) + "\n";
      text.remove_prefix(end + 1);
      line.assign(column, ' ');
    }
    out_ += line + std::string(text) + "\n";
  }

  // `before`: columns of this line that are taken already. Lines that go on are indented.
  void indented(std::string_view text, std::size_t before) {
    constexpr std::string_view indent = "      ";
    while (before + text.size() > around_.width) {
      const auto end = text.rfind(' ', around_.width - before);
      if (end == std::string_view::npos || end < indent.size()) break;
      out_ += cat(text.substr(0, end), "\n", indent);
      text.remove_prefix(end + 1);
      before = indent.size();
    }
    out_ += cat(text, "\n");
  }

  void byte_diff(std::string_view text) {
    out_ += '\n';
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      out_ += cat(end == 0 ? "" : "    ", text.substr(0, end), "\n");
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    out_ += '\n';
  }

  const report_context& around_;
  std::string& out_;
};

std::string clock_of(u64 wall) {
  const auto seconds = static_cast<std::time_t>(wall / 1000000000);
  std::tm t{};
  ::localtime_r(&seconds, &t);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%H:%M:%S", &t)};
}

// A message beside the calls of the same seconds. The windows are those of the messages, in their order.
void writer::tell_log(const diagnosis& d) {
  if (around_.log.empty()) return;
  out_ += "Messages of the MQ error log, beside the calls made at the same time:\n";
  std::size_t shown = 0, elsewhere = 0;
  for (std::size_t m = 0; m < around_.log.size(); ++m) {
    const auto& message = around_.log[m];
    std::string beside;
    for (const auto& one : around_.all) {
      if (m >= one.windows.size() || one.windows[m].calls == 0) continue;
      const auto& w = one.windows[m];
      const bool same_process = message.pid != 0 && message.pid == one.pid;
      beside += cat("\n            ", around_.all.size() > 1 ? cat(one.program, " ", one.pid, ": ") : "",
                    w.calls == 1 ? cat("call ", w.first) : cat("calls ", w.first, " to ", w.last),
                    same_process ? ", of this process" : "",
                    w.failed == none ? ""
                                     : cat("; call ", w.failed, ": ", name_of(w.failed_function), " returned ",
                                           short_code(w.failed_value)));
      for (const auto& f : d.found)
        if (f.tape == one.index && f.level != severity::info && f.first_call() >= w.first && f.first_call() <= w.last)
          beside += cat("; see ", f.id);
    }
    if (beside.empty() || shown == most_log_lines) {
      ++elsewhere;
      continue;
    }
    ++shown;
    out_ += cat("  ", clock_of(message.wall), "  ", message.code, " ", label::printable(message.text), beside, "\n");
  }
  if (elsewhere != 0)
    out_ += cat("  (", counted(elsewhere, "other message"),
                shown == most_log_lines ? ")\n" : " at times without a call)\n");
  out_ += '\n';
}

}  // namespace

void append_text(const diagnosis& d, const report_context& around, std::string& out) {
  writer w(around, out);
  for (const auto& f : d.found) w.tell(f);
  w.tell_log(d);
  u64 calls = 0, failed = 0;
  for (const auto& one : around.all) {
    calls += one.tally.total().calls;
    failed += one.tally.total().failed;
  }
  if (d.errors + d.warnings == 0) out += "No problem was found.\n";
  if (around.brief && d.errors + d.warnings != 0) out += "# --verbose shows all evidence, causes and consequences\n";
  out += cat("# ", counted(calls, "call"), ", ", failed, " failed, on ", counted(around.all.size(), "tape"), "; ",
             counted(d.errors, "error"), ", ", counted(d.warnings, "warning"), ", ", counted(d.infos, "note"), "\n");
  for (const auto& u : d.silent) {
    std::vector<std::string> ids;
    ids.reserve(u.rules.size());
    for (const auto* r : u.rules) ids.emplace_back(r->id);
    out += cat("# not checked, because ", reason(u), ": ", listed(ids, ids.size()), "\n");
  }
}

}  // namespace p11tape::diagnose
