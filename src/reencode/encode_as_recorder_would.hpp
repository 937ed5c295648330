// SPDX-License-Identifier: Apache-2.0
// The records that the recorder would have written of a call as it is made now, by its own encoder and the profile of a
// tape: with them the call is compared with those on the tape. What the tape withholds is not looked at here, either.
#pragma once

#include <memory>
#include <vector>

#include "capture/encode/encode.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::reencode {

/// The settings of a recorder that decide what a call leaves on its tape.
struct recorder_profile {
  recorder_profile() = default;
  explicit recorder_profile(const tape::reader& tape);
  std::size_t profile = 0;  ///< index into cryptoki::redactions
  tape::u64 most_payload = 64 * 1024;
};

/// What calls of all threads share.
class encoding_room {
 public:
  explicit encoding_room(const recorder_profile& how);
  const capture::encoding& how() const noexcept { return how_; }

 private:
  std::unique_ptr<capture::session_mechanisms[]> operations_;
  std::unique_ptr<capture::known_values> numbers_, contents_;
  std::unique_ptr<capture::pin_memory> pins_;
  capture::encoding how_{};
};

/// One for a thread. No PIN is copied; pointers of the caller are tested before they are followed.
class encoded_call {
 public:
  explicit encoded_call(const encoding_room& room);

  /// Before the call.
  void enter(cryptoki::function f, const tape::u64* words);
  /// After it, if its outputs are of no interest.
  void settle(cryptoki::function f, const tape::u64* words, tape::u64 value);
  /// After it.
  void leave(cryptoki::function f, const tape::u64* words, tape::u64 value);

  /// Bodies of ENTER and LEAVE. They are valid until the next call.
  tape::byte_view entered() const noexcept { return view(enter_, enter_size_); }
  tape::byte_view left() const noexcept { return view(leave_, leave_size_); }

 private:
  using buffer = std::vector<tape::u64>;
  static tape::byte_view view(const buffer& b, std::size_t size) noexcept {
    return {reinterpret_cast<const std::byte*>(b.data()), size};
  }
  template <class Body>
  std::size_t put(buffer& into, Body body);

  const capture::encoding& how_;
  std::unique_ptr<capture::scratch> scratch_;
  std::unique_ptr<capture::output_rooms> rooms_;
  capture::known_pages pages_{};
  capture::capacities caps_{};
  buffer enter_, leave_;
  std::size_t enter_size_ = 0, leave_size_ = 0;
};

}  // namespace p11tape::reencode
