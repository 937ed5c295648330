// SPDX-License-Identifier: Apache-2.0
// Which mechanism a session's operation was started with, and what of its data the profile `payload` may keep.
#pragma once

#include <atomic>

#include "capture/encode/plan.hpp"

namespace p11tape::capture {

using tape::u64;

/// A small table that forgets: what it does not know is treated as unknown, and so as secret.
class session_mechanisms {
 public:
  static constexpr u64 unknown = ~u64{0};

  void set(u64 session, u64 mechanism) noexcept {
    auto& e = entries_[session % size];
    e.session.store(~session, std::memory_order_relaxed);
    e.mechanism.store(mechanism, std::memory_order_release);
    e.session.store(session, std::memory_order_release);
  }
  u64 get(u64 session) const noexcept {
    const auto& e = entries_[session % size];
    if (e.session.load(std::memory_order_acquire) != session) return unknown;
    return e.mechanism.load(std::memory_order_acquire);
  }
  void forget() noexcept {
    for (auto& e : entries_) e.mechanism.store(unknown, std::memory_order_release);
  }

 private:
  static constexpr unsigned size = 256;
  struct entry {
    std::atomic<u64> session;
    std::atomic<u64> mechanism;
  };
  entry entries_[size];
};

/// True if payload.def lists the direction for the mechanism: what goes that way is no secret.
bool keeps_payload(u64 mechanism, operation direction) noexcept;

}  // namespace p11tape::capture
