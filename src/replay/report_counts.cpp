// SPDX-License-Identifier: Apache-2.0
#include "replay/report_counts.hpp"

#include <algorithm>

#include "text/exit_codes.hpp"

namespace p11tape::replay {

using replay::outcome;
using replay::plan;
using replay::results;
using replay::step;

namespace {

replay::skip_reason refusal_of(const results& r, std::size_t i) {
  return {r[i].why, r[i].because, std::string(r.text_of(r[i].text, r[i].size))};
}

// The replay died in the call in which the tape ends, too.
bool ends_like_the_tape(const plan& p, const replay_counts& c) {
  return c.last != no_step && c.diverged == 0 && !p.steps[c.last].call.ended();
}

}  // namespace

std::string name_of(const step& s) {
  return s.call.function != nullptr ? std::string(s.call.function->name) : std::string("an unknown function");
}

bool was_made(outcome o) noexcept {
  return o == outcome::same || o == outcome::diverged || o == outcome::no_result || o == outcome::running;
}

replay_counts count(const plan& p, const results& r) {
  replay_counts c;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    const auto is = r[i].is.load();
    c.diverged += is == outcome::diverged;
    if (is == outcome::diverged && c.first == no_step) c.first = i;
    if (is == outcome::running) c.last = i;
    if (is == outcome::no_pin) c.needs_pin = i;
    if (p.steps[i].prepares) {
      c.prepared += was_made(is);
      continue;
    }
    c.made += was_made(is);
    c.same += is == outcome::same;
    c.no_result += is == outcome::no_result;
    c.left_out += is == outcome::left_out;
    c.not_reached += is == outcome::pending && p.steps[i].call.number <= p.last;
    c.made_up += was_made(is) && r[i].synthesised;
  }
  return c;
}

std::vector<omission> omissions(const plan& p, const results& r) {
  std::vector<omission> all;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    if (r[i].is != outcome::left_out || p.steps[i].prepares) continue;
    const auto why = refusal_of(r, i);
    const auto function = name_of(p.steps[i]);
    const auto text = sentence(why);
    const auto same = [&](const omission& o) { return o.function == function && o.reason == text; };
    auto at = std::find_if(all.begin(), all.end(), same);
    if (at == all.end()) at = all.insert(all.end(), {function, text, word(why.what), {}});
    at->calls.push_back(p.steps[i].call.number);
  }
  return all;
}

verdict replay_report::judge() const {
  const auto c = count(*plan, *results);
  if (c.diverged != 0) return verdict::diverged;
  if (c.last != no_step) return ends_like_the_tape(*plan, c) ? verdict::reproduced : verdict::diverged;
  if (c.needs_pin != no_step) return verdict::stopped;
  const bool nothing = c.made + c.prepared == 0;
  return !results->trouble().empty() || !ending.finished || nothing ? verdict::failed : verdict::same;
}

int status_of(verdict v) noexcept {
  if (v == verdict::same || v == verdict::reproduced) return exit_fine;
  return v == verdict::diverged ? exit_findings : exit_unusable;
}

const char* word_of(verdict v) noexcept {
  constexpr const char* words[] = {"same", "reproduced", "diverged", "stopped", "failed"};
  return words[static_cast<std::size_t>(v)];
}

}  // namespace p11tape::replay
