// SPDX-License-Identifier: Apache-2.0
// The time lines: what each thread of each process did when. timeline_script.cpp draws them.
#include <algorithm>
#include <cstdio>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "report/sections.hpp"
#include "text/json_writer.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;
using diagnose::counted;

// What a colour stands for: the families of functions, brought together.
constexpr struct {
  std::string_view title, families;  // each family between spaces
} groups[] = {
    {"module, slots, other", " general slot async parallel "},
    {"sessions", " session "},
    {"login and PINs", " login "},
    {"objects and searches", " object search "},
    {"signatures and digests", " sign verify digest "},
    {"encryption and messages", " encrypt decrypt dual message "},
    {"keys and random numbers", " key random "},
};

std::size_t group_of(std::string_view family) {
  const auto name = cat(" ", family, " ");
  for (std::size_t i = 0; i < std::size(groups); ++i)
    if (groups[i].families.find(name) != std::string_view::npos) return i;
  return 0;
}

// With three digits after the point, which a JSON number of the writer cannot have.
std::string us(u64 ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(ns) / 1e3);
  return text;
}

// One process: {"title": ..., "threads": [{"name", "n", "s": [[start, length, calls, failed, function] ...]} ...]}
void append_process(const profile::measurement& m, const std::string& title, u64 offset, std::string& data) {
  text::json_writer json(data);
  json.begin_object();
  json.field("title", title);
  data += ",\"threads\":[";
  const char* before = "";
  for (const auto& [number, stretches] : m.timeline->threads()) {
    data += cat(before, "{\"name\":\"", number == model::none ? std::string("other threads") : cat("thread ", number),
                "\",\"n\":", number, ",\"s\":[");
    before = ",";
    const char* comma = "";
    for (const auto& s : stretches) {
      data += cat(comma, "[", us(s.start + offset), ",", us(s.end - s.start), ",", s.calls, ",", s.failed, ",",
                  static_cast<std::size_t>(s.which), "]");
      comma = ",";
    }
    data += "]}";
  }
  data += "]}";
}

}  // namespace

void append_time_line(const source& from, html& to) {
  const auto& all = from.measured;
  const auto offsets = profile::offsets_of(from.tapes);
  u64 end = 0;
  bool any = false;
  for (std::size_t i = 0; i < all.each.size(); ++i) {
    if (!all.each[i].timeline || all.each[i].timeline->threads().empty()) continue;
    any = true;
    end = std::max(end, all.processes[i].pace.last_end + offsets[i]);
  }
  to.section("time-line", "Time line");
  if (!any) {
    to.text("p", "There are no calls.");
    return to.end_section();
  }
  std::string data = "{\"end\":" + us(end) + ",\"functions\":";
  text::json_writer json(data);
  json.begin_array();
  for (std::size_t i = 0; i <= cryptoki::function_count; ++i)
    json.element(diagnose::name_of(static_cast<cryptoki::function>(i)));
  json.end_array();
  data += ",\"groups\":[";
  for (std::size_t i = 0; i <= cryptoki::function_count; ++i)
    data += cat(i == 0 ? "" : ",", i < cryptoki::function_count ? group_of(cryptoki::functions[i].family) : 0);
  data += "],\"processes\":[";
  to.open("ul", "legend");
  for (std::size_t i = 0; i < std::size(groups); ++i)
    to.markup(cat("<li><i class=\"l", i, "\"></i>", escaped(groups[i].title), "</li>"));
  to.markup("<li><i class=\"lf\"></i>a call that failed</li>");
  to.close("ul");
  to.text(
      "p",
      "Drag to scroll; Ctrl or Shift and the wheel to zoom; double-click for everything. With the keyboard: arrows, + "
      "and -, Home. Calls that are too close to separate are drawn as one. A click shows the call in the list.",
      "soft keys");
  const char* comma = "";
  for (std::size_t i = 0; i < all.each.size(); ++i) {
    const auto& m = all.each[i];
    if (!m.timeline || m.timeline->threads().empty()) continue;
    const auto title = cat(from.tapes.size() > 1 ? cat(i + 1, ": ") : "", profile::title_of(all.processes[i]));
    data += comma;
    comma = ",";
    append_process(m, title, offsets[i], data);
    data.insert(data.size() - 1, cat(",\"tape\":", i));
    const auto total = all.processes[i].tally.total();
    to.open("figure");
    to.text("figcaption", title);
    to.markup(cat("<canvas tabindex=\"0\" role=\"img\" aria-label=\"",
                  escaped(cat("Time line of ", title, ": ", counted(total.calls, "call"), ", ", total.failed,
                              " failed, in ", counted(m.timeline->threads().size(), "thread"))),
                  "\"></canvas>"));
    to.close("figure");
  }
  data += "]}";
  to.markup(
      "<p class=\"hint\" role=\"status\"></p><noscript><p>The time line needs JavaScript, which is part of this "
      "page.</p></noscript>");
  to.data(data);
  to.end_section();
}

}  // namespace p11tape::report
