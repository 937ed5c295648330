// SPDX-License-Identifier: Apache-2.0
#include "report/call_choice.hpp"

#include <algorithm>

namespace p11tape::report {
namespace {

constexpr tape::u64 around_finding = 100, around_slow = 5;

}  // namespace

void call_choice::mark(const diagnose::finding& f, std::vector<std::vector<range>>& into) {
  for (const auto& e : f.shown)
    for (const auto n : e.calls) {
      if (n == model::none) continue;
      into[f.tape].push_back(range::around(n, around_finding));
      auto& ids = marks_[{f.tape, n}];
      const std::string id(f.id);
      if ((" " + ids + " ").find(" " + id + " ") == std::string::npos) ids += (ids.empty() ? "" : " ") + id;
    }
  for (const auto& c : f.consequences) mark(c, into);
}

call_choice::call_choice(const source& from) {
  const auto tapes = from.tapes.size();
  std::vector<std::vector<range>> wanted(tapes);
  for (const auto& f : from.measured.findings.found) mark(f, wanted);
  u64 calls = 0;
  for (const auto& p : from.measured.processes) calls += p.tally.total().calls;
  all_ = calls <= from.most_calls;
  if (all_) return;
  // A fifth each for the ends of the tapes and for failures; findings and slow calls are few.
  failures_left_ = from.most_calls / 5;
  const auto end = std::max<u64>(from.most_calls / 10 / tapes, 1);
  tapes_.resize(tapes);
  for (std::size_t i = 0; i < tapes; ++i) {
    auto& all = wanted[i];
    for (const auto& s : from.measured.each[i].breakdown.slowest()) all.push_back(range::around(s.number, around_slow));
    const auto last = from.measured.processes[i].tally.total().calls;
    all.push_back({1, end});
    all.push_back({last > end ? last - end : 1, last});
    std::sort(all.begin(), all.end(), [](const range& a, const range& b) { return a.first < b.first; });
    for (const auto& r : all) {
      auto& kept = tapes_[i].ranges;
      if (!kept.empty() && r.first <= kept.back().last + 1)
        kept.back().last = std::max(kept.back().last, r.last);
      else
        kept.push_back(r);
    }
  }
}

bool call_choice::wants(const model::call& c) {
  if (all_) return true;
  auto& t = tapes_[c.tape_index];
  const auto number = c.number.value();
  while (t.at < t.ranges.size() && t.ranges[t.at].last < number) ++t.at;
  if (t.at < t.ranges.size() && t.ranges[t.at].first <= number) return true;
  if (!c.failed() || failures_left_ == 0) return false;
  --failures_left_;
  return true;
}

}  // namespace p11tape::report
