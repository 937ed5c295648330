// SPDX-License-Identifier: Apache-2.0
// Memory for the arguments of one call: taken piece by piece, given back all at once.
//
// Lengths come from a tape, which may claim anything: what one call takes is bounded. Pieces that held a PIN are
// overwritten before they are used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace p11tape::replay {

class arena {
 public:
  static constexpr std::uint64_t most = 64u << 20;  ///< bytes of one call

  /// Zeros, aligned for any struct; nullptr where the call has taken too much. Never an empty piece: a pointer to
  /// nothing is not NULL.
  std::byte* take(std::uint64_t size) {
    const std::uint64_t room = (size + 16) & ~std::uint64_t{15};
    if (size > most || taken_ + room > most) return nullptr;
    taken_ += room;
    if (at_ + room > block_size_) {
      block_size_ = room > usual ? room : usual;
      blocks_.push_back(std::make_unique<std::byte[]>(block_size_));
      at_ = 0;
    } else {
      std::memset(blocks_.back().get() + at_, 0, room);
    }
    auto* here = blocks_.back().get() + at_;
    at_ += room;
    return here;
  }

  /// Overwritten by the next clear().
  std::byte* take_secret(std::uint64_t size) {
    auto* here = take(size);
    if (here != nullptr) secrets_.emplace_back(here, size);
    return here;
  }

  /// The same piece for every call that asks for this number; zeros at first.
  std::byte* lasting(unsigned number, std::uint64_t size) {
    auto& piece = lasting_[number];
    if (piece == nullptr) piece = std::make_unique<std::byte[]>(size);
    return piece.get();
  }

  void clear() noexcept {
    for (const auto& [at, size] : secrets_) explicit_bzero(at, size);
    secrets_.clear();
    taken_ = 0;
    at_ = 0;
    if (blocks_.size() > 1 || block_size_ > usual) {
      blocks_.clear();
      block_size_ = 0;
    }
  }

  arena() = default;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;
  ~arena() { clear(); }

 private:
  static constexpr std::uint64_t usual = 64 * 1024;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::map<unsigned, std::unique_ptr<std::byte[]>> lasting_;
  std::vector<std::pair<std::byte*, std::uint64_t>> secrets_;
  std::uint64_t block_size_ = 0, at_ = 0, taken_ = 0;
};

}  // namespace p11tape::replay
