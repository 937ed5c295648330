// SPDX-License-Identifier: Apache-2.0
#include "cli/support/filter.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace p11tape::cli {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool answers_to(std::string_view name, const std::string& pattern) {
  const auto wanted = lower(pattern);
  const auto whole = lower(name);
  const bool has_prefix = whole.starts_with("c_");
  return ::fnmatch(wanted.c_str(), whole.c_str(), 0) == 0 ||
         (has_prefix && ::fnmatch(wanted.c_str(), whole.c_str() + 2, 0) == 0);
}

}  // namespace

void call_filter::add_to(CLI::App& command) {
  command.add_option("--function", functions, "Only functions with this name or pattern (Login, C_Sign*); repeatable")
      ->take_all()
      ->allow_extra_args(false);
  command.add_option("--thread", threads, "Only calls of the thread with this ID; repeatable")->allow_extra_args(false);
  command.add_flag("--errors", errors, "Only calls that did not return CKR_OK");
}

bool call_filter::empty() const noexcept {
  return functions.empty() && threads.empty() && !errors && !slower_than && !from && !to;
}

std::string call_filter::prepare(const std::vector<const tape::reader*>& tapes) {
  wanted_.clear();
  std::vector<bool> used(functions.size());
  for (const auto* tape : tapes) {
    auto& wanted = wanted_.emplace_back();
    for (const auto& f : tape->rows().functions()) {
      bool any = false;
      for (std::size_t i = 0; i < functions.size(); ++i)
        if (answers_to(f.name, functions[i])) any = used[i] = true;
      wanted.push_back(any);
    }
  }
  const auto unused = std::find(used.begin(), used.end(), false);
  return unused == used.end() ? std::string() : functions[static_cast<std::size_t>(unused - used.begin())];
}

bool call_filter::lets(const model::call& call) const {
  if (!functions.empty()) {
    const auto& wanted = wanted_[call.tape_index];
    if (call.function_number >= wanted.size() || !wanted[call.function_number]) return false;
  }
  if (!threads.empty() && std::find(threads.begin(), threads.end(), call.thread.id) == threads.end()) return false;
  if (errors && !call.failed()) return false;
  // A call that never returned has been slower than anything; one without a beginning has no duration.
  if (slower_than && call.state != tape::call_state::in_flight &&
      (call.state != tape::call_state::returned || call.duration() <= *slower_than))
    return false;
  if (from && call.start_wall() < *from) return false;
  return !to || call.start_wall() <= *to;
}

}  // namespace p11tape::cli
