// SPDX-License-Identifier: Apache-2.0
// Reading facts out of records: what a template says of an object, what CK_TOKEN_INFO says of a token. Nothing that the
// tape withheld, cut or could not read is taken for a fact.
#pragma once

#include <optional>

#include "model/recorded_process.hpp"

namespace p11tape::model {

/// Takes over what the template says. `answered`: it is what the module answered, so lengths may be unavailable.
void learn(object& o, tape::byte_view template_payload);
void learn(search& s, tape::byte_view template_payload);

/// What a search asked for holds for what it found.
void learn(object& o, const search& s);

/// What the mechanism that made a key says of it.
void learn_from_generation(object& o, u64 mechanism);

/// The struct of a LEAVE's output `field`, and its row; nothing where it is not there.
std::optional<tape::fields_view> output_struct(const call& c, std::size_t field);

void learn(slot& s, const tape::fields_view& slot_info);
token token_of(const tape::fields_view& token_info);
locking locking_of(const call& initialize);

/// The number that the field of that name holds, 0 where there is none.
u64 number_named(const tape::fields_view& fields, std::string_view name);
/// The bytes of the field of that name, "" where they are not on the tape.
std::string text_named(const tape::fields_view& fields, std::string_view name);

/// The type of the mechanism that the call was given, `unknown` where it was given none.
u64 mechanism_of(const call& c, const function_role& r);

/// The template that an argument of a call holds, as the caller passed it; empty where it is not there.
tape::byte_view template_of(const call& c, std::int8_t argument);

/// The handles or numbers of an output.
struct numbers {
  tape::item_view item;
  std::size_t size() const noexcept {
    return item.form == tape::item_form::number ? 1 : item.form == tape::item_form::numbers ? item.numbers() : 0;
  }
  u64 operator[](std::size_t i) const noexcept { return item.number(i); }
  /// Not proven to be the module's: what an earlier call said still holds.
  bool is_unproven() const noexcept { return item.is_unproven(); }
};
numbers output_numbers(const call& c, std::int8_t argument);

/// The objects that a call made, as its templates tell of them, without the number; false where it made none.
bool made_by(const call& c, const function_role& r, const recorded_process& in, slot_id slot, std::size_t which,
             object& out);

}  // namespace p11tape::model
