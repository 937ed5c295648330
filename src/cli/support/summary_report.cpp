// SPDX-License-Identifier: Apache-2.0
#include "cli/support/summary_report.hpp"

#include <algorithm>
#include <vector>

#include "cli/support/tapes.hpp"
#include "diagnose/phrase.hpp"
#include "render/words.hpp"
#include "text/json_writer.hpp"
#include "text/slot.hpp"
#include "text/times.hpp"

namespace p11tape::cli {
namespace {

using diagnose::cat;
using diagnose::counted;
using diagnose::duration;
using tape::u64;

struct function_line {
  std::string name;
  const model::function_tally* tally;
};

// The functions that were called, those called most first.
std::vector<function_line> functions_of(const tape_summary& s) {
  std::vector<function_line> lines;
  const auto all = s.tally.all();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].calls != 0)
      lines.push_back(
          {i < cryptoki::function_count ? std::string(cryptoki::functions[i].name) : "(unknown functions)", &all[i]});
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.tally->calls > b.tally->calls; });
  return lines;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

void line(std::string_view label, std::string_view text, std::string& out) {
  if (text.empty()) return;
  std::string head(label);
  head.resize(12, ' ');
  out += head;
  render::append_safe(text, out);
  out += '\n';
}

// To the right of a column. A µ is one character of two bytes.
void right(const std::string& text, std::size_t width, std::string& out) {
  const auto seen = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  out.append(width > seen ? width - seen : 1, ' ');
  out += text;
}

std::string flags_of(const model::token& t) {
  std::string text;
  const auto rest = render::for_each_flag("token_flags", t.flags, [&](std::string_view name) {
    text += cat(text.empty() ? "" : " ", name.substr(name.starts_with("CKF_") ? 4 : 0));
  });
  (void)rest;
  return text;
}

void append_tokens(const tape_summary& s, std::string& out) {
  bool first = true;
  for (const auto& [id, slot] : s.slots) {
    if (!slot.token) continue;
    const auto& t = *slot.token;
    std::string text = first ? "tokens      " : std::string(12, ' ');
    first = false;
    text += text::slot(id) + ": ";
    render::append_quoted(std::as_bytes(std::span(trimmed(t.label))), text);
    text += ", ";
    render::append_safe(trimmed(t.manufacturer), text);
    text += ' ';
    render::append_safe(trimmed(t.model), text);
    text += ", serial number ";
    render::append_safe(trimmed(t.serial), text);
    out += text + "\n";
    const auto flags = flags_of(t);
    if (!flags.empty()) out += std::string(14, ' ') + flags + "\n";
  }
}

void append_functions(const tape_summary& s, std::string& out) {
  out += "\n     calls    failed       total    longest  function\n";
  for (const auto& f : functions_of(s)) {
    right(std::to_string(f.tally->calls), 10, out);
    right(std::to_string(f.tally->failed), 10, out);
    right(duration(f.tally->time), 12, out);
    right(duration(f.tally->longest), 11, out);
    out += "  " + f.name;
    if (f.tally->no_end != 0) out += cat("  (", f.tally->no_end, " without an end)");
    out += '\n';
  }
  if (s.tally.values().empty()) return;
  out += '\n';
  for (const auto& [value, times] : s.tally.values()) {
    right(std::to_string(times), 10, out);
    out += "  " + diagnose::code(value) + "\n";
  }
}

}  // namespace

