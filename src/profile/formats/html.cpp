// SPDX-License-Identifier: Apache-2.0
// The report as a page. Every text goes through escaped(), or through JSON in which no markup is left.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "diagnose/phrase.hpp"
#include "profile/formats/page.hpp"
#include "profile/report.hpp"
#include "text/json_writer.hpp"
#include "text/phrase.hpp"

namespace p11tape::profile {
namespace {

using diagnose::cat;
using diagnose::counted;

constexpr std::size_t most_rows = 50, most_anatomies = 5, most_histograms = 9;

constexpr std::array<const char*, 6> phase_colours = {"#8e6bbf", "#3b76c4", "#2a9d8f", "#d9a400", "#e07b39", "#c0392b"};

class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}

  void verdict_of(const std::vector<std::string>& all) {
    out_ += "<div class=\"verdict\">";
    for (const auto& s : all) out_ += cat("<p>", escaped(s), "</p>");
    out_ += "</div>\n";
  }
  void heading(std::string_view text) { out_ += cat("<h2>", escaped(text), "</h2>\n"); }

  void rows(std::string_view title, const std::vector<row>& all, call_stats others, u64 others_rows, u64 whole);
  void rows(std::string_view title, const table& t, u64 whole) {
    rows(title, t.by_time(), t.others(), t.others_rows(), whole);
  }
  void tables(const breakdown& b, bool of_several);
  void time_line(const measurement& m, const diagnose::process_facts& d);
  void histograms(const breakdown& b);
  void ways(const anatomist& logins);
  void crowded(const concurrency& c);
  void slowest(const breakdown& b, u64 first_start);
  void findings(const measured& all, std::size_t tape);

 private:
  void histogram(const row& r);
  void cell(const std::string& text) { out_ += cat("<td>", escaped(text), "</td>"); }
  void head(std::initializer_list<std::string_view> cells) {
    out_ += "<table><thead><tr>";
    for (const auto& c : cells)
      out_ += cat(c == "what" || c == "with" ? "<th class=\"text\">" : "<th>", escaped(c), "</th>");
    out_ += "</tr></thead><tbody>\n";
  }
  void end() { out_ += "</tbody></table>\n"; }

  std::string& out_;
};

std::string percent_of(u64 part, u64 whole) {
  return cat(whole == 0 ? 0 : std::min<u64>(100, part * 100 / whole), "%");
}

