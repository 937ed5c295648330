// SPDX-License-Identifier: Apache-2.0
// What makes two calls the same call: a string made of a function's inputs.
//
// Both the recorded call and the live one come as the body of an ENTER, encoded by the recorder's own encoder under the
// same profile, so that what was withheld from the tape is withheld here, too, and compares equal. Left out of the
// string is what another client, another run or other buffers may change without changing the question: the session,
// where outputs are to go and how much room there is, callbacks and opaque pointers, the number of a PIN within its
// process, the order of a template's attributes. Object handles go in as numbers of objects.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cryptoki/tables.hpp"
#include "model/numbers.hpp"
#include "p11tape/record.hpp"

namespace p11tape::player {

using tape::u32;
using tape::u64;

enum class closeness {
  exact,  ///< every input that the profile records
  loose,  ///< without data, random lengths and mechanism parameters: the same question about other bytes
};

/// The object that a handle stands for just now; none where it stands for none that is known.
using object_of = std::function<model::object_number(model::object_handle)>;

/// The string of a call. `slot` is that of its session, none where it has none.
std::string key_of(cryptoki::function f, const tape::fields_view& inputs, closeness how, model::slot_id slot,
                   const object_of& objects);

/// True where a call asks only how long an output is: it has nowhere to put it.
bool asks_for_length(const tape::fields_view& inputs);

/// The numbers that the tape, or this process, has given to the PINs of a call.
std::vector<u32> pins_of(const tape::fields_view& inputs);

}  // namespace p11tape::player
