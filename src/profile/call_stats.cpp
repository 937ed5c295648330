// SPDX-License-Identifier: Apache-2.0
#include "profile/call_stats.hpp"

#include <algorithm>

namespace p11tape::profile {

void call_stats::add(const call_stats& other) {
  calls += other.calls;
  failed += other.failed;
  no_end += other.no_end;
  time += other.time;
  card_time += other.card_time;
  exchanges += other.exchanges;
  if (other.longest >= longest) {
    longest = other.longest;
    longest_in = other.longest_in;
  }
  durations.add(other.durations);
}

row& table::find(u64 id) {
  auto i = rows_.find(id);
  if (i == rows_.end()) {
    if (rows_.size() == most) shrink();
    i = rows_.emplace(id, std::make_unique<row>()).first;
    i->second->id = id;
  }
  last_ = i->second.get();
  return *last_;
}

void table::shrink() {
  auto all = by_time();
  const auto keep = std::min(all.size(), most / 2);
  for (std::size_t i = keep; i < all.size(); ++i) {
    others_.add(all[i].f);
    ++others_rows_;
  }
  rows_.clear();
  last_ = nullptr;
  for (std::size_t i = 0; i < keep; ++i) {
    const auto id = all[i].id;
    rows_.emplace(id, std::make_unique<row>(std::move(all[i])));
  }
}

void table::add(const table& other) {
  for (const auto& r : other.by_time()) {
    auto& mine = of(std::hash<std::string>()(r.name));
    mine.name = r.name;
    mine.f.add(r.f);
  }
  others_.add(other.others_);
  others_rows_ += other.others_rows_;
}

std::vector<row> table::by_time() const {
  std::vector<row> all;
  std::unordered_map<std::string_view, std::size_t> index;
  all.reserve(rows_.size());  // the index points into the names
  for (const auto& [id, r] : rows_) {
    const auto at = index.find(r->name);
    if (at != index.end()) {
      // The younger number is the one that is still in use.
      all[at->second].id = std::max(all[at->second].id, id);
      all[at->second].f.add(r->f);
      continue;
    }
    index.emplace(r->name, all.size());
    all.push_back(*r);
  }
  std::sort(all.begin(), all.end(), [](const row& a, const row& b) {
    return a.f.time != b.f.time ? a.f.time > b.f.time : a.f.calls != b.f.calls ? a.f.calls > b.f.calls : a.id < b.id;
  });
  return all;
}

}  // namespace p11tape::profile
