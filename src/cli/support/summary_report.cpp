// SPDX-License-Identifier: Apache-2.0
#include "cli/support/summary_report.hpp"

#include <algorithm>
#include <vector>

#include "cli/support/tapes.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "render/words.hpp"
#include "text/json_writer.hpp"
#include "text/slot_number.hpp"
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

constexpr std::size_t column = 12;
constexpr std::size_t few_tokens = 3, few_mechanisms = 4, few_errors = 3, few_functions = 3;

// A label, and a text that goes on below itself.
class writer {
 public:
  writer(const summary_room& room, std::string& out) : room_(room), out_(out) {}

  void line(std::string_view label, std::string_view text) {
    if (text.empty()) return;
    std::string safe;
    render::append_safe(text, safe);
    printable_line(label, safe);
  }

  void printable_line(std::string_view label, std::string_view text) {
    std::string head(label);
    head.resize(column, ' ');
    while (head.size() + text.size() > room_.width) {
      const auto end = text.rfind(' ', room_.width - head.size());
      if (end == std::string_view::npos || end == 0) break;
      out_ += cat(head, text.substr(0, end), "\n");
      text.remove_prefix(end + 1);
      head.assign(column, ' ');
    }
    out_ += cat(head, text, "\n");
  }

  /// How many of `all` there is room for.
  std::size_t most(std::size_t all, std::size_t few) const { return room_.rows == 0 ? all : std::min(all, few); }
  bool brief() const noexcept { return room_.rows != 0; }
  /// Rows that are left on the first screen, with one for the prompt.
  std::size_t left(std::size_t begun) const {
    const auto used =
        static_cast<std::size_t>(std::count(out_.begin() + static_cast<std::ptrdiff_t>(begun), out_.end(), '\n'));
    return room_.rows > used + 1 ? room_.rows - used - 1 : 0;
  }
  std::string& out() noexcept { return out_; }

 private:
  const summary_room& room_;
  std::string& out_;
};

std::string more(std::size_t all, std::size_t shown, std::string_view what) {
  return all <= shown ? std::string() : cat(all - shown, " more ", what, " (--verbose)");
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

void append_tokens(const tape_summary& s, writer& to) {
  std::vector<std::pair<model::slot_id, const model::token*>> all;
  for (const auto& [id, slot] : s.slots)
    if (slot.token) all.emplace_back(id, &*slot.token);
  const auto shown = to.most(all.size(), few_tokens);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& t = *all[i].second;
    std::string text = text::slot(all[i].first.value()) + ": ";
    render::append_quoted(std::as_bytes(std::span(trimmed(t.label))), text);
    text += ", ";
    render::append_safe(trimmed(t.manufacturer), text);
    text += ' ';
    render::append_safe(trimmed(t.model), text);
    text += ", serial number ";
    render::append_safe(trimmed(t.serial), text);
    to.printable_line(i == 0 ? "tokens" : "", text);
    if (const auto flags = flags_of(t); !flags.empty() && !to.brief()) to.line("", "  " + flags);
  }
  to.line("", more(all.size(), shown, "tokens"));
}

void append_mechanisms(const tape_summary& s, writer& to) {
  std::vector<std::pair<u64, u64>> all(s.mechanisms.begin(), s.mechanisms.end());
  const auto shown = to.most(all.size(), few_mechanisms);
  if (shown != all.size())
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < shown; ++i)
    text += cat(i == 0 ? "" : ", ", diagnose::mechanism(all[i].first), " ", all[i].second, "x");
  if (shown != all.size()) text += ", " + more(all.size(), shown, "mechanisms");
  to.line("mechanisms", text);
}

// `begun`: where the summary starts in the output.
void append_functions(const tape_summary& s, std::size_t begun, writer& to) {
  auto& out = to.out();
  auto all = functions_of(s);
  const auto& values = s.tally.values();
  const auto errors = to.most(values.size(), few_errors);
  if (to.brief()) {
    // Below the functions: how many more there are, and the errors behind an empty line.
    const auto below = 1 + (errors == 0 ? 0 : errors + 1) + (errors < values.size());
    const auto left = to.left(begun);
    const auto room = std::max(few_functions, left > below + 2 ? left - below - 2 : 0);
    if (all.size() > room) {
      // Those that failed, and those that were called most.
      std::stable_sort(all.begin(), all.end(),
                       [](const auto& a, const auto& b) { return (a.tally->failed != 0) > (b.tally->failed != 0); });
      all.resize(room);
    }
  }
  out += "\n     calls    failed       total    longest  function\n";
  for (const auto& f : all) {
    right(std::to_string(f.tally->calls), 10, out);
    right(std::to_string(f.tally->failed), 10, out);
    right(duration(f.tally->time), 12, out);
    right(duration(f.tally->longest), 11, out);
    out += "  " + f.name;
    if (f.tally->no_end != 0) out += cat("  (", f.tally->no_end, " without an end)");
    out += '\n';
  }
  to.line("", more(functions_of(s).size(), all.size(), "functions"));
  if (values.empty()) return;
  out += '\n';
  std::size_t shown = 0;
  for (const auto& [value, times] : values) {
    if (shown++ == errors) break;
    right(std::to_string(times), 10, out);
    out += "  " + diagnose::code(value) + "\n";
  }
  to.line("", more(values.size(), errors, "return values"));
}

}  // namespace

void append_text(const tape_summary& s, const summary_room& room, std::string& out) {
  const auto begun = out.size();
  writer to(room, out);
  const auto& tape = *s.tape;
  const auto& h = tape.header();
  const auto total = s.tally.total();
  if (s.number != 0) out += cat("tape ", s.number, ": ", tape.shown_path(), "\n");
  to.line("program", cat(program_of(tape), h.pid == 0 ? std::string() : cat(", process ", h.pid),
                         tape.property("uid").empty() ? std::string() : cat(", user ", tape.property("uid")),
                         tape.property("uid") == tape.property("euid") ? "" : cat(" as ", tape.property("euid")),
                         tape.property("host").empty() ? "" : cat(", on ", tape.property("host"))));
  to.line("module", cat(tape.property("module"),
                        s.library.empty() ? "" : cat(": ", trimmed(s.library), " by ", trimmed(s.manufacturer))));
  to.line("trouble", tape.property("module.error"));
  to.line("forked from", tape.property("forked_from"));
  std::string when;
  text::append_local_time(total.calls == 0 ? h.wall : s.tally.first_wall(), when);
  to.line("from", total.calls == 0 ? when : cat(when, ", for ", duration(s.tally.last_wall() - s.tally.first_wall())));
  to.line("calls", cat(total.calls, ", ", total.failed, " failed",
                       total.no_end == 0 ? "" : cat(", ", total.no_end, " without an end"), "; ",
                       counted(tape.threads().size(), "thread"), "; ", duration(total.time), " in the module"));
  to.line("sessions",
          cat(s.opened, " opened, at most ", s.most_open, " at a time, ", s.still_open, " open at the end"));
  to.line("logins", cat(s.logins, s.failed_logins == 0 ? "" : cat(", ", s.failed_logins, " failed")));
  append_tokens(s, to);
  append_mechanisms(s, to);
  to.line("complete", view::completeness_of(tape));
  if (total.calls != 0) append_functions(s, begun, to);
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
    json.field("slot", id.value());
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
  const auto missing = view::missing_from(tape);
  json.field("complete", missing.empty());
  strings("missing", missing);
  strings("lost", losses_of(tape));
  strings("damaged", damages_of(tape));
  json.end_object();
  json.end_line();
}

}  // namespace p11tape::cli
