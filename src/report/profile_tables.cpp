// SPDX-License-Identifier: Apache-2.0
// Where the time went: sentences, phases before the first use of a key, tables, histograms, slow calls.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "report/sections.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;
using diagnose::counted;
using diagnose::duration;
using profile::breakdown;
using profile::call_stats;

constexpr std::size_t most_rows = 50, most_startups = 5, most_histograms = 9, most_open = 3;

class writer {
 public:
  writer(const source& from, html& to) : from_(from), to_(to) {}

  void verdict_of(const std::vector<std::string>& all) {
    to_.open("div", "verdict");
    for (const auto& s : all) to_.text("p", s);
    to_.close("div");
  }
  void tables(const breakdown& b, bool of_several);
  void one(std::size_t tape);

 private:
  void rows(std::string_view title, const std::vector<profile::row>& all, call_stats others, u64 others_rows,
            u64 whole);
  void rows(std::string_view title, const profile::table& t, u64 whole) {
    rows(title, t.by_time(), t.others(), t.others_rows(), whole);
  }
  void histogram(const profile::row& r);
  void histograms(const breakdown& b);
  void startups(const profile::anatomist& logins, std::size_t tape);
  void concurrent(const profile::concurrency& c);
  void slowest(const breakdown& b, u64 first_start, std::size_t tape);

  const source& from_;
  html& to_;
};

void writer::rows(std::string_view title, const std::vector<profile::row>& all, call_stats others, u64 others_rows,
                  u64 whole) {
  if (all.empty()) return;
  to_.table(title, {title, "calls", "errors", "total", "share", "p50", "p95", "p99", "max", "in call"});
  const auto one = [&](const std::string& name, const call_stats& f) {
    to_.row();
    to_.cell(name);
    to_.cell(std::to_string(f.calls));
    to_.cell(std::to_string(f.failed), f.failed != 0 ? "bad" : "");
    to_.cell(duration(f.time));
    to_.share_cell(diagnose::percent(f.time, whole), f.time, whole);
    for (const auto s : {0.5, 0.95, 0.99}) to_.cell(duration(f.quantile(s)));
    to_.cell(duration(f.longest));
    to_.cell(f.longest_in == model::none ? "" : cat(f.longest_in));
    to_.end_row();
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i < most_rows) {
      one(all[i].name, all[i].f);
      continue;
    }
    others.add(all[i].f);
    ++others_rows;
  }
  if (others_rows != 0) one(counted(others_rows, "other", "others"), others);
  to_.end_table();
}

void writer::tables(const breakdown& b, bool of_several) {
  const auto whole = b.total().time;
  to_.text("h3", "Time in the module");
  rows("Function", b.functions(), {}, 0, whole);
  rows("Mechanism", b.mechanisms(), whole);
  rows("Key", b.keys(), whole);
  rows("Token", b.slots(), whole);
  if (of_several) return;
  rows("Session", b.sessions(), whole);
  rows("Thread", b.threads(), whole);
}

// Four bars for each power of two.
void writer::histogram(const profile::row& r) {
  std::vector<std::pair<u64, u64>> bars;  // lower end, calls
  u64 most = 0;
  r.f.durations.for_each([&](u64 from, u64 to, u64 n) {
    const auto width = std::max<u64>((to - from) * 4, 1);
    const auto begin = from / width * width;
    if (bars.empty() || bars.back().first != begin) bars.emplace_back(begin, 0);
    most = std::max(most, bars.back().second += n);
  });
  if (bars.empty()) return;
  const auto place = [](u64 ns) { return 100.0 * std::log2(static_cast<double>(ns) + 1); };
  const auto low = place(bars.front().first), high = place(bars.back().first + bars.back().first / 4 + 1);
  const auto x = [&](double at) { return 4 + 372 * (at - low) / std::max(high - low, 25.0); };
  const auto number = [](double n) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", n);
    return std::string(text);
  };
  to_.open("figure");
  to_.text("figcaption", cat(r.name, ", ", counted(r.f.calls, "call")));
  to_.markup(cat(
      "<svg viewBox=\"0 0 380 110\" role=\"img\" aria-label=\"",
      escaped(cat("How long calls of ", r.name, " took: half of them at most ", duration(r.f.quantile(0.5)))), "\">"));
  for (const auto& [begin, n] : bars) {
    const auto from = x(place(begin)), to = x(place(begin + std::max<u64>(begin / 4, 1)));
    const auto height = std::max(1.5, 80.0 * static_cast<double>(n) / static_cast<double>(most));
    to_.markup(cat("<rect x=\"", number(from), "\" y=\"", number(90 - height), "\" width=\"",
                   number(std::max(1.0, to - from - 0.5)), "\" height=\"", number(height), "\"><title>",
                   escaped(cat(duration(begin), ": ", counted(n, "call"))), "</title></rect>"));
  }
  for (const auto q : {0.5, 0.99}) {
    const auto at = x(place(r.f.quantile(q)));
    to_.markup(cat("<line x1=\"", number(at), "\" x2=\"", number(at), "\" y1=\"4\" y2=\"92\"/>"));
  }
  to_.markup(cat("<text x=\"4\" y=\"105\">", duration(bars.front().first),
                 "</text><text x=\"376\" y=\"105\" text-anchor=\"end\">", duration(r.f.longest),
                 "</text><text x=\"190\" y=\"105\" text-anchor=\"middle\">p50 ", duration(r.f.quantile(0.5)), ", p99 ",
                 duration(r.f.quantile(0.99)), "</text></svg>"));
  to_.close("figure");
}

