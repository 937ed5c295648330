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

namespace {

// Rows of the same name made one, the longest time first.
std::vector<row> joined(std::vector<row> all) {
  std::vector<row> rows;
  std::unordered_map<std::string_view, std::size_t> index;
  rows.reserve(all.size());  // the index points into the names
  for (auto& r : all) {
    const auto at = index.find(r.name);
    if (at != index.end()) {
      auto& one = rows[at->second];
      one.id = std::max(one.id, r.id);  // the younger number is the one that is still in use
      one.f.add(r.f);
      continue;
    }
    rows.push_back(std::move(r));
    index.emplace(rows.back().name, rows.size() - 1);
  }
  std::sort(rows.begin(), rows.end(), [](const row& a, const row& b) {
    return a.f.time != b.f.time ? a.f.time > b.f.time : a.f.calls != b.f.calls ? a.f.calls > b.f.calls : a.id < b.id;
  });
  return rows;
}

}  // namespace

row& table::find(u64 id) {
  auto i = rows_.find(id);
  if (i == rows_.end()) {
    if (rows_.size() == most) shrink();
    i = rows_.try_emplace(id).first;
    i->second.id = id;
  }
  last_ = &i->second;
  return *last_;
}

void table::shrink() {
  std::vector<row> all;
  all.reserve(rows_.size());
  for (auto& [id, r] : rows_) all.push_back(std::move(r));
  rows_.clear();
  last_ = nullptr;
  all = joined(std::move(all));
  const auto keep = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), most / 2));
  for (auto i = keep; i != all.end(); ++i) {
    others_.add(i->f);
    ++others_rows_;
  }
  for (auto i = all.begin(); i != keep; ++i) rows_.try_emplace(i->id, std::move(*i));
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
  all.reserve(rows_.size());
  for (const auto& [id, r] : rows_) all.push_back(r);
  return joined(std::move(all));
}

}  // namespace p11tape::profile
