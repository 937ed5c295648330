// SPDX-License-Identifier: Apache-2.0
// Calling any function of a module by its row, under the names that the mock and its tests use.
#pragma once

#include "cryptoki/call.hpp"

namespace p11tape::mock {

using cryptoki::call;
using cryptoki::call_address;
using cryptoki::call_with;
using cryptoki::exported;
using cryptoki::from_word;
using cryptoki::slot;
using cryptoki::to_word;

}  // namespace p11tape::mock
