// SPDX-License-Identifier: Apache-2.0
#include "profile/timeline.hpp"

#include <algorithm>

namespace p11tape::profile {
namespace {

void add(stretch& to, const stretch& s) {
  to.start = std::min(to.start, s.start);
  to.end = std::max(to.end, s.end);
  to.calls += s.calls;
  to.failed += s.failed;
  to.busy += s.busy;
  if (s.longest < to.longest) return;
  to.longest = s.longest;
  to.which = s.which;
}

}  // namespace

void timeline::see(const call_context& now) {
  const auto& c = *now.call;
  if (c.depth != 0) return;  // lies inside another one
  if (last_ == nullptr || last_thread_ != c.thread.number) {
    last_thread_ = c.thread.number;
    const bool fits = threads_.size() < most_threads || threads_.contains(c.thread.number);
    last_ = &threads_[fits ? c.thread.number : none];
  }
  const auto duration = now.duration;
  const stretch s{c.start(), c.start() + duration, 1, now.ended && !now.ok ? u64{1} : u64{0}, duration, now.which,
                  duration};
  if (!last_->empty() && last_->back().start / cell_ == s.start / cell_) return add(last_->back(), s);
  last_->push_back(s);
  if (++stretches_ <= most_) return;
  while (stretches_ > most_ / 2 && cell_ < u64{1} << 60) {
    cell_ *= 2;
    stretches_ = 0;
    for (auto& [number, all] : threads_) {
      join(all);
      stretches_ += all.size();
    }
  }
}

void timeline::join(std::vector<stretch>& all) const {
  std::size_t used = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (used != 0 && all[used - 1].start / cell_ == all[i].start / cell_)
      add(all[used - 1], all[i]);
    else
      all[used++] = all[i];
  }
  all.resize(used);
}

}  // namespace p11tape::profile