void append_text(const tape_summary& s, std::string& out) {
  const auto& tape = *s.tape;
  const auto& h = tape.header();
  const auto total = s.tally.total();
  if (s.number != 0) out += cat("tape ", s.number, ": ", tape.shown_path(), "\n");
  line("program",
       cat(program_of(tape), ", process ", h.pid, ", user ", tape.property("uid"),
           tape.property("uid") == tape.property("euid") ? "" : cat(" as ", tape.property("euid")),
           tape.property("host").empty() ? "" : cat(", on ", tape.property("host"))),
       out);
  line("module",
       cat(tape.property("module"),
           s.library.empty() ? "" : cat(": ", trimmed(s.library), " by ", trimmed(s.manufacturer))),
       out);
  line("trouble", tape.property("module.error"), out);
  line("forked from", tape.property("forked_from"), out);
  std::string when;
  text::append_local_time(total.calls == 0 ? h.wall : s.tally.first_wall(), when);
  line("from", total.calls == 0 ? when : cat(when, ", for ", duration(s.tally.last_wall() - s.tally.first_wall())),
       out);
  line("calls",
       cat(total.calls, ", ", total.failed, " failed",
           total.no_end == 0 ? "" : cat(", ", total.no_end, " without an end"), "; ",
           counted(tape.threads().size(), "thread"), "; ", duration(total.time), " in the module"),
       out);
  line("sessions", cat(s.opened, " opened, at most ", s.most_open, " at a time, ", s.still_open, " open at the end"),
       out);
  line("logins", cat(s.logins, s.failed_logins == 0 ? "" : cat(", ", s.failed_logins, " failed")), out);
  append_tokens(s, out);
  std::string mechanisms;
  for (const auto& [type, times] : s.mechanisms)
    mechanisms += cat(mechanisms.empty() ? "" : ", ", diagnose::mechanism(type), " ", times, "x");
  line("mechanisms", mechanisms, out);
  line("complete", view::completeness_of(tape), out);
  if (total.calls != 0) append_functions(s, out);
}

void append_json(const tape_summary& s, std::string& out) {
  const auto& tape = *s.tape;
  const auto& h = tape.header();
  const auto total = s.tally.total();
  text::json_writer json(out);
  const auto time = [&](std::string_view name, u64 wall) {
    std::string text;
    text::append_utc_time(wall, text);
    json.field(name, text);
  };
  const auto text = [&](std::string_view name, std::string_view raw) {
    std::string safe;
    render::append_safe(trimmed(raw), safe);
    json.field(name, safe);
  };
  const auto strings = [&](std::string_view name, const std::vector<std::string>& all) {
    json.key(name);
    json.begin_array();
    for (const auto& one : all) json.element(one);
    json.end_array();
  };
  json.begin_object();
  json.field("schema", text::json_schema);
  json.field("kind", "summary");
  json.field("tape", s.number == 0 ? u64{1} : u64{s.number});
  json.field("path", tape.path());
  json.field("program", program_of(tape));
  json.field("pid", h.pid);
  json.field("uid", tape.property("uid"));
  json.field("euid", tape.property("euid"));
  json.field("module", tape.property("module"));
  json.field("module_error", tape.property("module.error"));
  text("library", s.library);
  text("manufacturer", s.manufacturer);
  time("first", total.calls == 0 ? h.wall : s.tally.first_wall());
  time("last", total.calls == 0 ? h.wall : s.tally.last_wall());
  json.field("calls", total.calls);
  json.field("failed", total.failed);
  json.field("without_end", total.no_end);
  json.field("threads", u64{tape.threads().size()});
  json.field("time_ns", total.time);
  json.field("filtered", filtered_calls(tape));
  json.key("sessions");
  json.begin_object();
  json.field("opened", s.opened);
  json.field("most_open", s.most_open);
  json.field("open_at_end", s.still_open);
  json.end_object();
  json.key("logins");
  json.begin_object();
  json.field("tried", s.logins);
  json.field("failed", s.failed_logins);
  json.end_object();
  json.key("tokens");
  json.begin_array();
  for (const auto& [id, slot] : s.slots) {
    if (!slot.token) continue;
    json.begin_object();
    json.field("slot", id);
    text("label", slot.token->label);
    json.hex("label_hex", std::as_bytes(std::span(slot.token->label)));
    text("manufacturer", slot.token->manufacturer);
    text("model", slot.token->model);
    text("serial", slot.token->serial);
    json.field("flags", flags_of(*slot.token));
    json.end_object();
  }
  json.end_array();
  json.key("functions");
  json.begin_array();
  for (const auto& f : functions_of(s)) {
    json.begin_object();
    json.field("function", f.name);
    json.field("calls", f.tally->calls);
    json.field("failed", f.tally->failed);
    json.field("without_end", f.tally->no_end);
    json.field("time_ns", f.tally->time);
    json.field("longest_ns", f.tally->longest);
    json.end_object();
  }
  json.end_array();
  json.key("errors");
  json.begin_object();
  for (const auto& [value, times] : s.tally.values()) json.field(diagnose::short_code(value), times);
  json.end_object();
  strings("lost", losses_of(tape));
  strings("damaged", damages_of(tape));
  json.end_object();
  json.end_line();
}

}  // namespace p11tape::cli
