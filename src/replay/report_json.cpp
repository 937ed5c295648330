// SPDX-License-Identifier: Apache-2.0
// What `replay --json` says: one object.
#include "replay/differences.hpp"
#include "replay/report_counts.hpp"
#include "replay/report_times.hpp"

namespace p11tape::replay {
namespace {

using tape::u64;

void append_divergence(const replay_report& r, std::size_t i, text::json_writer& json) {
  const auto& s = r.plan->steps[i];
  const auto& x = (*r.results)[i];
  json.begin_object();
  json.field("call", s.call.number.value());
  json.field("function", name_of(s));
  json.key("differences");
  json.begin_array();
  for (const auto& d : replay::from_text(r.results->text_of(x.text, x.size))) {
    json.begin_object();
    json.field("where", d.where);
    json.field("recorded", d.recorded);
    json.field("replayed", d.replayed);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void append_omissions(const replay_report& r, text::json_writer& json) {
  json.key("not_replayed");
  json.begin_array();
  for (const auto& o : omissions(*r.plan, *r.results)) {
    json.begin_object();
    json.field("function", o.function);
    json.field("reason", o.word);
    json.field("text", o.reason);
    json.key("calls");
    json.begin_array();
    for (const auto n : o.calls) json.element(n.value());
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string replay_report::json() const {
  std::string out;
  text::json_writer json(out);
  const auto c = count(*plan, *results);
  json.begin_object();
  json.field("kind", "replay");
  json.field("schema", text::json_schema);
  json.field("tape", plan->tape->path());
  json.field("module", how->module);
  json.field("verdict", word_of(judge()));
  if (const auto trouble = results->trouble(); !trouble.empty()) json.field("trouble", trouble);
  if (ending.signal != 0) json.field("signal", u64{static_cast<unsigned>(ending.signal)});
  if (ending.hung) json.field("hung", true);
  if (c.last != no_step) json.field("in_call", plan->steps[c.last].call.number.value());
  if (c.needs_pin != no_step) json.field("needs_pin_for", plan->steps[c.needs_pin].call.number.value());
  json.field("calls", u64{plan->steps.size()});
  json.field("made", c.made);
  json.field("same", c.same);
  json.field("without_recorded_result", c.no_result);
  json.field("made_up_payload", c.made_up);
  json.field("left_out", c.left_out);
  json.field("not_reached", c.not_reached);
  json.key("divergences");
  json.begin_array();
  for (std::size_t i = 0; i < results->size(); ++i)
    if ((*results)[i].is == outcome::diverged) append_divergence(*this, i, json);
  json.end_array();
  append_omissions(*this, json);
  replay_times times;
  for (std::size_t i = 0; i < results->size(); ++i) {
    const auto& x = (*results)[i];
    if (!plan->steps[i].prepares && was_made(x.is) && x.is != outcome::running)
      times.add(plan->steps[i], x.end - x.begin);
  }
  times.append_json(json);
  json.end_object();
  json.end_line();
  return out;
}

}  // namespace p11tape::replay
