// SPDX-License-Identifier: Apache-2.0
#include "cryptoki/routine_results.hpp"

#include <catch2/catch.hpp>

#include "cryptoki/tables.hpp"

using p11tape::cryptoki::function;
using p11tape::cryptoki::is_routine;

namespace {
std::uint16_t number(function f) { return static_cast<std::uint16_t>(f); }
}  // namespace

TEST_CASE("answers to questions are routine, in the function that asks") {
  for (std::uint16_t f = 0; f < p11tape::cryptoki::function_count; ++f) {
    CHECK(is_routine(f, CKR_OK));
    CHECK(is_routine(f, CKR_BUFFER_TOO_SMALL));
    CHECK(!is_routine(f, CKR_GENERAL_ERROR));
    CHECK(!is_routine(f, CKR_PIN_INCORRECT));
    CHECK(!is_routine(f, CKR_DEVICE_ERROR));
    CHECK(is_routine(f, CKR_ATTRIBUTE_TYPE_INVALID) == (f == number(function::C_GetAttributeValue)));
    CHECK(is_routine(f, CKR_NO_EVENT) == (f == number(function::C_WaitForSlotEvent)));
  }
}
