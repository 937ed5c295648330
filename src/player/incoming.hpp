// A live call as the recorder would have put it onto the tape: the body of an ENTER.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capture/encode.hpp"
#include "p11tape/record.hpp"

namespace p11tape::player {

/// The recorder's encoder, set up as it was for the tape. For one thread at a time.
class incoming {
 public:
  /// `profile`: index into cryptoki::redactions. `most_payload`: the limit that the tape was recorded with.
  incoming(std::size_t profile, tape::u64 most_payload);

  /// The body of the call's ENTER. It is valid until the next call of it. Pointers of the caller are tested before they
  /// are followed; no PIN is copied.
  tape::fields_view encode(cryptoki::function f, const tape::u64* words);

  /// The body that encode() made last.
  tape::byte_view body() const noexcept { return body_; }

 private:
  std::unique_ptr<capture::pin_memory> pins_;
  std::unique_ptr<capture::scratch> room_;
  std::unique_ptr<capture::template_room> templates_;
  std::vector<capture::session_mechanisms> operations_;
  capture::encoding how_{};
  std::vector<capture::u8> bytes_;
  tape::byte_view body_;
};

}  // namespace p11tape::player
