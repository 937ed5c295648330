// SPDX-License-Identifier: Apache-2.0
#include "replay/results.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace p11tape::replay {

results::results(std::size_t steps, std::size_t samples) : count_(steps), sample_room_(samples) {
  size_ = sizeof(header) + steps * sizeof(result) + samples * sizeof(sample) + text_room;
  memory_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) throw std::runtime_error("not enough memory for the results");
  auto* at = static_cast<std::byte*>(memory_);
  head_ = new (at) header{};
  steps_ = reinterpret_cast<result*>(at += sizeof(header));
  for (std::size_t i = 0; i < steps; ++i) new (steps_ + i) result{};
  samples_ = reinterpret_cast<sample*>(at += steps * sizeof(result));
  text_ = reinterpret_cast<char*>(at + samples * sizeof(sample));
}

results::~results() { munmap(memory_, size_); }

void results::forget() noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    steps_[i].is = outcome::pending;
    steps_[i].why = reason::none;
    steps_[i].size = 0;
  }
  head_->text_used = 0;
}

void results::keep(std::string_view text, u64& at, u64& size) noexcept {
  const u64 here = head_->text_used.fetch_add(text.size());
  if (here + text.size() > text_room) {
    size = 0;
    return;
  }
  std::memcpy(text_ + here, text.data(), text.size());
  at = here;
  size = text.size();
}

std::string_view results::text_of(u64 at, u64 size) const noexcept {
  if (at > text_room || size > text_room - at) return {};
  return {text_ + at, size};
}

void results::set(std::string_view text, std::atomic<u64>& at, std::atomic<u64>& size) noexcept {
  u64 begin = 0, length = 0;
  keep(text, begin, length);
  at = begin;
  size = length;
}

void results::add_sample(u32 step, u64 duration) noexcept {
  const u64 here = head_->samples.fetch_add(1);
  if (here >= sample_room_) {
    ++head_->lost_samples;
    return;
  }
  samples_[here] = {step, 0, duration};
}

std::span<const sample> results::samples() const noexcept {
  return {samples_, static_cast<std::size_t>(std::min<u64>(head_->samples, sample_room_))};
}

}  // namespace p11tape::replay
