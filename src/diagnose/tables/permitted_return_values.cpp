// SPDX-License-Identifier: Apache-2.0
#include "diagnose/tables/permitted_return_values.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "text/lines.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::function;
using u64 = std::uint64_t;

struct answer_row {
  std::string_view section, words;
};

constexpr answer_row rows[] = {
#define ANSWERS(name, section, words) {section, words},
#include "diagnose/tables/permitted_return_values.def"
};
static_assert(std::size(rows) == cryptoki::function_count);

// In the order of the function lists, as the enumeration is: a row out of place does not compile.
constexpr function order[] = {
#define ANSWERS(name, section, words) function::name,
#include "diagnose/tables/permitted_return_values.def"
};
static_assert([] {
  for (std::size_t i = 0; i < std::size(order); ++i)
    if (order[i] != static_cast<function>(i)) return false;
  return true;
}());

constexpr auto any = static_cast<function>(cryptoki::function_count);

struct normal_row {
  function which;
  u64 value;
  normal_outcome outcome;
};

constexpr normal_row normals[] = {
#define NORMAL(which, code, section, why) {function::which, code, {section, why}},
#define NORMAL_ANY(code, section, why) {any, code, {section, why}},
#define GONE(which, code) {function::which, code, {"5.1", ""}},
#include "diagnose/tables/permitted_return_values.def"
};

struct group_row {
  std::string_view name;
  std::string_view words;
};

constexpr group_row groups[] = {
    {"any", "GENERAL_ERROR HOST_MEMORY FUNCTION_FAILED"},
    {"library", "CRYPTOKI_NOT_INITIALIZED"},
    {"device", "DEVICE_ERROR DEVICE_MEMORY DEVICE_REMOVED"},
    {"session", "SESSION_HANDLE_INVALID SESSION_CLOSED"},
    {"write", "SESSION_READ_ONLY TOKEN_WRITE_PROTECTED"},
    {"mechanism", "MECHANISM_INVALID MECHANISM_PARAM_INVALID"},
    {"key", "KEY_HANDLE_INVALID KEY_SIZE_RANGE KEY_TYPE_INCONSISTENT KEY_FUNCTION_NOT_PERMITTED"},
    {"template",
     "ATTRIBUTE_READ_ONLY ATTRIBUTE_TYPE_INVALID ATTRIBUTE_VALUE_INVALID TEMPLATE_INCOMPLETE TEMPLATE_INCONSISTENT"},
};

// What any function may return, whatever its list says (5.1.1 to 5.1.6).
constexpr u64 general[] = {CKR_GENERAL_ERROR,          CKR_HOST_MEMORY,       CKR_FUNCTION_FAILED,
                           CKR_FUNCTION_NOT_SUPPORTED, CKR_ARGUMENTS_BAD,     CKR_CRYPTOKI_NOT_INITIALIZED,
                           CKR_DEVICE_ERROR,           CKR_DEVICE_MEMORY,     CKR_DEVICE_REMOVED,
                           CKR_TOKEN_NOT_PRESENT,      CKR_FUNCTION_CANCELED, CKR_CANCEL,
                           CKR_FUNCTION_REJECTED,      CKR_BUFFER_TOO_SMALL};

u64 value_of(std::string_view word) {
  u64 value = 0;
  return cryptoki::value_of("CKR_" + std::string(word), value) ? value : 0;
}

}  // namespace

std::string_view section_of(function f) noexcept {
  return f < any ? rows[static_cast<std::size_t>(f)].section : std::string_view("5");
}

std::vector<u64> listed_return_values(function f) {
  std::vector<u64> all;
  if (f >= any) return all;
  text::for_each_word(rows[static_cast<std::size_t>(f)].words, [&](std::string_view word) {
    const auto group =
        std::find_if(std::begin(groups), std::end(groups), [&](const auto& g) { return g.name == word; });
    if (group == std::end(groups)) return all.push_back(value_of(word));
    text::for_each_word(group->words, [&](std::string_view member) { all.push_back(value_of(member)); });
  });
  return all;
}

bool is_listed_return_value(function f, u64 value) noexcept {
  if (f >= any || value >= CKR_VENDOR_DEFINED) return true;
  if (std::find(std::begin(general), std::end(general), value) != std::end(general)) return true;
  const auto all = listed_return_values(f);
  return std::find(all.begin(), all.end(), value) != all.end();
}

const normal_outcome* find_normal_outcome(function f, u64 value) noexcept {
  for (const auto& n : normals)
    if ((n.which == f || n.which == any) && n.value == value) return &n.outcome;
  return nullptr;
}

}  // namespace p11tape::diagnose
