// SPDX-License-Identifier: Apache-2.0
// What came of each call, in memory that the process with the module and the one that reports share: so the report is
// there even if the module takes its process down, and names the call in which it did.
#pragma once

#include <atomic>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "replay/skip_reason.hpp"

namespace p11tape::replay {

using tape::u32;
using tape::u64;

enum class outcome : std::uint8_t {
  pending,  ///< not reached
  running,  ///< called, and not back
  same,
  diverged,
  no_result,  ///< made; the tape has no result to compare with
  left_out,   ///< see `why`
  no_pin,     ///< stopped here: it needs a PIN that was not given
};

struct result {
  std::atomic<outcome> is;
  reason why;  ///< of left_out
  bool synthesised;
  model::call_number because;  ///< the call that it depends on
  u64 value;                   ///< the return value
  u64 begin, end;              ///< CLOCK_MONOTONIC in ns
  u64 text, size;              ///< in results::text_of: details
};
static_assert(std::atomic<outcome>::is_always_lock_free && std::is_trivially_destructible_v<result>);

/// One duration, for load tests.
struct sample {
  u32 step;
  u32 unused;
  u64 duration;
};

class results {
 public:
  /// Throws std::runtime_error where there is no memory. `samples`: room for so many.
  explicit results(std::size_t steps, std::size_t samples = 0);
  ~results();
  results(const results&) = delete;
  results& operator=(const results&) = delete;

  struct header {
    std::atomic<u64> text_used;
    std::atomic<u64> trouble, trouble_size;  ///< why it could not go on; a text
    std::atomic<u64> notes, notes_size;      ///< which token stands for which, a line each
    std::atomic<u64> lacks, lacks_size;      ///< what the module does not have; a sentence
    std::atomic<u64> samples, lost_samples;
    std::atomic<u64> rounds, bad_rounds;  ///< of a load test
    std::atomic<u64> began, ended;        ///< CLOCK_MONOTONIC of the load
    std::atomic<bool> give_up;            ///< a login failed: no process may try another
    std::atomic<bool> finished;           ///< the child came to its end
  };

  header& head() const noexcept { return *head_; }
  result& operator[](std::size_t step) const noexcept { return steps_[step]; }
  std::size_t size() const noexcept { return count_; }

  /// Forgets what came of the calls, for the next round.
  void forget() noexcept;

  /// Keeps a text; what no longer fits is dropped.
  void keep(std::string_view text, u64& at, u64& size) noexcept;
  std::string_view text_of(u64 at, u64 size) const noexcept;

  void set_trouble(std::string_view text) noexcept { set(text, head_->trouble, head_->trouble_size); }
  std::string_view trouble() const noexcept { return text_of(head_->trouble, head_->trouble_size); }
  void set_lacks(std::string_view text) noexcept { set(text, head_->lacks, head_->lacks_size); }
  std::string_view lacks() const noexcept { return text_of(head_->lacks, head_->lacks_size); }
  void set_notes(std::string_view text) noexcept { set(text, head_->notes, head_->notes_size); }
  std::string_view notes() const noexcept { return text_of(head_->notes, head_->notes_size); }

  void add_sample(u32 step, u64 duration) noexcept;
  std::span<const sample> samples() const noexcept;

 private:
  void set(std::string_view text, std::atomic<u64>& at, std::atomic<u64>& size) noexcept;

  static constexpr u64 text_room = u64{4} << 20;
  void* memory_ = nullptr;
  std::size_t size_ = 0, count_ = 0, sample_room_ = 0;
  header* head_ = nullptr;
  result* steps_ = nullptr;
  sample* samples_ = nullptr;
  char* text_ = nullptr;
};

}  // namespace p11tape::replay
