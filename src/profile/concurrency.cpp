// SPDX-License-Identifier: Apache-2.0
#include "profile/concurrency.hpp"

#include <algorithm>

namespace p11tape::profile {
namespace {

constexpr u64 enough_alone = 20, enough_together = 20;
constexpr u64 quickest = 5000;  // ns: what is quicker is too disturbed by the clock and the caches to tell anything

std::size_t level_of(u64 in_flight) noexcept {
  return in_flight <= 2    ? static_cast<std::size_t>(in_flight) - 1
         : in_flight <= 4  ? 2
         : in_flight <= 8  ? 3
         : in_flight <= 16 ? 4
                           : 5;
}

}  // namespace

void concurrency::see(const call_context& now) {
  const auto& c = *now.call;
  if (c.depth != 0 || c.state != tape::call_state::returned || now.role->does == cryptoki::effect::wait) return;
  u64 in_flight = 1;
  if (now.process->flights.size() > 1)
    for (const auto& f : now.process->flights) {
      in_flight += f.depth == 0 && f.thread != c.thread.number && f.role->does != cryptoki::effect::wait;
      if (in_flight == most_counted) break;
    }
  if (in_flight > 1) ++overlapping_;
  if (in_flight > most_) {
    most_ = in_flight;
    most_in_ = c.number;
  }
  auto& f = functions_[static_cast<std::size_t>(now.which)];
  if (!f) f = std::make_unique<by_level>();
  auto& level = (*f)[level_of(in_flight)];
  ++level.calls;
  level.in_flight += in_flight;
  level.durations.add(now.duration);
}

std::vector<concurrency_finding> concurrency::findings() const {
  std::vector<concurrency_finding> all;
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    if (!functions_[i]) continue;
    const auto& f = *functions_[i];
    const auto alone = f[0].durations.quantile(0.5);
    if (f[0].calls < enough_alone || alone < quickest) continue;
    concurrency_finding found;
    for (std::size_t l = 1; l < levels; ++l) {
      const auto sum = f[l].durations.sum(), unhindered = f[l].calls * alone;
      found.waited += sum > unhindered ? sum - unhindered : 0;
      if (f[l].calls >= enough_together) found.level = l;
    }
    if (found.level == 0) continue;
    const auto& most = f[found.level];
    found.which = static_cast<cryptoki::function>(i);
    found.alone = alone;
    found.crowded = std::max<u64>(most.durations.quantile(0.5), 1);
    found.in_flight = static_cast<double>(most.in_flight) / static_cast<double>(most.calls);
    found.gain = found.in_flight * static_cast<double>(alone) / static_cast<double>(found.crowded);
    all.push_back(found);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.waited > b.waited; });
  return all;
}

}  // namespace p11tape::profile
