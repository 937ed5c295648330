// SPDX-License-Identifier: Apache-2.0
#include "diagnose/finding_times.hpp"

#include <map>

#include "model/call_stream.hpp"

namespace p11tape::diagnose {
namespace {

using walls = std::vector<std::map<call_number, u64>>;  // by tape: when the call began

void collect(const finding& f, walls& wanted) {
  if (const auto call = f.first_call(); call != none && f.tape < wanted.size()) wanted[f.tape][call] = 0;
  for (const auto& c : f.consequences) collect(c, wanted);
}

void set_time(finding& f, const walls& found) {
  if (f.tape < found.size())
    if (const auto at = found[f.tape].find(f.first_call()); at != found[f.tape].end()) f.wall = at->second;
  for (auto& c : f.consequences) set_time(c, found);
}

}  // namespace

void add_times(diagnosis& d, std::span<const process_facts> all) {
  walls calls(all.size());
  for (const auto& f : d.found) collect(f, calls);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].tape == nullptr) continue;
    auto last = model::call_number(none);  // that has to be looked for
    for (auto& [call, wall] : calls[i]) {
      if (const auto known = all[i].start_times_of_last_calls.of(call))
        wall = *known;
      else
        last = call;
    }
    if (last == none) continue;
    model::call_stream stream(*all[i].tape, tape::record_bodies::left_out);
    while (const auto* call = stream.next()) {
      if (const auto at = calls[i].find(call->number); at != calls[i].end()) at->second = call->shown_start_wall();
      if (call->number >= last) break;
    }
  }
  for (auto& f : d.found) set_time(f, calls);
}

}  // namespace p11tape::diagnose
