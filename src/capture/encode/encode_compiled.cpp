// SPDX-License-Identifier: Apache-2.0
// Which code the encoder has for each function's row: that of encode_rows.hpp, or the interpreter.
#include "capture/encode/encode_rows.hpp"

namespace p11tape::capture {

template <const auto& Steps>
void encoder::enter_row(encoder& e, sink& out, const u64* words) noexcept {
  e.fields_before<Steps, false>(out, words);
}

template <const auto& Steps>
void encoder::leave_row(encoder& e, sink& out, const u64* words) noexcept {
  e.outputs_after<Steps, false>(out, words);
}

template <const auto& Steps>
constexpr encoder::row_code encoder::code_of(const cryptoki::function_row& row) noexcept {
  if (rows::is_frequent(row)) return {&enter_row<Steps>, rows::has_outputs(Steps) ? &leave_row<Steps> : nullptr};
  return {&enter_any, rows::has_outputs(Steps) ? &leave_any : nullptr};
}

constexpr std::array<encoder::row_code, cryptoki::function_count> encoder::row_codes{
#define FN(name, ...) code_of<steps::name##_steps>(cryptoki::row(cryptoki::function::name)),
#include "cryptoki/functions.def"
#undef FN
};

}  // namespace p11tape::capture