void writer::rows(std::string_view title, const std::vector<row>& all, call_stats others, u64 others_rows, u64 whole) {
  if (all.empty()) return;
  head({title, "calls", "errors", "total", "share", "p50", "p95", "p99", "max", "in call"});
  const auto one = [&](const std::string& name, const call_stats& f) {
    out_ += "<tr>";
    cell(name);
    cell(std::to_string(f.calls));
    out_ += cat("<td", f.failed != 0 ? " class=\"bad\">" : ">", f.failed, "</td>");
    cell(text::duration(f.time));
    out_ += cat("<td>", text::percent(f.time, whole),
                "<span class=\"meter\"><i style=\"width:", percent_of(f.time, whole), "\"></i></span></td>");
    for (const auto s : {0.5, 0.95, 0.99}) cell(text::duration(f.quantile(s)));
    cell(text::duration(f.longest));
    cell(f.longest_in == 0 ? "" : std::to_string(f.longest_in));
    out_ += "</tr>\n";
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
  end();
}

void writer::tables(const breakdown& b, bool of_several) {
  const auto whole = b.total().time;
  heading("Time in the module");
  rows("Function", b.functions(), {}, 0, whole);
  rows("Mechanism", b.mechanisms(), whole);
  rows("Key", b.keys(), whole);
  rows("Token", b.slots(), whole);
  if (of_several) return;
  rows("Session", b.sessions(), whole);
  rows("Thread", b.threads(), whole);
}

void writer::time_line(const measurement& m, const diagnose::process_facts& d) {
  if (!m.timeline || m.timeline->threads().empty()) return;
  const auto first = d.pace.first_start;
  std::string data;
  text::json_writer json(data);
  const auto us = [&](u64 ns) {
    // With three digits behind the point, which a JSON number of the writer cannot have.
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", static_cast<double>(ns) / 1e3);
    return std::string(text);
  };
  data += "{\"end\":" + us(d.pace.last_end - first) + ",\"names\":";
  json.begin_array();
  for (std::size_t i = 0; i <= cryptoki::function_count; ++i)
    json.element(diagnose::name_of(static_cast<cryptoki::function>(i)));
  json.end_array();
  data += ",\"threads\":[";
  const char* before = "";
  for (const auto& [number, stretches] : m.timeline->threads()) {
    data +=
        cat(before, "{\"name\":\"", number == 0 ? std::string("other threads") : cat("thread ", number), "\",\"s\":[");
    before = ",";
    const char* comma = "";
    for (const auto& s : stretches) {
      data += cat(comma, "[", us(s.start > first ? s.start - first : 0), ",", us(s.end - s.start), ",", s.calls, ",",
                  s.failed, ",", static_cast<std::size_t>(s.which), "]");
      comma = ",";
    }
    data += "]}";
  }
  data += "]}";
  // Inside a script element nothing is unescaped, and "</script" would end it wherever it stands.
  std::string safe;
  for (const char c : data) c == '<' ? safe += "\\u003c" : safe += c;
  heading("Time line");
  out_ +=
      "<div class=\"timeline\"><p class=\"soft\">Use the wheel to zoom, drag to scroll, double-click to show "
      "everything. Calls that are too close to separate are drawn as one. Red at the bottom: failed "
      "calls.</p><canvas></canvas><p class=\"hint\"></p><noscript><p>The time line needs JavaScript, which is part "
      "of this page.</p></noscript><script type=\"application/json\">" +
      safe + "</script></div>\n";
}

// Four bars for each power of two.
void writer::histogram(const row& r) {
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
  out_ += cat("<figure><figcaption>", escaped(r.name), ", ", counted(r.f.calls, "call"),
              "</figcaption><svg viewBox=\"0 0 380 110\" role=\"img\">");
  for (const auto& [begin, n] : bars) {
    const auto from = x(place(begin)), to = x(place(begin + std::max<u64>(begin / 4, 1)));
    const auto height = std::max(1.5, 80.0 * static_cast<double>(n) / static_cast<double>(most));
    out_ += cat("<rect x=\"", number(from), "\" y=\"", number(90 - height), "\" width=\"",
                number(std::max(1.0, to - from - 0.5)), "\" height=\"", number(height), "\"><title>",
                escaped(cat(text::duration(begin), ": ", counted(n, "call"))), "</title></rect>");
  }
  for (const auto q : {0.5, 0.99}) {
    const auto at = x(place(r.f.quantile(q)));
    out_ += cat("<line x1=\"", number(at), "\" x2=\"", number(at), "\" y1=\"4\" y2=\"92\"/>");
  }
  out_ += cat("<text x=\"4\" y=\"105\">", text::duration(bars.front().first),
              "</text><text x=\"376\" y=\"105\" text-anchor=\"end\">", text::duration(r.f.longest),
              "</text><text x=\"190\" y=\"105\" text-anchor=\"middle\">p50 ", text::duration(r.f.quantile(0.5)),
              ", p99 ", text::duration(r.f.quantile(0.99)), "</text></svg></figure>\n");
}

void writer::histograms(const breakdown& b) {
  heading("How long calls take");
  out_ += "<div class=\"histograms\">";
  // Of a handful of calls a histogram tells no more than the table does.
  auto all = b.functions();
  std::erase_if(all, [](const row& r) { return r.f.durations.total() < 10; });
  if (all.empty()) out_ += "<p>No function was called at least ten times.</p>";
  if (all.size() > most_histograms) all.resize(most_histograms);
  for (const auto& r : all) histogram(r);
  out_ += "</div>\n";
}

void writer::ways(const anatomist& logins) {
  if (logins.all().empty()) return;
  heading("From C_Initialize to the login, and to the first use of a private key");
  std::size_t shown = 0;
  for (const auto& a : logins.all()) {
    if (++shown > most_anatomies) break;
    out_ +=
        cat("<h3>Call ", a.first_call, a.until_login != 0 ? cat(": login after ", text::duration(a.until_login)) : "",
            a.until_use != 0
                ? cat(a.until_login != 0 ? ", first use after " : ": first use after ", text::duration(a.until_use))
                : "",
            "</h3><div class=\"way\">");
    std::size_t colour = 0;
    for (const auto& p : a.phases)
      out_ +=
          cat("<i style=\"flex:", p.elapsed / 1000 + 1, ";background:", phase_colours[colour++ % phase_colours.size()],
              "\" title=\"", escaped(cat(p.name, ", ", text::duration(p.elapsed))), "\"></i>");
    out_ += "</div>";
    head({"Phase", "elapsed", "share", "in the module", "calls", "errors", "what"});
    for (const auto& p : a.phases) {
      out_ += "<tr>";
      for (const auto& text : {std::string(p.name), text::duration(p.elapsed), text::percent(p.elapsed, a.elapsed()),
                               text::duration(p.in_module), std::to_string(p.calls), std::to_string(p.failed)})
        cell(text);
      std::string what;
      for (std::size_t i = 0; i < std::min<std::size_t>(p.by_function.size(), 4); ++i)
        what += cat(i == 0 ? "" : ", ", p.by_function[i].calls, " ", diagnose::name_of(p.by_function[i].which), " ",
                    text::duration(p.by_function[i].time));
      out_ += cat("<td class=\"text\">", escaped(what), "</td></tr>\n");
    }
    end();
  }
  if (logins.count() > most_anatomies)
    out_ += cat("<p class=\"soft\">", logins.count(), " in total; together they took ",
                text::duration(logins.elapsed()), ".</p>\n");
}

void writer::crowded(const concurrency& c) {
  const auto found = c.findings();
  if (found.empty()) return;
  heading("Concurrency");
  head({"Function: median by number of calls in progress", "alone", "2", "3 to 4", "5 to 8", "9 to 16", "17 or more",
        "waited", "so"});
  for (const auto& f : found) {
    out_ += "<tr>";
    cell(diagnose::name_of(f.which));
    for (const auto& l : *c.of(f.which))
      cell(l.calls == 0 ? "" : cat(text::duration(l.durations.quantile(0.5)), " (", l.calls, ")"));
    cell(text::duration(f.waited));
    cell(f.one_at_a_time() ? "one at a time" : f.in_parallel() ? "in parallel" : "partly in parallel");
    out_ += "</tr>\n";
  }
  end();
}

void writer::slowest(const breakdown& b, u64 first_start) {
  if (b.slowest().empty()) return;
  heading("Slowest calls");
  head({"Function", "call", "took", "at", "thread", "card", "mechanism", "with"});
  for (const auto& s : b.slowest()) {
    out_ += "<tr>";
    const auto name = diagnose::name_of(s.which) + (s.value == 0 ? "" : ", " + diagnose::short_code(s.value));
    for (const auto& text : {name, std::to_string(s.number), text::duration(s.duration),
                             text::duration(s.start > first_start ? s.start - first_start : 0),
                             std::to_string(s.thread), s.exchanges == 0 ? std::string() : text::duration(s.card_time),
                             s.mechanism == unknown ? std::string() : diagnose::mechanism(s.mechanism)})
      cell(text);
    out_ += cat("<td class=\"text\">", escaped(s.on), "</td></tr>\n");
  }
  end();
}

void writer::findings(const measured& all, std::size_t tape) {
  heading("Findings");
  bool any = false;
  const auto tell = [&](const diagnose::finding& f) {
    any = true;
    out_ += cat("<div class=\"finding ", diagnose::name_of(f.level), "\"><p><b>", escaped(f.id), "</b> ",
                escaped(f.say), "</p>");
    for (const auto& line : f.first_lines) out_ += cat("<p>", escaped(line), "</p>");
    for (const auto& e : f.shown) {
      std::string calls;
      for (const auto n : e.calls)
        if (n != 0) calls += cat(calls.empty() ? "call " : ", ", n);
      out_ +=
          cat("<p class=\"soft\">", escaped(cat(calls, calls.empty() || e.text.empty() ? "" : ": ", e.text)), "</p>");
    }
    if (!f.advice.empty()) out_ += cat("<p>", escaped(f.advice), "</p>");
    out_ += "</div>\n";
  };
  for (const auto& f : all.findings.found) {
    if (f.tape != tape) continue;
    tell(f);
    for (const auto& c : f.consequences) tell(c);
  }
  if (!any) out_ += "<p>p11tape diagnose found nothing.</p>\n";
}

}  // namespace

void append_html(const measured& all, std::string& out) {
  const bool several = all.each.size() > 1;
  out += page_head(several ? "p11tape profile: " + counted(all.each.size(), "tape")
                           : "p11tape profile: " + title_of(all.processes[0]));
  writer w(out);
  if (several) {
    out += cat("<h1>", counted(all.each.size(), "tape"), " together</h1>\n");
    w.verdict_of(verdict(all));
    w.tables(all.total, true);
  }
  for (std::size_t i = 0; i < all.each.size(); ++i) {
    const auto& m = all.each[i];
    const auto& d = all.processes[i];
    out += cat("<h1>", escaped(title_of(d)), "</h1>\n<p class=\"soft\">", escaped(label::printable(d.module)),
               "; tape ", escaped(label::printable(d.tape->path())), "</p>\n");
    w.verdict_of(verdict(m, d, all.findings));
    w.ways(m.logins);
    w.time_line(m, d);
    w.tables(m.breakdown, false);
    w.histograms(m.breakdown);
    w.crowded(m.concurrency);
    w.slowest(m.breakdown, d.pace.first_start);
    w.findings(all, i);
  }
  out += page_end();
}

}  // namespace p11tape::profile
