// SPDX-License-Identifier: Apache-2.0
#include "diff/report.hpp"

#include <algorithm>

#include "render/render.hpp"
#include "render/words.hpp"
#include "text/json_writer.hpp"
#include "text/numbers.hpp"
#include "text/phrase.hpp"
#include "text/times.hpp"
#include "view/completeness.hpp"

namespace p11tape::diff {
namespace {

using diff::call_name;
using diff::change;
using diff::comparison;
using diff::divergence;
using diff::kind;
using tape::u64;

constexpr std::string_view bold = "\033[1m", plain = "\033[0m";

std::string calls_in_words(u64 n) {
  std::string text;
  render::append_count(n, "call", text);
  return text;
}

// "C_Login (call 14)"
std::string reference(const call_name& c) { return text::cat(c.function, " (call ", c.number, ")"); }

std::string functions_of(const divergence& d) {
  constexpr std::size_t most = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, d.functions.size()); ++i) (text += i == 0 ? "" : ", ") += d.functions[i];
  if (d.functions.size() > most) text += " ...";
  return text;
}

// The divergence in one sentence.
std::string sentence(const divergence& d) {
  if (d.what != change::differs) {
    const bool in_a = d.what == change::only_a;
    const auto& first = in_a ? d.a : d.b;
    const std::string here = in_a ? "A" : "B", there = in_a ? "B" : "A";
    std::string text = here + " calls ";
    if (d.count == 1) {
      text += reference(first) + ", which returns " + first.outcome + "; " + there + " does not";
    } else {
      text += functions_of(d) + ": " + calls_in_words(d.count) + " (" + text::cat(first.number, " to ", d.last) +
              ") that " + there + " does not make";
    }
    text += d.meanwhile.number == model::none ? ": its thread makes no further calls."
                                              : ". " + there + " continues with " + reference(d.meanwhile) + ".";
    return text;
  }
  const auto where = text::cat(d.a.function, " (call ", d.a.number, " in A, ", d.b.number, " in B)");
  const auto has = [&](kind k) {
    return std::any_of(d.values.begin(), d.values.end(), [&](const auto& v) { return v.what == k; });
  };
  const bool asked_otherwise =
      std::any_of(d.values.begin(), d.values.end(), [](const auto& v) { return v.side == render::way::in; });
  std::string text = where;
  if (has(kind::return_code)) {
    text += " returns " + d.a.outcome + " in A and " + d.b.outcome + " in B";
    text += asked_otherwise ? "; its arguments also differ." : ", called with the same arguments.";
  } else if (has(kind::ending)) {
    text += ": " + d.a.outcome + " in A, " + d.b.outcome + " in B.";
  } else {
    text += asked_otherwise ? " is called with different arguments." : " returns different output.";
  }
  return text;
}

void append_values(const divergence& d, std::string& out) {
  for (const auto& v : d.values) {
    if (v.what == kind::return_code || v.what == kind::ending) continue;
    out += v.side == render::way::in ? "    [in]  " : "    [out] ";
    out += v.where + "\n      A: " + (v.a.empty() ? "not given" : v.a) +
           "\n      B: " + (v.b.empty() ? "not given" : v.b) + '\n';
  }
}

void append_side(std::string_view name, const tape::reader& t, const diff::digest& d, std::string& out) {
  ((out += name) += "  ") += t.shown_path();
  out += ": ";
  render::append_safe(view::program_of(t), out);
  out += '[' + std::to_string(t.header().pid) + "], ";
  text::append_local_time(t.header().wall, out);
  out += ", " + calls_in_words(d.calls) + ", ";
  text::append_duration(d.time_in_module, out);
  out += " in the module\n";
}

std::string_view why_expected(kind k) noexcept {
  switch (k) {
    case kind::random:
      return "random by nature (signatures with random padding, new keys, initialisation vectors)";
    case kind::data:
      return "different data of the same length was signed, encrypted or digested";
    case kind::order:
      return "the same elements in another order";
    case kind::withheld:
      return "the value is missing from at least one tape";
    case kind::pointer:
      return "pointers, and the sizes of the programs' buffers";
    default:
      return "values that depend on the moment: clock, free memory, session counts, PIN numbers";
  }
}

