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
#include "tape/wide.hpp"

namespace p11tape::capture {

/// As much of a room is looked at as can be recorded of a public value.
inline constexpr u64 most_room_bytes = 8 * 1024;

namespace detail {

inline u64 mix(u64 a, u64 b) noexcept {
  const auto product = tape::product(a, b);
  return product.low ^ product.high;
}

template <class T>
T load(const u8* at) noexcept {
  T value;
  copy_from_caller(&value, at, sizeof value);
  return value;
}

}  // namespace detail

/// A fast keyed hash of caller memory that is readable. Inline, because little is left of it for a size that is known.
[[gnu::always_inline]] inline u64 fingerprint(const u64 (&key)[2], const u8* at, u64 size) noexcept {
  using detail::load, detail::mix;
  u64 h = key[0] ^ size, g = key[1];
  u64 left = size;
  for (; left > 32; left -= 32, at += 32) {
    h = mix(load<u64>(at) ^ key[1], load<u64>(at + 8) ^ h);
    g = mix(load<u64>(at + 16) ^ key[0], load<u64>(at + 24) ^ g);
  }
  // The products of what is left depend on nothing but the bytes, so that the processor multiplies at the same time.
  u64 a = 0, b = 0;
  if (left > 16) {
    g = mix(load<u64>(at) ^ key[0], load<u64>(at + 8) ^ g);
    a = load<u64>(at + left - 16);
    b = load<u64>(at + left - 8);
  } else if (left >= 8) {
    a = load<u64>(at);
    b = load<u64>(at + left - 8);
  } else if (left >= 4) {
    a = load<u32>(at);
    b = load<u32>(at + left - 4);
  } else {
    for (u64 i = 0; i < left; ++i) a = a << 8 | load<u8>(at + i);
  }
  return mix(a ^ key[1], b ^ h) ^ g;
}

/// The same for sizes that are known at run time alone.
u64 fingerprint_of_any(const u64 (&key)[2], const u8* at, u64 size) noexcept;

struct output_room {
  const u8* at;
  u64 size;  ///< as the caller gave it
  u64 seen;  ///< fingerprint of the room before the call; no_fingerprint: not taken
};

/// A fingerprint that proves nothing: the bytes were not looked at.
inline constexpr u64 no_fingerprint = 0;

/// Instead of a fingerprint, where memcheck would report that one is taken of bytes that nobody has written yet.
inline constexpr u64 undefined_room = 1;

/// A fingerprint that is neither of the two.
constexpr u64 usable(u64 seen) noexcept { return seen > undefined_room ? seen : undefined_room + 1; }

/// The rooms of all calls of a thread: memory alone. room_cursor knows its way around.
class output_rooms {
 public:
  static constexpr u32 most = 1024;
  static constexpr u32 deepest = 32;

 private:
  friend class room_cursor;
  u32 ends_[deepest + 1];  // the last one is of all that is deeper, which has none
  output_room rooms_[most];
};

/// The rooms of one call, at its ENTER or at its LEAVE.
class room_cursor {
 public:
  /// For a call inside `depth` others.
  room_cursor(output_rooms& of, u32 depth) noexcept
      : of_(&of), depth_(depth < output_rooms::deepest ? depth : output_rooms::deepest) {}

  /// At the ENTER.
  void begin() noexcept {
    resume();
    of_->ends_[depth_] = first_;
    limit_ = depth_ < output_rooms::deepest ? output_rooms::most : 0;
  }

  /// At the LEAVE.
  void resume() noexcept {
    first_ = depth_ == 0 ? 0 : of_->ends_[depth_ - 1];
    next_ = first_;
  }

  void note(const u8* at, u64 size, u64 seen) noexcept {
    if (next_ >= limit_) return;  // then it proves nothing later
    of_->rooms_[next_++] = {at, size, seen};
    of_->ends_[depth_] = next_;
  }

  /// The next room, if it is at that address; else nullptr. pass() goes on to the one after it.
  const output_room* next_at(const u8* at) const noexcept {
    const auto* const room = &of_->rooms_[next_];
    return next_ < of_->ends_[depth_] && room->at == at ? room : nullptr;
  }
  void pass() noexcept { ++next_; }

  /// The room at an address, or nullptr. Outputs are read in the order in which their rooms were noted.
  const output_room* find(const u8* at) noexcept {
    if (const auto* const room = next_at(at); room != nullptr) [[likely]] {
      ++next_;
      return room;
    }
    const u32 count = of_->ends_[depth_];
    const auto [room, next] = search(of_->rooms_, {at, first_, next_, count});
    next_ = next;
    return room;
  }

 private:
  struct question {
    const u8* at;
    u32 first, next, count;
  };
  struct answer {
    const output_room* room;
    u32 next;
  };
  [[gnu::noinline]] static answer search(const output_room* rooms, const question& q) noexcept {
    for (u32 i = q.next; i < q.count; ++i)  // of two at one address the first that was not asked for yet
      if (rooms[i].at == q.at) return {&rooms[i], i + 1};
    for (u32 i = q.first; i < q.next && i < q.count; ++i)
      if (rooms[i].at == q.at) return {&rooms[i], q.next};
    return {nullptr, q.next};
  }

  output_rooms* of_;
  u32 depth_, first_ = 0, next_ = 0, limit_ = 0;
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
