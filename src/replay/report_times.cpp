// SPDX-License-Identifier: Apache-2.0
#include "replay/report_times.hpp"

#include <algorithm>
#include <numeric>

#include "text/phrase.hpp"

namespace p11tape::replay {
namespace {

using tape::u64;
using text::duration;

// The smallest value that so many percent of all do not exceed. The values are sorted.
u64 percentile(const std::vector<u64>& sorted, unsigned percent) {
  if (sorted.empty()) return 0;
  const auto rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::min(sorted.size(), std::max<std::size_t>(rank, 1)) - 1];
}

u64 sum(const std::vector<u64>& all) { return std::accumulate(all.begin(), all.end(), u64{0}); }

// To the right of a column. A µ is one character of two bytes.
void right(const std::string& text, std::size_t width, std::string& out) {
  const auto seen = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  out.append(width > seen ? width - seen : 1, ' ');
  out += text;
}

void columns(const std::vector<u64>& sorted, std::string& out) {
  right(std::to_string(sorted.size()), 8, out);
  for (const auto value : {percentile(sorted, 50), percentile(sorted, 99), sum(sorted)})
    right(sorted.empty() ? "-" : duration(value), 10, out);
}

void member(const char* name, const std::vector<u64>& sorted, text::json_writer& json) {
  json.key(name);
  json.begin_object();
  json.field("count", u64{sorted.size()});
  json.field("p50_ns", percentile(sorted, 50));
  json.field("p99_ns", percentile(sorted, 99));
  json.field("total_ns", sum(sorted));
  json.end_object();
}

}  // namespace

void replay_times::add(const replay::step& s, u64 now) {
  add_recorded(s);
  add_replayed(s, now);
}

void replay_times::add_recorded(const replay::step& s) {
  if (s.call.ended()) functions_[s.role.which].recorded.push_back(s.call.duration());
}

void replay_times::add_replayed(const replay::step& s, u64 now) { functions_[s.role.which].replayed.push_back(now); }

void replay_times::append_table(std::string& out) {
  out += "                              recorded                              replayed\n";
  out += "function                   calls       p50       p99     total   calls       p50       p99     total\n";
  for (auto& [f, times] : functions_) {
    std::string name(cryptoki::row(f).name);
    name.resize(std::max<std::size_t>(name.size(), 24), ' ');
    out += name;
    for (auto* all : {&times.recorded, &times.replayed}) {
      std::sort(all->begin(), all->end());
      columns(*all, out);
    }
    out += '\n';
  }
}

void replay_times::append_json(text::json_writer& json) {
  json.key("functions");
  json.begin_array();
  for (auto& [f, times] : functions_) {
    for (auto* all : {&times.recorded, &times.replayed}) std::sort(all->begin(), all->end());
    json.begin_object();
    json.field("function", cryptoki::row(f).name);
    member("recorded", times.recorded, json);
    member("replayed", times.replayed, json);
    json.end_object();
  }
  json.end_array();
}

}  // namespace p11tape::replay
