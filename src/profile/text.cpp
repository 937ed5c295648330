// SPDX-License-Identifier: Apache-2.0
// The report for people at a terminal.
#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "text/phrase.hpp"

namespace p11tape::profile {
namespace {

using diagnose::cat;
using diagnose::counted;

constexpr std::size_t most_rows = 12, most_slow = 10, most_anatomies = 3, name_width = 52;

// As many columns as the text takes on a terminal, for the scripts that token labels are usually written in.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const auto have = width_of(text);
  const std::string blanks(have < width ? width - have : 0, ' ');
  return right ? blanks + text : text + blanks;
}

class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}

  void sentences(const std::vector<std::string>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) out_ += cat(i == 0 ? "" : "  ", all[i], "\n");
  }

  void heading(std::string_view text) { out_ += cat("\n", text, "\n"); }

  void rows(std::string_view title, const std::vector<row>& all, const call_stats& others, u64 others_rows, u64 whole,
            bool even_one = true) {
    if (all.empty() || (all.size() == 1 && !even_one)) return;
    out_ += '\n';
    line(title, {"calls", "errors", "total", "share", "p50", "p95", "p99", "max"});
    for (std::size_t i = 0; i < std::min(all.size(), most_rows); ++i) one(all[i].name, all[i].f, whole);
    if (all.size() <= most_rows && others_rows == 0) return;
    auto rest = others;
    for (std::size_t i = most_rows; i < all.size(); ++i) rest.add(all[i].f);
    const auto more = (all.size() > most_rows ? all.size() - most_rows : 0) + others_rows;
    one(counted(more, "other", "others"), rest, whole);
  }
  void rows(std::string_view title, const table& t, u64 whole, bool even_one = true) {
    rows(title, t.by_time(), t.others(), t.others_rows(), whole, even_one);
  }

  void way(const startup_phases& a, std::string_view which);
  void crowded(const concurrency& c);
  void slow(const std::vector<slow_call>& all);
  void card(const breakdown& b);

 private:
  void line(std::string_view name, std::initializer_list<std::string> cells) {
    std::string text = padded(std::string(name), name_width, false);
    constexpr std::size_t widths[] = {9, 7, 9, 6, 9, 9, 9, 9};
    std::size_t i = 0;
    for (const auto& c : cells) text += " " + padded(c, widths[i++], true);
    out_ += text + "\n";
  }
  void one(const std::string& name, const call_stats& f, u64 whole) {
    const auto q = [&](double s) { return text::duration(f.quantile(s)); };
    line("  " + name, {std::to_string(f.calls), std::to_string(f.failed), text::duration(f.time),
                       text::percent(f.time, whole), q(0.5), q(0.95), q(0.99), text::duration(f.longest)});
  }

  std::string& out_;
};

void writer::way(const startup_phases& a, std::string_view which) {
  heading(cat(which,
              a.until_login != 0 ? cat(text::duration(a.until_login), " until login (call ", a.login_call, ")") : "",
              a.until_login != 0 && a.until_use != 0 ? ", " : "",
              a.until_use != 0
                  ? cat(text::duration(a.until_use), " until the first use of a private key (call ", a.use_call, ")")
                  : ""));
  for (const auto& p : a.phases) {
    std::string calls;
    for (std::size_t i = 0; i < std::min<std::size_t>(p.by_function.size(), 3); ++i)
      calls += cat(i == 0 ? "" : ", ", p.by_function[i].calls, " ", diagnose::name_of(p.by_function[i].which), " ",
                   text::duration(p.by_function[i].time));
    if (p.by_function.size() > 3) calls += " ...";
    out_ += cat("  ", padded(p.name, 31, false), padded(text::duration(p.elapsed), 9, true), "  ",
                padded(text::percent(p.elapsed, a.elapsed()), 6, true), "  module ",
                padded(text::duration(p.in_module), 9, true), "  ", calls,
                p.failed == 0 ? "" : cat("; ", p.failed, " failed"), "\n");
  }
}

void writer::crowded(const concurrency& c) {
  if (c.overlapping() == 0) return;
  heading(cat("Concurrency: ", counted(c.overlapping(), "call"), " started while another was in progress, at most ",
              c.most_in_flight(), " at the same time (call ", c.most_in(), ")"));
  std::size_t shown = 0;
  for (const auto& f : c.findings()) {
    if (++shown > 5) break;
    out_ += cat("  ", diagnose::name_of(f.which), ": ",
                f.one_at_a_time() ? "one at a time"
                : f.in_parallel() ? "in parallel"
                                  : "partly in parallel",
                "; median by number of calls in progress:");
    const auto& levels = *c.of(f.which);
    for (std::size_t l = 0; l < levels.size(); ++l)
      if (levels[l].calls != 0)
        out_ += cat(" ", concurrency::names[l], " ", text::duration(levels[l].durations.quantile(0.5)), " (",
                    levels[l].calls, ")");
    out_ += cat("; waited ", text::duration(f.waited), "\n");
  }
  if (shown == 0) out_ += "  Too few calls of one function overlapped, or none ever ran alone: nothing to compare.\n";
}

