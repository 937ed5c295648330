// SPDX-License-Identifier: Apache-2.0
#include "profile/think_time.hpp"

#include <algorithm>

namespace p11tape::profile {

void between::see(const call_context& now) {
  const auto& c = *now.call;
  if (c.depth != 0) return;
  auto& last_end = last_end_[c.thread.number];
  if (last_end != 0 && c.start() > last_end) {
    const pause p{c.start() - last_end, c.number, now.which};
    pauses_.add(p.time);
    before_[static_cast<std::size_t>(now.which)] += p.time;
    if (widest_.size() < most || p.time > widest_.back().time) {
      const auto place = std::find_if(widest_.begin(), widest_.end(), [&](const auto& w) { return w.time < p.time; });
      widest_.insert(place, p);
      if (widest_.size() > most) widest_.pop_back();
    }
  }
  last_end = std::max(last_end, now.ended ? c.leave.time : c.start());
}

}  // namespace p11tape::profile
