// SPDX-License-Identifier: Apache-2.0
// Operations with keys that came to their end: what a client wants of a token in the end.
#pragma once

#include "model/state.hpp"

namespace p11tape::diagnose {

struct key_uses {
  model::u64 count = 0;
  model::call_number last;

  void see(const model::call_context& now) {
    const bool completes = now.role->does == cryptoki::effect::single || now.role->does == cryptoki::effect::finish;
    if (!completes || !now.ok || now.key == nullptr) return;
    ++count;
    last = now.call->number;
  }
};

}  // namespace p11tape::diagnose
