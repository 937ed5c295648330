// SPDX-License-Identifier: Apache-2.0
#include "query/sources/call_scan.hpp"

#include <algorithm>

namespace p11tape::query {
namespace {

bool has(const std::optional<std::vector<std::string>>& wanted, std::string_view text) {
  return !wanted || std::find(wanted->begin(), wanted->end(), text) != wanted->end();
}

constexpr u64 look_every = 4096;  // calls between two looks at `stop`

}  // namespace

call_scan::call_scan(tape_list tapes, symbols& pool, scan_limits limits, const std::atomic<bool>* stop)
    : tapes_(tapes), pool_(&pool), limits_(std::move(limits)), stop_(stop) {}

bool call_scan::open_next() {
  for (; tape_ < tapes_.size(); ++tape_) {
    const auto& tape = *tapes_[tape_];
    cells_ = std::make_unique<call_cells>(tape, *pool_);
    if (!has(limits_.tapes, cells_->tape().id) || !has(limits_.hosts, cells_->tape().host)) continue;
    functions_.clear();
    for (const auto& f : tape.rows().functions()) functions_.push_back(has(limits_.functions, f.name));
    stream_ = std::make_unique<model::call_stream>(tape);
    state_ = limits_.needs_model ? std::make_unique<model::state>(tape) : nullptr;
    ++tape_;
    return true;
  }
  return false;
}

bool call_scan::lets(const model::call& c) {
  if (c.number.value() < limits_.first) return false;
  if (limits_.functions && (c.function_number >= functions_.size() || !functions_[c.function_number])) return false;
  if (const auto wall = c.start_wall(); wall < limits_.from || wall > limits_.to) return false;
  if (limits_.ids && !std::binary_search(limits_.ids->begin(), limits_.ids->end(), id_of(c))) return false;
  return !limits_.return_values || has(limits_.return_values, cells_->return_value(c));
}

bool call_scan::next() {
  for (;;) {
    if (!stream_ && !open_next()) return false;
    while ((call_ = stream_->next()) != nullptr && call_->number.value() <= limits_.last) {
      if (++seen_ % look_every == 0 && stop_ != nullptr && stop_->load(std::memory_order_relaxed)) throw interrupted();
      if (state_) {
        now_ = &state_->take(*call_);
        cells_->see(*now_);
      }
      if (lets(*call_)) return true;
    }
    stream_.reset();  // the state stays as it is at the end until the next tape is opened
  }
}

}  // namespace p11tape::query
