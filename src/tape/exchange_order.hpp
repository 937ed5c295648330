// SPDX-License-Identifier: Apache-2.0
// The facts of an exchange as they stand in the file: little-endian, on every host. For whoever writes them.
#pragma once

#include "p11tape/exchange.hpp"
#include "p11tape/layout.hpp"

namespace p11tape::tape {

inline exchange_facts in_file_order(const exchange_facts& f) noexcept {
  auto o = f;
  o.flags = le(f.flags);
  o.status_word = le(f.status_word);
  o.inner_status = le(f.inner_status);
  o.result = le(f.result);
  o.length = le(f.length);
  o.expected = le(f.expected);
  o.received = le(f.received);
  o.control_code = le(f.control_code);
  o.card = le(f.card);
  o.duration = le(f.duration);
  o.caller_thread = le(f.caller_thread);
  o.caller_call = le(f.caller_call);
  o.data_size = le(f.data_size);
  return o;
}

}  // namespace p11tape::tape
