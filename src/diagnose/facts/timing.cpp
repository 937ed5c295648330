// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/timing.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::diagnose {

using cryptoki::effect;
using model::operation;

void pace::see(const call_context& now) {
  const auto& c = *now.call;
  const auto start = c.start();
  const auto duration = now.duration;
  if (first_start == 0) first_start = busy_until_ = start;
  if (start > busy_until_) {
    if (start - busy_until_ > widest_gap) {
      widest_gap = start - busy_until_;
      widest_gap_in = c.number;
    }
    busy_until_ = start;
  }
  // A call that waits for an event is no work.
  if (now.role->does != effect::wait && start + duration > busy_until_) {
    busy += start + duration - busy_until_;
    busy_until_ = start + duration;
  }
  last_end = std::max(last_end, start + duration);

  const auto on = now.role->on;
  const bool heavy = now.role->does == effect::single && (on == operation::sign || on == operation::decrypt);
  if (heavy && now.ok && c.begun()) {
    if (now.asks) {
      if (++length_queries == 1) length_queries_in = c.number;
    } else {
      std::size_t others = 0;
      for (const auto& f : now.process->flights) {
        others += f.depth == 0 && f.thread != c.thread.number;
        if (others == 7) break;
      }
      by_crowd[others == 0 ? 0 : others < 3 ? 1 : others < 7 ? 2 : 3].add(duration);
      operations.add(duration);
      if (first_operation_in == none) {
        first_operation = duration;
        first_operation_in = c.number;
      }
    }
  }
  if (on == operation::search) searches_time += duration;
  const bool light = on == operation::digest || on == operation::encrypt ||
                     now.which == cryptoki::function::C_GenerateRandom || now.which == cryptoki::function::C_SeedRandom;
  if (light) {
    ++on_token;
    on_token_time += duration;
  }
  if (now.ended && now.value == CKR_BUFFER_TOO_SMALL) {
    const auto key = now.session_handle.value() << 8 ^ static_cast<u64>(now.which);
    small_row_ = key == small_key_ ? small_row_ + 1 : 1;
    small_key_ = key;
    if (small_row_ > small_buffers) {
      small_buffers = small_row_;
      small_buffers_in = c.number;
    }
  } else if (small_row_ != 0 && (now.session_handle.value() << 8 ^ static_cast<u64>(now.which)) == small_key_) {
    small_row_ = 0;
  }
}

}  // namespace p11tape::diagnose
