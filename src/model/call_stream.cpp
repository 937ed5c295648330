// SPDX-License-Identifier: Apache-2.0
#include "model/call_stream.hpp"

#include <algorithm>

namespace p11tape::model {

call_stream::call_stream(std::span<const tape::reader* const> tapes) {
  for (std::size_t i = 0; i < tapes.size(); ++i) add(*tapes[i], i, tape::record_bodies::handed_out);
  std::make_heap(heap_.begin(), heap_.end(), later);
}

call_stream::call_stream(const tape::reader& tape, tape::record_bodies bodies) {
  add(tape, 0, bodies);
  std::make_heap(heap_.begin(), heap_.end(), later);
}

void call_stream::add(const tape::reader& tape, std::size_t index, tape::record_bodies bodies) {
  counts_.resize(index + 1);
  auto offset = tape.header().wall - tape.header().monotonic;
  if (const auto boot = tape.property("boot"); !boot.empty())
    offset = boots_.try_emplace(std::string(boot), offset).first->second;
  for (std::size_t t = 0; t < tape.threads().size(); ++t) {
    auto next = std::make_unique<lane>(lane{thread_calls(tape, index, t, bodies), offset, lanes_.size(), {}});
    if (!next->advance()) continue;
    heap_.push_back(next.get());
    lanes_.push_back(std::move(next));
  }
}

bool call_stream::later(const lane* a, const lane* b) noexcept {
  return a->key != b->key ? a->key > b->key : a->order > b->order;
}

const call* call_stream::next() {
  if (current_ != nullptr && !current_->advance()) {
    lanes_[current_->order].reset();  // its buffers are of no more use
    current_ = nullptr;
  }
  // Often the thread of the call before has the next one too, and stays out of the heap.
  if (!heap_.empty() && (current_ == nullptr || later(current_, heap_.front()))) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    std::swap(current_, heap_.back());
    if (heap_.back() != nullptr)
      std::push_heap(heap_.begin(), heap_.end(), later);
    else
      heap_.pop_back();
  }
  if (current_ == nullptr) return nullptr;
  const call_number number(++counts_[current_->head.tape_index]);
  current_->head.number = number;
  current_->calls.set_number(number);
  return &current_->head;
}

}  // namespace p11tape::model
