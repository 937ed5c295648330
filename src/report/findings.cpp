// SPDX-License-Identifier: Apache-2.0
// What went wrong. Evidence leads to the call in the list.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "render/words.hpp"
#include "report/sections.hpp"
#include "text/times.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;
using diagnose::counted;

class writer {
 public:
  writer(const source& from, html& to)
      : from_(from), to_(to), around_{from.measured.processes, from.set, from.log, false, false} {}

  void finding(const diagnose::finding& f) {
    to_.open("article", cat("finding ", diagnose::name_of(f.level)));
    to_.open("h3");
    to_.text("span", level_of(f), "level");
    to_.text("span", cat(f.id, "  ", f.say));
    to_.close("h3");
    for (const auto& line : f.first_lines) to_.text("p", line);
    for (const auto& l : f.labels)
      if (!l.setting.empty()) to_.text("pre", label::printable(l.setting));
    if (!f.labels.empty() && !f.labels.front().byte_diff.empty()) to_.text("pre", f.labels.front().byte_diff);
    to_.open("dl");
    if (f.wall != 0) to_.term("When", moment(f.wall));
    if (from_.tapes.size() > 1) to_.term("Where", profile::title_of(from_.measured.processes[f.tape]));
    to_.term("Fault", diagnose::describe(f.fault));
    evidence(f);
    to_.term("Cause", f.cause);
    for (const auto* w : diagnose::reports(f, around_))
      to_.term("Reported as", cat(diagnose::name_of(w->by), ": ", w->code, w->code.empty() ? "" : " ", w->text,
                                  w->hint ? " (likely)" : ""));
    to_.term("Fix", f.advice);
    if (!f.commands.empty()) {
      std::string all;
      for (const auto& c : f.commands) all += cat(all.empty() ? "" : "\n", c);
      to_.text("dt", "Run");
      to_.open("dd");
      to_.text("pre", all);
      to_.close("dd");
    }
    for (const auto& c : f.consequences) to_.term("Consequence", cat(c.id, " ", c.say));
    to_.close("dl");
    to_.close("article");
  }

  // Messages of MQ's error log beside the calls of the same seconds; the windows are those of the messages.
  void log() {
    if (from_.log.empty()) return;
    to_.text("h3", "Messages of the MQ error log, beside the calls made at the same time");
    to_.open("dl");
    std::size_t shown = 0;
    for (std::size_t m = 0; m < from_.log.size() && shown < most_messages; ++m) shown += message(m);
    to_.close("dl");
    if (shown != from_.log.size())
      to_.text("p",
               cat(counted(from_.log.size() - shown, "other message"),
                   shown == most_messages ? "" : " at times without a call"),
               "soft");
  }

 private:
  static constexpr std::size_t most_messages = 100;

  // False if no call was made at that time.
  bool message(std::size_t m) {
    const auto& said = from_.log[m];
    bool begun = false;
    for (std::size_t i = 0; i < from_.measured.processes.size(); ++i) {
      const auto& one = from_.measured.processes[i];
      if (m >= one.windows.size() || one.windows[m].calls == 0) continue;
      const auto& w = one.windows[m];
      if (!begun) {
        to_.text("dt", moment(said.wall));
        to_.open("dd");
        to_.text("div", cat(said.code, " ", label::printable(said.text)));
      }
      begun = true;
      to_.open("div");
      if (from_.tapes.size() > 1) to_.text("span", cat(profile::title_of(one), ": "));
      to_.markup(w.calls == 1 ? link(i, w.first) : cat(link(i, w.first), " to ", link(i, w.last)));
      if (said.pid != 0 && said.pid == one.pid) to_.text("span", ", of this process");
      if (w.failed != model::none) {
        to_.markup(cat("; ", link(i, w.failed)));
        to_.text("span",
                 cat(": ", diagnose::name_of(w.failed_function), " returned ", diagnose::short_code(w.failed_value)));
      }
      to_.close("div");
    }
    if (begun) to_.close("dd");
    return begun;
  }

  static std::string_view level_of(const diagnose::finding& f) {
    return f.level == diagnose::severity::error ? "ERROR" : f.level == diagnose::severity::warning ? "WARNING" : "NOTE";
  }

  // A link to a call.
  std::string link(std::size_t tape, model::call_number call) const {
    return cat("<a href=\"#call-", tape + 1, ":", call, "\">call ", call_name(from_, tape, call), "</a>");
  }

  void evidence(const diagnose::finding& f) {
    if (f.shown.empty()) return;
    to_.text("dt", "Evidence");
    to_.open("dd");
    for (const auto& e : f.shown) {
      to_.open("div");
      model::call_number before;
      for (const auto n : e.calls) {
        if (n == model::none || n == before) continue;
        to_.markup(cat(before == model::none ? "" : ", ", link(f.tape, n)));
        before = n;
      }
      to_.text("span", cat(before != model::none && !e.text.empty() ? ": " : "", e.text));
      to_.close("div");
    }
    to_.close("dd");
  }

  const source& from_;
  html& to_;
  diagnose::report_context around_;
};

}  // namespace

int zone_minutes(u64 wall) {
  const auto seconds = static_cast<std::time_t>(wall / 1000000000);
  std::tm t{};
  ::localtime_r(&seconds, &t);
  return static_cast<int>(t.tm_gmtoff / 60);
}

std::string moment(u64 wall) {
  std::string text;
  text::append_local_time(wall, text);
  const auto minutes = zone_minutes(wall);
  char zone[16];
  std::snprintf(zone, sizeof zone, " %c%02d%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                std::abs(minutes) % 60);
  return text + zone;
}

void append_findings(const source& from, html& to) {
  to.section("findings", "Findings");
  writer w(from, to);
  for (const auto& f : from.measured.findings.found) w.finding(f);
  if (from.measured.findings.found.empty()) to.text("p", "Nothing was found.");
  w.log();
  for (const auto& u : from.measured.findings.silent) {
    std::vector<std::string> ids;
    ids.reserve(u.rules.size());
    for (const auto* r : u.rules) ids.emplace_back(r->id);
    to.text("p", cat("Not checked, because ", diagnose::reason(u), ": ", diagnose::listed(ids, ids.size())), "soft");
  }
  to.end_section();
}

}  // namespace p11tape::report
