// SPDX-License-Identifier: Apache-2.0
// A SoftHSM token of its own for a test, to hold the shim against a real module.
#pragma once

#include "support.hpp"

namespace p11tape::contract {

class softhsm {
 public:
  /// Initialises a token with user PIN 12345678; ready() is false where SoftHSM is not installed.
  explicit softhsm(const std::string& label = "contract");
  bool ready() const { return ready_; }
  /// A host's surroundings with SoftHSM behind the shim.
  setup surroundings() const;

 private:
  scratch files_;
  bool ready_ = false;
};

}  // namespace p11tape::contract
