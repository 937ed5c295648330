// SPDX-License-Identifier: Apache-2.0
// Which argument of a function is its session, its key, its template ...: found once for each function of a tape's own
// schema, so that nothing that looks at millions of calls compares names.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "cryptoki/tables.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::model {

/// The kinds of operation that a session can have active at the same time.
enum class operation : std::uint8_t {
  search,
  encrypt,
  decrypt,
  digest,
  sign,
  verify,
  message_encrypt,
  message_decrypt,
  message_sign,
  message_verify,
  no_operation,
};
inline constexpr std::size_t operations = static_cast<std::size_t>(operation::no_operation);

/// "a search", "signing" ...
const char* name_of(operation o) noexcept;

using cryptoki::unknown_function;

/// Effects of which it takes one step to tell whether a function has one of them: most of what is gathered of calls is
/// about few of them.
class effect_set {
 public:
  constexpr effect_set(std::initializer_list<cryptoki::effect> all) noexcept {
    for (const auto e : all) bits_ |= bit_of(e);
  }
  constexpr bool has(cryptoki::effect e) const noexcept { return (bits_ & bit_of(e)) != 0; }

 private:
  static_assert(static_cast<unsigned>(cryptoki::effect::message_next) < 64, "each effect needs a bit");
  static constexpr std::uint64_t bit_of(cryptoki::effect e) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(e);
  }
  std::uint64_t bits_ = 0;
};

/// Indexes of arguments; -1 where the function has none of the kind.
struct function_role {
  cryptoki::function which = unknown_function;  ///< by name, whatever its number on the tape
  bool same_row = false;                        ///< the tape describes it as this program does
  cryptoki::effect does = cryptoki::effect::none;
  operation on = operation::no_operation;  ///< the operation that it begins, continues or ends
  std::int8_t session = -1;
  std::int8_t slot = -1;
  std::int8_t object = -1;  ///< the first object handle that is passed in: key or object
  std::int8_t second_object = -1;
  std::int8_t mechanism = -1;
  std::int8_t question = -1;     ///< the template of C_GetAttributeValue
  std::int8_t values = -1;       ///< the first template that is passed in
  std::int8_t more_values = -1;  ///< the second one: C_GenerateKeyPair's private key
  std::int8_t user = -1;
  std::int8_t pin = -1;
  std::int8_t new_pin = -1;
  std::int8_t flags = -1;
  std::int8_t input = -1;         ///< the first byte string that is passed in, PINs aside
  std::int8_t input_length = -1;  ///< what counts it
  std::int8_t output = -1;        ///< the first byte string that comes out
  std::int8_t output_length = -1;
  std::int8_t result = -1;        ///< the first handle that comes out: session, object, or several
  std::int8_t result_count = -1;  ///< what counts them
  std::int8_t more_result = -1;
};

/// The roles of all functions of a schema, by their number in it.
std::vector<function_role> roles_of(const tape::schema& rows);

}  // namespace p11tape::model
