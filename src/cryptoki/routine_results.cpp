// SPDX-License-Identifier: Apache-2.0
#include "cryptoki/routine_results.hpp"

#include "cryptoki/tables.hpp"

namespace p11tape::cryptoki {
namespace {

constexpr std::uint16_t any = 0xffff;

struct routine_row {
  std::uint16_t function;
  std::uint64_t value;
};

constexpr std::uint16_t number_of(std::uint16_t f) noexcept { return f; }
constexpr std::uint16_t number_of(function f) noexcept { return static_cast<std::uint16_t>(f); }

constexpr routine_row rows[] = {
#define ROUTINE(function_name, value) \
  {number_of([] {                     \
     using enum function;             \
     return function_name;            \
   }()),                              \
   value},
#include "cryptoki/routine_results.def"
#undef ROUTINE
};

}  // namespace

bool is_routine(std::uint16_t function, std::uint64_t return_value) noexcept {
  if (return_value == CKR_OK) return true;
  for (const auto& row : rows)
    if (row.value == return_value && (row.function == any || row.function == function)) return true;
  return false;
}

}  // namespace p11tape::cryptoki