void writer::slow(const std::vector<slow_call>& all) {
  if (all.empty()) return;
  heading("Slowest calls");
  for (std::size_t i = 0; i < std::min(all.size(), most_slow); ++i) {
    const auto& s = all[i];
    out_ += cat("  ", padded(text::duration(s.duration), 9, true), "  call ", s.number, "  ",
                diagnose::name_of(s.which), s.mechanism == unknown ? "" : " " + diagnose::mechanism(s.mechanism),
                s.on.empty() ? "" : ", " + s.on, s.value == 0 ? "" : ", " + diagnose::short_code(s.value),
                s.exchanges == 0 ? "" : cat(", ", text::duration(s.card_time), " on the card"), "\n");
  }
}

void writer::card(const breakdown& b) {
  const auto& t = b.total();
  if (t.exchanges == 0) return;
  heading(cat("Card: ", text::duration(t.card_time), " of ", text::duration(t.time), " in the module (",
              text::percent(t.card_time, t.time), "), ", counted(t.exchanges, "exchange")));
  std::vector<std::pair<std::string, command_time>> all(b.commands().begin(), b.commands().end());
  std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.second.time > y.second.time; });
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 8); ++i)
    out_ += cat("  ", padded(all[i].first, 34, false), padded(std::to_string(all[i].second.times), 8, true), "  ",
                padded(text::duration(all[i].second.time), 9, true), "  ",
                padded(text::percent(all[i].second.time, t.card_time), 6, true), "  longest ",
                text::duration(all[i].second.longest), "\n");
}

void tell(const measured& all, std::size_t i, std::string& out) {
  const auto& m = all.each[i];
  const auto& d = all.processes[i];
  const auto& b = m.breakdown;
  const auto whole = b.total().time;
  writer w(out);
  if (all.each.size() > 1) out += cat("\n== ", title_of(d), ", ", d.tape->shown_path(), "\n");
  w.sentences(verdict(m, d, all.findings));
  std::size_t shown = 0;
  for (const auto& a : m.logins.all()) {
    if (++shown > most_anatomies) break;
    w.way(a, shown == 1 ? "From C_Initialize: " : "From another C_Initialize: ");
  }
  if (m.logins.count() > most_anatomies)
    out += cat("  ", m.logins.count() - most_anatomies, " more; ", m.logins.count(), " in total took ",
               text::duration(m.logins.elapsed()), "\n");
  const auto functions = b.functions();
  w.rows("Function", functions, {}, 0, whole);
  w.rows("Mechanism", b.mechanisms(), whole);
  w.rows("Key", b.keys(), whole);
  w.rows("Token", b.slots(), whole, false);
  w.rows("Session", b.sessions(), whole, false);
  w.rows("Thread", b.threads(), whole, false);
  const auto& pauses = m.between.pauses();
  if (pauses.total() != 0)
    w.heading(cat("Between calls: ", text::duration(pauses.sum()), " in ", counted(pauses.total(), "gap"),
                  " of all threads; p50 ", text::duration(pauses.quantile(0.5)), ", p99 ",
                  text::duration(pauses.quantile(0.99)), ", widest ", text::duration(m.between.widest()[0].time),
                  " before call ", m.between.widest()[0].before, " (", diagnose::name_of(m.between.widest()[0].which),
                  ")"));
  w.crowded(m.concurrency);
  w.card(b);
  w.slow(b.slowest());
  const auto found = about_time(all.findings, i);
  if (!found.empty()) w.heading("Findings");
  for (const auto* f : found)
    out += cat("  ", f->id, "  ", f->say, "\n", f->advice.empty() ? "" : "       " + f->advice + "\n");
  if (d.filtered) out += "# Recording filters left out calls: the figures cover only the calls on the tape.\n";
}

}  // namespace

void append_text(const measured& all, std::string& out) {
  if (all.each.size() > 1) {
    writer w(out);
    w.sentences(verdict(all));
    const auto whole = all.total.total().time;
    w.rows("Function", all.total.functions(), {}, 0, whole);
    w.rows("Mechanism", all.total.mechanisms(), whole);
    w.rows("Key", all.total.keys(), whole);
    w.rows("Token", all.total.slots(), whole, false);
  }
  for (std::size_t i = 0; i < all.each.size(); ++i) tell(all, i, out);
}

}  // namespace p11tape::profile
