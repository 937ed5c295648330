// SPDX-License-Identifier: Apache-2.0
#include "profile/measurement.hpp"

#include <algorithm>

#include "diagnose/finding_times.hpp"

namespace p11tape::profile {
namespace {

class watcher : public diagnose::call_observer {
 public:
  watcher(measurement& to, const wishes& w, const tape::reader& tape, u64 offset) : to_(to) {
    if (w.timeline) to_.timeline.emplace(w.stretches);
    if (w.stacks) to_.stacks.emplace();
    const auto name = tape.property("name");
    if (w.trace != nullptr) trace_.emplace(*w.trace, tape, std::string(name.empty() ? "program" : name), offset);
  }

  void see(const call_context& now, std::span<const tape::exchange_view> exchanges) override {
    to_.breakdown.see(now, exchanges);
    to_.between.see(now);
    to_.concurrency.see(now);
    to_.logins.see(now);
    if (to_.timeline) to_.timeline->see(now);
    if (to_.stacks) to_.stacks->see(now);
    if (trace_) trace_->see(now, exchanges);
  }

  void finish() {
    to_.breakdown.finish();
    to_.logins.finish();
    if (trace_) trace_->finish();
  }

 private:
  measurement& to_;
  std::optional<trace_writer> trace_;
};

// The rules of rules_speed.cpp, and those about calls that nobody needs.
constexpr std::string_view ids[] = {"P44", "P45", "P46", "P47", "P48", "P49", "P56",
                                    "P61", "P62", "P63", "P64", "P65", "P66"};

}  // namespace

measured measure_all(std::span<const tape::reader* const> tapes, const wishes& w, diagnose::progress_report progress) {
  measured all;
  all.each.resize(tapes.size());
  const auto offsets = offsets_of(tapes);
  std::vector<std::unique_ptr<watcher>> watchers;
  std::vector<diagnose::call_observer*> watching;
  watching.reserve(tapes.size());
  for (std::size_t i = 0; i < tapes.size(); ++i)
    watching.push_back(watchers.emplace_back(std::make_unique<watcher>(all.each[i], w, *tapes[i], offsets[i])).get());
  all.processes = diagnose::collect_all(tapes, w.windows, progress, watching);
  for (std::size_t i = 0; i < tapes.size(); ++i) {
    watchers[i]->finish();
    if (tapes.size() > 1) all.total.add(all.each[i].breakdown);
  }
  all.findings = diagnose::examine(all.processes, w.set != nullptr ? *w.set : diagnose::configured{});
  diagnose::add_times(all.findings, all.processes);
  return all;
}

std::vector<const diagnose::finding*> about_time(const diagnose::diagnosis& d, std::size_t tape) {
  std::vector<const diagnose::finding*> found;
  const auto take = [&](const diagnose::finding& f) {
    if (f.tape == tape && std::find(std::begin(ids), std::end(ids), f.id) != std::end(ids)) found.push_back(&f);
  };
  for (const auto& f : d.found) {
    take(f);
    for (const auto& c : f.consequences) take(c);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return a->level > b->level; });
  return found;
}

}  // namespace p11tape::profile