void append_expected(const comparison& c, const diff_context& around, std::string& out) {
  std::string text;
  for (std::size_t k = 0; k < diff::kinds; ++k)
    if (c.expected[k] != 0)
      (text += "  " + std::to_string(c.expected[k]) + " x ") += std::string(why_expected(static_cast<kind>(k))) + '\n';
  for (const bool of_a : {true, false}) {
    std::string list;
    u64 sum = 0;
    for (const auto& [function, n] : c.queries) {
      const auto count = of_a ? n.first : n.second;
      if (count == 0) continue;
      sum += count;
      (list += list.empty() ? "" : ", ") += function + " " + std::to_string(count);
    }
    if (sum == 0) continue;
    text += "  queries and polls that only " + std::string(of_a ? "A" : "B") + " makes: " + list + '\n';
  }
  for (const auto* d : {&c.a, &c.b})
    if (d->lookups != 0)
      text += "  " + calls_in_words(d->lookups) + " of " + (d == &c.a ? "A" : "B") + ", look-ups made by a replay\n";
  if (!text.empty()) out += "\nNot counted as differences (handles and times never are):\n" + text;
  if (c.a.cut || c.b.cut)
    out += "# Only the first " + std::to_string(around.window) + " calls of " +
           (c.a.cut && c.b.cut ? "each tape"
            : c.a.cut          ? "A"
                               : "B") +
           " were compared; --window N compares more\n";
  if (!c.shortest) out += "# The tapes have little in common: some calls may have been paired incorrectly\n";
}

void append_call(std::string_view key, const call_name& c, text::json_writer& json) {
  if (c.number == model::none) return;
  json.key(key);
  json.begin_object();
  json.field("call", c.number.value());
  json.field("function", c.function);
  json.field("outcome", c.outcome);
  json.end_object();
}

void append_json_side(std::string_view key, const tape::reader& t, const diff::digest& d, text::json_writer& json) {
  json.key(key);
  json.begin_object();
  json.field("tape", t.path());
  json.field("program", view::program_of(t));
  json.field("pid", t.header().pid);
  json.field("calls", d.calls);
  json.field("lookups", d.lookups);
  json.field("module_ns", d.time_in_module);
  json.field("cut", d.cut);
  json.end_object();
}

}  // namespace

void append_diff_text(const comparison& c, const diff_context& around, std::string& out) {
  const auto strong = [&](std::string_view text) {
    return around.colour ? std::string(bold) + std::string(text) + std::string(plain) : std::string(text);
  };
  append_side("A", *around.a, c.a, out);
  append_side("B", *around.b, c.b, out);
  out += '\n';
  if (c.found.empty()) {
    out += strong("Alike: ") + calls_in_words(c.pairs) + " compared, no differences.\n";
    append_expected(c, around, out);
    return;
  }
  out += strong("First difference: ") + sentence(c.found.front()) + '\n';
  append_values(c.found.front(), out);
  const auto several = std::max(c.a.lines.size(), c.b.lines.size()) > 1;
  if (c.all > 1) {
    out +=
        '\n' + strong("All " + std::to_string(c.all) + " differences") + " (later ones may follow from the first):\n";
    std::size_t n = 0;
    for (const auto& d : c.found) {
      if (n == around.most) break;
      out += std::to_string(++n) + ". ";
      if (several) out += "thread " + std::to_string(d.thread) + ": ";
      out += sentence(d) + '\n';
      if (n != 1) append_values(d, out);
    }
    if (n < c.all) out += "... and " + std::to_string(c.all - n) + " more; --most N shows more, --json all\n";
  }
  append_expected(c, around, out);
}

void append_diff_json(const comparison& c, const diff_context& around, std::string& out) {
  text::json_writer json(out);
  json.begin_object();
  json.field("schema", text::json_schema);
  json.field("kind", "diff");
  json.field("alike", c.all == 0);
  append_json_side("a", *around.a, c.a, json);
  append_json_side("b", *around.b, c.b, json);
  json.field("compared", c.pairs);
  json.field("count", c.all);
  json.key("differences");
  json.begin_array();
  for (const auto& d : c.found) {
    json.begin_object();
    json.field("change", d.what == change::differs ? "differs" : d.what == change::only_a ? "only_a" : "only_b");
    json.field("thread", u64{d.thread});
    json.field("text", sentence(d));
    append_call("a", d.a, json);
    append_call("b", d.b, json);
    if (d.what != change::differs) {
      json.field("calls", d.count);
      append_call("meanwhile", d.meanwhile, json);
    } else {
      json.key("values");
      json.begin_array();
      for (const auto& v : d.values) {
        json.begin_object();
        json.field("kind", diff::name_of(v.what));
        json.field("side", v.side == render::way::in ? "in" : "out");
        json.field("where", v.where);
        json.field("a", v.a);
        json.field("b", v.b);
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
  json.key("ignored");
  json.begin_object();
  for (std::size_t k = 0; k < diff::kinds; ++k)
    if (!diff::diverges(static_cast<kind>(k))) json.field(diff::name_of(static_cast<kind>(k)), c.expected[k]);
  json.key("queries");
  json.begin_object();
  for (const auto& [function, n] : c.queries) {
    json.key(function);
    json.begin_object();
    json.field("a", n.first);
    json.field("b", n.second);
    json.end_object();
  }
  json.end_object();
  json.end_object();
  json.field("aligned_exactly", c.shortest);
  json.end_object();
  json.end_line();
}

}  // namespace p11tape::diff
