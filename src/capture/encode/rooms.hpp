// SPDX-License-Identifier: Apache-2.0
// What a call was given to write to, and what was there before it.
//
// Neither a return value nor a length proves that a module wrote something: modules answer CKR_OK, or an error that lets
// values be read, and leave attributes untouched. The caller's buffer then holds what was there before: a PIN, a piece
// of its heap. So the ENTER takes a keyed fingerprint of each such room whose bytes the profile may record, and the
// LEAVE records bytes only if the length or the content has changed, or if the call succeeded and its memory holds what
// an earlier output held (known_values). Only fingerprints are kept, never the bytes.
//
// The rooms of nested calls lie one behind the other, like the calls themselves. A call that never returns leaves rooms
// behind that the next call of its depth overwrites.
#pragma once

#include <atomic>

#include "capture/host/memory.hpp"

namespace p11tape::capture {

/// As much of a room is looked at as can be recorded of a public value.
inline constexpr u64 most_room_bytes = 8 * 1024;

/// A fast keyed hash of caller memory that is readable.
u64 fingerprint(const u64 (&key)[2], const u8* at, u64 size) noexcept;

struct output_room {
  const u8* at;
  u64 size;  ///< as the caller gave it
  u64 seen;  ///< fingerprint of the room before the call; no_fingerprint: not taken
};

/// A fingerprint that proves nothing: the bytes were not looked at.
inline constexpr u64 no_fingerprint = 0;

class output_rooms {
 public:
  static constexpr u32 most = 1024;
  static constexpr u32 deepest = 32;

  /// At an ENTER of a call inside `depth` others.
  void begin(u32 depth) noexcept {
    depth_ = depth < deepest ? depth : deepest;
    first_ = depth_ == 0 ? 0 : ends_[depth_ - 1];
    next_ = first_;
    end();
  }

  /// At the LEAVE of that call.
  void resume(u32 depth) noexcept {
    depth_ = depth < deepest ? depth : deepest;
    first_ = depth_ == 0 ? 0 : ends_[depth_ - 1];
    next_ = first_;
  }

  void note(const u8* at, u64 size, u64 seen) noexcept {
    if (next_ >= most || depth_ >= deepest) return;  // then it proves nothing later
    rooms_[next_++] = {at, size, seen};
    end();
  }

  /// The room at an address, or nullptr. Outputs are read in the order in which their rooms were noted.
  const output_room* find(const u8* at) noexcept {
    if (depth_ >= deepest) return nullptr;
    const u32 count = ends_[depth_];
    for (u32 i = next_; i < count; ++i)  // of two at one address the first that was not asked for yet
      if (rooms_[i].at == at) {
        next_ = i + 1;
        return &rooms_[i];
      }
    for (u32 i = first_; i < next_ && i < count; ++i)
      if (rooms_[i].at == at) return &rooms_[i];
    return nullptr;
  }

 private:
  void end() noexcept {
    if (depth_ < deepest) ends_[depth_] = next_;
  }

  u32 depth_, first_, next_;
  u32 ends_[deepest];
  output_room rooms_[most];
};

/// Values that modules have given out in this process: numbers (handles, slots, mechanisms), and fingerprints of what
/// was recorded of larger outputs. A variable or buffer that is used again often holds the very value that the module
/// writes, and what is on the tape as an output already tells nobody anything new. It forgets.
class known_values {
 public:
  void add(u64 n) noexcept {
    if (auto& at = place(n); at.load(std::memory_order_relaxed) != n) at.store(n, std::memory_order_relaxed);
  }
  bool has(u64 n) const noexcept { return n == 0 || place(n).load(std::memory_order_relaxed) == n; }
  void forget() noexcept {
    for (auto& v : values_) v.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr unsigned bits = 11;
  std::atomic<u64>& place(u64 n) const noexcept { return values_[n * 0x9e3779b97f4a7c15 >> (64 - bits)]; }
  mutable std::atomic<u64> values_[u32{1} << bits];
};

}  // namespace p11tape::capture
