// SPDX-License-Identifier: Apache-2.0
// When the last calls of the tape began: much evidence is about the end, and nobody has to read the whole tape again for it.
#pragma once

#include <array>
#include <optional>

#include "model/state.hpp"

namespace p11tape::diagnose {

class start_times_of_last_calls {
 public:
  void see(const model::call& c) noexcept {
    last_ = c.number;
    at_[c.number.value() % most] = c.shown_start_wall();
  }

  /// ns since 1970, 0 if the tape does not show it; nothing for a call that is not one of the last.
  std::optional<model::u64> of(model::call_number call) const noexcept {
    if (call == model::none || call > last_ || last_.value() - call.value() >= most) return std::nullopt;
    return at_[call.value() % most];
  }

 private:
  static constexpr std::size_t most = 256;
  std::array<model::u64, most> at_{};
  model::call_number last_;
};

}  // namespace p11tape::diagnose
