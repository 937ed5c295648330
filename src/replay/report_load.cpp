// SPDX-License-Identifier: Apache-2.0
// What `replay --repeat` says, and `replay --dry-run`.
#include "replay/differences.hpp"
#include "replay/report_counts.hpp"
#include "replay/report_times.hpp"
#include "text/phrase.hpp"

namespace p11tape::replay {
namespace {

using tape::u64;
using text::cat;
using text::counted;

replay_times times_of(const replay::plan& p, const replay::results& r) {
  replay_times times;
  std::vector<bool> made(p.steps.size());
  for (const auto& s : r.samples()) {
    times.add_replayed(p.steps[s.step], s.duration);
    made[s.step] = true;
  }
  for (std::size_t i = 0; i < made.size(); ++i)
    if (made[i]) times.add_recorded(p.steps[i]);
  return times;
}

// A second, so that nothing is divided by zero, where the clock did not move.
double seconds(const replay::results& r) {
  const auto ns = r.head().ended - r.head().began;
  return ns == 0 ? 1 : static_cast<double>(ns) / 1e9;
}

std::string rate(double per_second) {
  char text[32];
  std::snprintf(text, sizeof text, per_second < 100 ? "%.1f" : "%.0f", per_second);
  return text;
}

}  // namespace

std::string load_text(const replay::plan& p, const replay::results& r, u64 parallel) {
  const auto rounds = r.head().rounds.load();
  const auto calls = r.head().samples.load();
  const auto time = seconds(r);
  std::string out = cat("\nLoad  ", counted(rounds, "replay"), " in ", counted(parallel, "process", "processes"), ", ",
                        text::duration(r.head().ended - r.head().began), ": ", rate(static_cast<double>(rounds) / time),
                        " replays and ", rate(static_cast<double>(calls) / time), " calls a second\n");
  if (const auto bad = r.head().bad_rounds.load(); bad != 0) {
    out += cat("      ", counted(bad, "replay"), " of them differed from the tape",
               r.head().give_up ? "; stopped early because a login failed" : "", "\n");
    for (std::size_t i = 0; i < r.size(); ++i)
      if (r[i].is == replay::outcome::diverged)
        for (const auto& d : replay::from_text(r.text_of(r[i].text, r[i].size)))
          out += cat("      call ", p.steps[i].call.number, ", ", name_of(p.steps[i]), ", ", d.where, ": ", d.recorded,
                     " on the tape, ", d.replayed, " now\n");
  }
  if (const auto lost = r.head().lost_samples.load(); lost != 0)
    out += cat("      the latencies are those of the first ", calls - lost, " calls\n");
  out += '\n';
  times_of(p, r).append_table(out);
  return out;
}

std::string load_json(const replay::plan& p, const replay::results& r, u64 parallel) {
  std::string out;
  text::json_writer json(out);
  json.begin_object();
  json.field("kind", "load");
  json.field("schema", text::json_schema);
  json.field("processes", parallel);
  json.field("replays", r.head().rounds.load());
  json.field("diverged", r.head().bad_rounds.load());
  json.field("calls", r.head().samples.load());
  json.field("duration_ns", r.head().ended - r.head().began);
  times_of(p, r).append_json(json);
  json.end_object();
  json.end_line();
  return out;
}

std::string dry_run_text(const replay::plan& p) {
  std::string out;
  for (const auto& s : p.steps) {
    if (s.call.number > p.last) break;
    std::string line = cat(s.call.number, "  ", name_of(s));
    line.resize(std::max<std::size_t>(line.size() + 2, 34), ' ');
    if (s.why) {
      out += cat(line, "left out: ", sentence(s.why), "\n");
      continue;
    }
    std::string more;
    if (s.prepares) more += ", before --from, because later calls need it";
    if (s.pin == replay::pin_kind::user) more += ", with the user PIN";
    if (s.pin == replay::pin_kind::so) more += ", with the SO PIN";
    if (s.pin == replay::pin_kind::wrong) more += ", with a wrong PIN";
    if (s.synthesised) more += ", with generated payload";
    out += cat(line, "made", more, "\n");
  }
  return out;
}

}  // namespace p11tape::replay
