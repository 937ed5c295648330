// SPDX-License-Identifier: Apache-2.0
// Names and values of constants, both ways.
#include <catch2/catch.hpp>
#include <string>

#include "cryptoki/tables.hpp"

namespace {

using namespace p11tape::cryptoki;

TEST_CASE("every name leads to its value", "[cryptoki][names]") {
  for (const auto& c : constants()) {
    std::uint64_t value = 0;
    INFO(c.name);
    REQUIRE(value_of(c.name, value));
    CHECK(value == c.value);
  }
  std::uint64_t value = 7;
  CHECK_FALSE(value_of("CKM_NO_SUCH_MECHANISM", value));
  CHECK_FALSE(value_of("", value));
  CHECK(value == 7);
}

TEST_CASE("every value leads to a name that is no alias and has that value", "[cryptoki][names]") {
  for (const auto& c : constants()) {
    const auto name = name_of(c.group, c.value);
    INFO(c.group << " " << c.name << " is shown as " << name);
    REQUIRE_FALSE(name.empty());
    std::uint64_t value = 0;
    REQUIRE(value_of(name, value));
    CHECK(value == c.value);
    if (c.alias) {
      CHECK(name != c.name);
    } else {
      CHECK(name == c.name);  // so two names of one value in one group are an error, unless one is an alias
    }
    CHECK(display_name(c.group, c.value) == name);
  }
}

TEST_CASE("a group is found by its whole name", "[cryptoki][names]") {
  for (const auto& c : constants()) {
    INFO(c.group);
    CHECK_FALSE(constants_of(c.group).empty());
    for (const auto& other : {std::string(c.group) + "x", std::string(c.group.substr(1)), "x" + std::string(c.group)})
      for (const auto& found : constants_of(other)) REQUIRE(found.group == other);
  }
  CHECK(constants_of("").empty());
  CHECK(name_of("", 0).empty());
  CHECK(name_of("no_such_group", 0).empty());
}

TEST_CASE("of two names for a value the newer one is shown", "[cryptoki][names]") {
  const struct {
    const char *group, *older, *newer;
  } pairs[] = {
      {"mechanism", "CKM_ECDSA_KEY_PAIR_GEN", "CKM_EC_KEY_PAIR_GEN"},
      {"mechanism", "CKM_CAST5_CBC", "CKM_CAST128_CBC"},
      {"mechanism", "CKM_PBE_SHA1_CAST5_CBC", "CKM_PBE_SHA1_CAST128_CBC"},
      {"mechanism", "CKM_SHA3_256_KEY_DERIVE", "CKM_SHA3_256_KEY_DERIVATION"},
      {"mechanism", "CKM_DSA_PROBABLISTIC_PARAMETER_GEN", "CKM_DSA_PROBABILISTIC_PARAMETER_GEN"},
      {"key_type", "CKK_CAST5", "CKK_CAST128"},
      {"key_type", "CKK_ECDSA", "CKK_EC"},
      {"attribute", "CKA_ECDSA_PARAMS", "CKA_EC_PARAMS"},
      {"attribute", "CKA_SUB_PRIME_BITS", "CKA_SUBPRIME_BITS"},
      {"mechanism_flags", "CKF_EC_NAMEDCURVE", "CKF_EC_OID"},
      {"mechanism_flags", "CKF_MULTI_MESSGE", "CKF_MULTI_MESSAGE"},
      {"prf_data", "CK_SP800_108_COUNTER", "CK_SP800_108_OPTIONAL_COUNTER"},
  };
  for (const auto& p : pairs) {
    INFO(p.older);
    std::uint64_t value = 0;
    REQUIRE(value_of(p.older, value));
    CHECK(name_of(p.group, value) == p.newer);
  }
}

TEST_CASE("vendor values are shown by their distance from the vendor range", "[cryptoki][names]") {
  const struct {
    const char *group, *base;
  } groups[] = {{"return_value", "CKR_VENDOR_DEFINED"},     {"mechanism", "CKM_VENDOR_DEFINED"},
                {"attribute", "CKA_VENDOR_DEFINED"},        {"key_type", "CKK_VENDOR_DEFINED"},
                {"object_class", "CKO_VENDOR_DEFINED"},     {"certificate_type", "CKC_VENDOR_DEFINED"},
                {"hardware_feature", "CKH_VENDOR_DEFINED"}, {"profile", "CKP_VENDOR_DEFINED"}};
  for (const auto& g : groups) {
    INFO(g.base);
    CHECK(display_name(g.group, 0x80000000) == g.base);
    CHECK(display_name(g.group, 0x80000010) == std::string{g.base} + "+0x10");
    CHECK(display_name(g.group, 0xffffffff) == std::string{g.base} + "+0x7fffffff");
    CHECK(display_name(g.group, 0x7fffffff) == "");
    CHECK(display_name(g.group, 0x100000000) == "");
    CHECK(display_name(g.group, ~std::uint64_t{0}) == "");
  }
  CHECK(display_name("user_type", 0x80000010) == "");
  CHECK(display_name("no_such_group", 0) == "");
}

TEST_CASE("every group that a row names exists", "[cryptoki][names]") {
  const auto exists = [](std::string_view group) {
    for (const auto& c : constants())
      if (c.group == group) return true;
    // Kinds of handle, and meanings that are no group of constants.
    for (const auto* word : {"plain", "slot", "session", "object", "by_key_type"})
      if (group == word) return true;
    return record_named(group) < record_count;
  };
  const auto check = [&](std::string_view where, std::string_view group) {
    INFO(where << ": of " << group);
    CHECK(exists(group));
  };
  for (const auto& f : functions)
    for (const auto& a : f.arguments) check(f.name, a.meaning);
  for (const auto& r : records)
    for (const auto& f : r.fields) check(r.name, f.meaning);
  for (const auto& a : attributes())
    if (!a.meaning.empty()) check(a.name, a.meaning);
}

TEST_CASE("both values of the KEM templates find their row", "[cryptoki][attributes]") {
  constexpr std::uint64_t array = CKF_ARRAY_ATTRIBUTE;
  for (const std::uint64_t type : {std::uint64_t{0x62a}, std::uint64_t{0x62b}}) {
    for (const auto value : {type, type | array}) {
      const auto* row = find_attribute(value);
      INFO(std::hex << value);
      REQUIRE(row);
      CHECK(row->kind == form::template_);
      CHECK(row->name == (type == 0x62a ? "CKA_ENCAPSULATE_TEMPLATE" : "CKA_DECAPSULATE_TEMPLATE"));
      CHECK(display_name("attribute", value) == row->name);
    }
  }
  CHECK(find_attribute(CKA_WRAP_TEMPLATE)->kind == form::template_);
  CHECK(find_attribute(CKA_TOKEN | array) == nullptr);
  CHECK(find_attribute(CKA_WRAP_TEMPLATE & ~array) == nullptr);
  CHECK(find_attribute(CKA_ALLOWED_MECHANISMS)->kind == form::mechanisms);
}

TEST_CASE("every attribute and every mechanism finds its own row", "[cryptoki][attributes][mechanisms]") {
  for (const auto& a : attributes()) {
    if (a.name == "CKA_VENDOR_DEFINED") continue;  // beyond the index: key material, as all that is not listed
    INFO(a.name);
    REQUIRE(find_attribute(a.type));
    CHECK(find_attribute(a.type)->name == a.name);
  }
  CHECK(find_attribute(0x80000000) == nullptr);
  CHECK(find_attribute(~std::uint64_t{0}) == nullptr);
  CHECK(find_attribute(0x6ff) == nullptr);
  for (const auto& m : mechanisms()) {
    INFO(m.name);
    REQUIRE(find_mechanism(m.type));
    CHECK(find_mechanism(m.type)->name == m.name);
  }
  CHECK(find_mechanism(0x80000001) == nullptr);
}

}  // namespace