void writer::histograms(const breakdown& b) {
  // Of a handful of calls a histogram tells no more than the table does.
  auto all = b.functions();
  std::erase_if(all, [](const profile::row& r) { return r.f.durations.total() < 10; });
  if (all.empty()) return;
  to_.text("h3", "How long calls take");
  to_.open("div", "histograms");
  if (all.size() > most_histograms) all.resize(most_histograms);
  for (const auto& r : all) histogram(r);
  to_.close("div");
}

void writer::startups(const profile::anatomist& logins, std::size_t tape) {
  std::size_t shown = 0;
  for (const auto& a : logins.all()) {
    if (++shown > most_startups) break;
    to_.text("h3", cat("From C_Initialize (call ", call_name(from_, tape, a.first_call), ")",
                       a.until_login != 0 ? cat(": login after ", duration(a.until_login)) : "",
                       a.until_use == 0 ? std::string()
                                        : cat(a.until_login != 0 ? ", " : ": ", "first use of a private key after ",
                                              duration(a.until_use))));
    const auto whole = std::max<u64>(a.elapsed(), 1);
    to_.markup("<svg class=\"way\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    u64 at = 0;
    std::size_t colour = 0;
    for (const auto& p : a.phases) {
      to_.markup(cat("<rect class=\"p", colour++ % 6, "\" x=\"", at * 1000 / whole, "\" width=\"",
                     p.elapsed * 1000 / whole, "\" height=\"10\"><title>",
                     escaped(cat(p.name, ", ", duration(p.elapsed))), "</title></rect>"));
      at += p.elapsed;
    }
    to_.close("svg");
    to_.table("Phases", {"Phase", "elapsed", "share", "in the module", "calls", "errors", "<what"});
    for (const auto& p : a.phases) {
      to_.row();
      to_.cell(p.name);
      to_.cell(duration(p.elapsed));
      to_.share_cell(diagnose::percent(p.elapsed, whole), p.elapsed, whole);
      to_.cell(duration(p.in_module));
      to_.cell(std::to_string(p.calls));
      to_.cell(std::to_string(p.failed), p.failed != 0 ? "bad" : "");
      std::string what;
      for (std::size_t i = 0; i < std::min<std::size_t>(p.by_function.size(), 4); ++i)
        what += cat(i == 0 ? "" : ", ", p.by_function[i].calls, " ", diagnose::name_of(p.by_function[i].which), " ",
                    duration(p.by_function[i].time));
      to_.cell(what, "text");
      to_.end_row();
    }
    to_.end_table();
  }
  if (logins.count() > most_startups)
    to_.text("p", cat(logins.count(), " in total; together they took ", duration(logins.elapsed()), "."), "soft");
}

void writer::concurrent(const profile::concurrency& c) {
  const auto found = c.findings();
  if (found.empty()) return;
  to_.text("h3", "Concurrency");
  to_.table("Concurrency", {"Function: median by number of calls in progress", "alone", "2", "3 to 4", "5 to 8",
                            "9 to 16", "17 or more", "waited", "so"});
  for (const auto& f : found) {
    to_.row();
    to_.cell(diagnose::name_of(f.which));
    for (const auto& l : *c.of(f.which))
      to_.cell(l.calls == 0 ? "" : cat(duration(l.durations.quantile(0.5)), " (", l.calls, ")"));
    to_.cell(duration(f.waited));
    to_.cell(f.one_at_a_time() ? "one at a time" : f.in_parallel() ? "in parallel" : "partly in parallel");
    to_.end_row();
  }
  to_.end_table();
}

void writer::slowest(const breakdown& b, u64 first_start, std::size_t tape) {
  if (b.slowest().empty()) return;
  to_.text("h3", "Slowest calls");
  to_.table("Slowest calls", {"Function", "call", "took", "at", "thread", "card", "mechanism", "<with"});
  for (const auto& s : b.slowest()) {
    to_.row();
    to_.cell(diagnose::name_of(s.which) + (s.value == 0 ? "" : ", " + diagnose::short_code(s.value)),
             s.value == 0 ? "" : "bad");
    to_.markup(
        cat("<td><a href=\"#call-", tape + 1, ":", s.number, "\">", call_name(from_, tape, s.number), "</a></td>"));
    for (const auto& text : {duration(s.duration), duration(s.start > first_start ? s.start - first_start : 0),
                             cat(s.thread), s.exchanges == 0 ? std::string() : duration(s.card_time),
                             s.mechanism == profile::unknown ? std::string() : diagnose::mechanism(s.mechanism)})
      to_.cell(text);
    to_.cell(s.on, "text");
    to_.end_row();
  }
  to_.end_table();
}

void writer::one(std::size_t tape) {
  const auto& m = from_.measured.each[tape];
  const auto& d = from_.measured.processes[tape];
  verdict_of(profile::verdict(m, d, from_.measured.findings));
  startups(m.logins, tape);
  tables(m.breakdown, false);
  histograms(m.breakdown);
  concurrent(m.concurrency);
  slowest(m.breakdown, d.pace.first_start, tape);
}

}  // namespace

void append_profile(const source& from, html& to) {
  to.section("profile", "Profile");
  writer w(from, to);
  const auto& all = from.measured;
  if (all.each.size() > 1) {
    to.text("h3", counted(all.each.size(), "tape") + " together");
    w.verdict_of(profile::verdict(all));
    w.tables(all.total, true);
  }
  for (std::size_t i = 0; i < all.each.size(); ++i) {
    if (all.each.size() == 1) {
      w.one(i);
      break;
    }
    to.markup(i < most_open ? "<details open>" : "<details>");
    to.text("summary", cat(i + 1, ": ", profile::title_of(all.processes[i])));
    w.one(i);
    to.close("details");
  }
  to.end_section();
}

}  // namespace p11tape::report
