// SPDX-License-Identifier: Apache-2.0
#include "cli/support/show_report.hpp"

#include <ctime>

#include "render/words.hpp"
#include "text/json_writer.hpp"
#include "text/times.hpp"
#include "view/completeness.hpp"

namespace p11tape::cli {
namespace {

void line(std::string_view what, std::string_view value, std::string& out) {
  if (value.empty()) return;
  (out += "# ") += what;
  render::append_safe(value, out);
  out += '\n';
}

// "unknown" if the number is none of the profiles.
std::string_view shown_profile(const tape::reader& tape) {
  const auto name = view::profile_of(tape);
  return name.empty() ? "unknown" : name;
}

std::string zone_of(tape::u64 wall) {
  const auto seconds = static_cast<std::time_t>(wall / 1000000000);
  std::tm t{};
  ::localtime_r(&seconds, &t);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%z", &t)};
}

void strings(text::json_writer& json, std::string_view key, const std::vector<std::string>& all) {
  json.key(key);
  json.begin_array();
  for (const auto& s : all) json.element(s);
  json.end_array();
}

}  // namespace

void append_tape_text(const tape::reader& tape, std::size_t number, std::string& out) {
  const auto& h = tape.header();
  const bool no_process = (h.source_lacks & tape::lacks_process_id) != 0;
  line(number != 0 ? "tape " + std::to_string(number) + ": " : std::string(),
       program_of(tape) + (no_process ? std::string() : ", process " + std::to_string(h.pid)), out);
  std::string start;
  text::append_local_time(h.wall, start);
  if (const auto source = view::imported_from(tape); !source.empty()) {
    line("imported from ", source + " into " + tape.shown_path(), out);
    constexpr std::uint64_t a_year = std::uint64_t{366 * 86400} * 1000000000;  // times without dates are of 1970
    if ((h.source_lacks & tape::lacks_start_times) == 0 && h.wall > a_year)
      line("the log begins ", start + ", by its own clock", out);
  } else {
    line("recorded from ", start + " (" + zone_of(h.wall) + ") into " + tape.shown_path(), out);
  }
  const auto module = tape.property("module");
  const auto resolved = tape.property("module.path");
  line("module ", std::string(module) + (resolved.empty() || resolved == module ? "" : " -> " + std::string(resolved)),
       out);
  line("the module could not be loaded: ", tape.property("module.error"), out);
  line("child of fork; its parent's tape is ", tape.property("forked_from"), out);
  if (shown_profile(tape) != "default") line("redaction profile: ", shown_profile(tape), out);
  if (h.features & tape::feature_filtered)
    line("", "some calls were left out by recording filters: " + std::to_string(filtered_calls(tape)), out);
  for (const auto& [key, value] : tape.properties())
    if (key == "note") line("note: ", value, out);
  out += '\n';
}

void append_end_text(const open_tapes& tapes, const call_counts& counts, std::string& out) {
  out += "# ";
  render::append_count(counts.all, "call", out);
  if (counts.shown != counts.all) (out += ", ") += std::to_string(counts.shown) + " shown";
  if (counts.failed != 0) (out += ", ") += std::to_string(counts.failed) + " failed";
  if (counts.no_end != 0) (out += ", ") += std::to_string(counts.no_end) + " without an end";
  out += '\n';
  append_completeness(tapes, out);
}

void append_tape_json(const tape::reader& tape, std::size_t number, std::string& out) {
  const auto& h = tape.header();
  text::json_writer json(out);
  json.begin_object();
  json.field("schema", text::json_schema);
  json.field("kind", "tape");
  json.field("tape", tape::u64{number});
  json.field("path", tape.path());
  json.field("format", std::to_string(h.major) + "." + std::to_string(h.minor));
  json.field("program", program_of(tape));
  json.field("pid", h.pid);
  json.field("parent_pid", h.parent_pid);
  std::string time;
  text::append_utc_time(h.wall, time);
  json.field("time", time);
  json.field("profile", shown_profile(tape));
  json.field("word_size", tape.word_size());
  json.field("filtered", filtered_calls(tape));
  json.key("properties");
  json.begin_object();
  std::vector<std::string> notes;
  for (const auto& [key, value] : tape.properties()) {
    if (key == "note") {
      notes.push_back(value);
    } else if (tape.property(key).data() == value.data()) {  // the first of that name
      json.field(key, value);
    }
  }
  json.end_object();
  if (!notes.empty()) strings(json, "notes", notes);
  json.end_object();
  json.end_line();
}

void append_end_json(const open_tapes& tapes, const call_counts& counts, std::string& out) {
  text::json_writer json(out);
  json.begin_object();
  json.field("schema", text::json_schema);
  json.field("kind", "end");
  json.field("calls", counts.all);
  json.field("shown", counts.shown);
  json.field("failed", counts.failed);
  json.field("without_end", counts.no_end);
  json.key("tapes");
  json.begin_array();
  for (std::size_t i = 0; i < tapes.tapes.size(); ++i) {
    const auto& t = *tapes.tapes[i];
    json.begin_object();
    json.field("tape", tape::u64{i + 1});
    const auto missing = view::missing_from(t);
    json.field("complete", missing.empty());
    strings(json, "missing", missing);
    strings(json, "lost", losses_of(t));
    strings(json, "damaged", damages_of(t));
    json.end_object();
  }
  json.end_array();
  if (!tapes.troubles.empty()) strings(json, "unreadable", tapes.troubles);
  json.end_object();
  json.end_line();
}

}  // namespace p11tape::cli
