// SPDX-License-Identifier: Apache-2.0
// The public header and the rows name the same things: whatever is added to one of them has to be added to the other.
#include <catch2/catch.hpp>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <type_traits>

#include "cryptoki/tables.hpp"
#include "header_text.hpp"

namespace {

using namespace p11tape;
using namespace p11tape::cryptoki;

const std::string& header() {
  static const auto text = test::read_text(P11TAPE_HEADER);
  return text;
}

// ---- Functions: prototypes and the three lists, at compile time ----

#define P11TAPE_TYPE_OF(T, N, ...) T
#define FN(name, since, family, does, ...)                                                                      \
  static_assert(std::is_same_v<decltype(&::name), CK_RV (*)(P11TAPE_EACH_COMMA(P11TAPE_TYPE_OF, __VA_ARGS__))>, \
                #name ": the header's prototype is not the row's");                                             \
  static_assert(std::is_same_v<CK_##name, decltype(&::name)>);
#include "cryptoki/functions.def"
#undef FN
#undef P11TAPE_TYPE_OF

constexpr std::size_t slot_of(function f) { return sizeof(void*) * (1 + static_cast<std::size_t>(f)); }

constexpr std::size_t list_size(version v) { return sizeof(void*) * (1 + functions_in(v)); }
static_assert(sizeof(CK_FUNCTION_LIST) == list_size(version::v2_40));
static_assert(sizeof(CK_FUNCTION_LIST_3_0) == list_size(version::v3_0));
static_assert(sizeof(CK_FUNCTION_LIST_3_2) == list_size(version::v3_2));

// A list holds a function where the row's version allows it; a template, so that the other branch need not compile.
#define FN(name, since, family, does, ...)                                                              \
  template <class List>                                                                                 \
  constexpr bool name##_in_place() {                                                                    \
    if constexpr (requires(List l) { l.name; }) return offsetof(List, name) == slot_of(function::name); \
    return false;                                                                                       \
  }                                                                                                     \
  static_assert(name##_in_place<CK_FUNCTION_LIST_3_2>());                                               \
  static_assert(name##_in_place<CK_FUNCTION_LIST_3_0>() == (version::since <= version::v3_0));          \
  static_assert(name##_in_place<CK_FUNCTION_LIST>() == (version::since <= version::v2_40));
#include "cryptoki/functions.def"
#undef FN

// ---- Everything by name ----

TEST_CASE("every function and argument of the header is a row, in the header's order", "[cryptoki][header]") {
  const std::regex entry{R"(\bF\((C_\w+), \(([^)]*)\)\))"};
  std::size_t n = 0, arguments = 0;
  for (std::sregex_iterator it{header().begin(), header().end(), entry}, end; it != end; ++it, ++n) {
    REQUIRE(n < function_count);
    CHECK(functions[n].name == std::string{(*it)[1]});
    std::string expected;
    for (const auto& a : functions[n].arguments) {
      expected += (expected.empty() ? "" : ", ") + std::string{a.type} + " " + std::string{a.name};
      ++arguments;
    }
    CHECK(std::string{(*it)[2]} == expected);
  }
  CHECK(n == 104);
  CHECK(arguments == 404);
  CHECK(functions_in(version::v2_40) == 68);
  CHECK(functions_in(version::v3_0) == 68 + 24);
  CHECK(functions_in(version::v3_2) == 68 + 24 + 12);
}

TEST_CASE("every struct of the header is a row, and the reverse", "[cryptoki][header]") {
  std::set<std::string> named, rows;
  for (const auto& name : test::all_matches(header(), R"(\ntypedef struct (\w+) \w+;)"))
    if (!name.starts_with("CK_FUNCTION_LIST")) named.insert(name);
  for (const auto& r : records) rows.emplace(r.name);
  CHECK(test::missing(named, rows) == "");
  // The one that is no header's.
  CHECK(rows.erase("CK_GCM_PARAMS_WITHOUT_IV_BITS") == 1);
  CHECK(test::missing(rows, named) == "");
  CHECK(rows.size() == 97);
}

TEST_CASE("every constant of the header is in the rows, and the reverse", "[cryptoki][header]") {
  std::set<std::string> rows;
  for (const auto& c : constants()) rows.emplace(c.name);
  const auto named = test::constant_names(header());
  CHECK(test::missing(named, rows) == "");
  CHECK(test::missing(rows, named) == "");
}

TEST_CASE("the numbers of constants by prefix", "[cryptoki][header]") {
  std::map<std::string, int> count;
  for (const auto& c : constants()) ++count[std::string{c.name.substr(0, c.name.find('_'))}];
  CHECK(count["CKM"] == 480);
  CHECK(count["CKA"] == 160);
  CHECK(count["CKR"] == 105);
  CHECK(count["CKK"] == 69);
  CHECK(count["CKO"] == 13);
  CHECK(count["CKF"] == 73);
  CHECK(constants().size() == test::constant_names(header()).size());
}

TEST_CASE("a constant of the header has the value of its row", "[cryptoki][header]") {
  // The rows take their values from the compiler; this reads the numbers from the text, for a header that is edited.
  const std::regex plain{R"(\n#define (CK[A-Z]?_\w+)\s+(0x[0-9a-fA-F]+|[0-9]+)UL\b)"};
  std::size_t compared = 0;
  for (std::sregex_iterator it{header().begin(), header().end(), plain}, end; it != end; ++it) {
    std::uint64_t value = 0;
    INFO((*it)[1]);
    REQUIRE(value_of((*it)[1].str(), value));
    CHECK(value == std::stoull((*it)[2].str(), nullptr, 0));
    ++compared;
  }
  CHECK(compared > 900);
}

TEST_CASE("no name is in the rows twice", "[cryptoki][rows]") {
  std::set<std::string_view> seen;
  for (const auto& c : constants()) {
    INFO(c.name);
    CHECK(seen.insert(c.name).second);
  }
}

}  // namespace
