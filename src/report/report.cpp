// SPDX-License-Identifier: Apache-2.0
#include "report/report.hpp"

#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "report/page.hpp"
#include "report/sections.hpp"
#include "view/completeness.hpp"

namespace p11tape::report {

using diagnose::cat;
using diagnose::counted;

namespace {

// One page keeps its size, however many tapes it is about.
constexpr std::size_t most_stretches = 60000, fewest_stretches = 500;

std::string title_of(const source& from) {
  return from.tapes.size() == 1 ? profile::title_of(from.measured.processes[0]) : counted(from.tapes.size(), "tape");
}

// The answer in one line.
std::string lead(const source& from) {
  const auto& d = from.measured.findings;
  u64 calls = 0, failed = 0;
  for (const auto& p : from.measured.processes) {
    calls += p.tally.total().calls;
    failed += p.tally.total().failed;
  }
  const auto count = cat(counted(calls, "call"), ", ", failed, " failed");
  if (d.errors + d.warnings == 0) return cat("Nothing wrong was found. ", count, ".");
  return cat(counted(d.errors, "error"), ", ", counted(d.warnings, "warning"), ". ", count, ".");
}

}  // namespace

profile::wishes wanted_for_page(std::size_t tapes) {
  profile::wishes w;
  w.timeline = true;
  w.stretches =
      std::clamp(most_stretches / std::max<std::size_t>(tapes, 1), fewest_stretches, profile::timeline::most_stretches);
  return w;
}

std::string call_name(const source& from, std::size_t tape, model::call_number call) {
  return from.tapes.size() > 1 ? cat(tape + 1, ":", call) : cat(call);
}

void append_page(const source& from, std::string& out) {
  const auto calls = list_calls(from);
  out += page_head("p11tape report: " + title_of(from));
  html to(out);
  to.markup("<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n<header>");
  to.text("h1", title_of(from));
  to.text("p", lead(from), "lead");
  const auto incomplete = static_cast<std::size_t>(
      std::count_if(from.tapes.begin(), from.tapes.end(), [](const auto* t) { return !view::is_complete(*t); }));
  to.text("p", incomplete == 0 ? from.tapes.size() == 1 ? std::string("The recording is COMPLETE.")
                                                        : std::string("All recordings are COMPLETE.")
                               : cat(incomplete, " of ", counted(from.tapes.size(), "recording"),
                                     incomplete == 1 ? " is INCOMPLETE; " : " are INCOMPLETE; ", "see below."));
  to.markup(
      "</header>\n<nav aria-label=\"Sections\"><a href=\"#findings\">Findings</a><a href=\"#recordings\">Recordings</a>"
      "<a href=\"#time-line\">Time line</a><a href=\"#calls\">Calls</a><a href=\"#profile\">Profile</a></nav>\n<main>\n");
  append_findings(from, to);
  append_recordings(from, calls, to);
  append_time_line(from, to);
  append_calls(from, calls, to);
  append_profile(from, to);
  to.close("main");
  out += page_end();
}

}  // namespace p11tape::report
