// SPDX-License-Identifier: Apache-2.0
// What went wrong. Evidence leads to the call in the list.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "diagnose/phrase.hpp"
#include "profile/report.hpp"
#include "render/words.hpp"
#include "report/sections.hpp"
#include "text/times.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;

class writer {
 public:
  writer(const source& from, html& to)
      : from_(from), to_(to), around_{from.measured.processes, from.set, {}, false, false} {}

  void finding(const diagnose::finding& f) {
    to_.open("article", cat("finding ", diagnose::name_of(f.level)));
    to_.open("h3");
    to_.text("span", level_of(f), "level");
    to_.text("span", cat(f.id, "  ", f.say));
    to_.close("h3");
    for (const auto& line : f.first_lines) to_.text("p", line);
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

 private:
  static std::string_view level_of(const diagnose::finding& f) {
    return f.level == diagnose::severity::error ? "ERROR" : f.level == diagnose::severity::warning ? "WARNING" : "NOTE";
  }

  void evidence(const diagnose::finding& f) {
    if (f.shown.empty()) return;
    to_.text("dt", "Evidence");
    to_.open("dd");
    for (const auto& e : f.shown) {
      to_.open("div");
      u64 before = 0;
      for (const auto n : e.calls) {
        if (n == 0 || n == before) continue;
        to_.markup(cat(before == 0 ? "" : ", ", "<a href=\"#call-", f.tape + 1, ":", n, "\">call ",
                       call_name(from_, f.tape, n), "</a>"));
        before = n;
      }
      to_.text("span", cat(before != 0 && !e.text.empty() ? ": " : "", e.text));
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
  for (const auto& u : from.measured.findings.silent) {
    std::vector<std::string> ids;
    for (const auto* r : u.rules) ids.emplace_back(r->id);
    to.text("p", cat("Not checked, because ", diagnose::reason(u), ": ", diagnose::listed(ids, ids.size())), "soft");
  }
  to.end_section();
}

}  // namespace p11tape::report
