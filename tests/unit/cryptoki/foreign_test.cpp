// SPDX-License-Identifier: Apache-2.0
// Our header against those that Debian packages: what both of them have must be the same, byte for byte of layout.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "cryptoki/tables.hpp"
#include "foreign.hpp"
#include "header_text.hpp"

namespace {

using namespace p11tape;
using namespace p11tape::cryptoki;

/// What a header is known to say differently, with the reason in a comment where it is used.
struct expectations {
  std::set<std::string_view> other_constants;
  std::set<std::string_view> other_records;
  std::set<std::string_view> other_fields;  ///< "CK_X.field": called otherwise
  std::size_t constants, records, lists;    ///< at least as many are compared
};

void compare(const test::foreign_api& theirs, const expectations& known) {
  std::size_t compared = 0;
  for (const auto& c : theirs.constants) {
    INFO(c.name);
    std::uint64_t ours = 0;
    REQUIRE(value_of(c.name, ours));
    CHECK((ours == c.value) == !known.other_constants.contains(c.name));
    ++compared;
  }
  CHECK(compared >= known.constants);

  std::size_t records_compared = 0;
  for (const auto& r : theirs.records) {
    INFO(r.name);
    const auto at = record_named(r.name);
    REQUIRE(at < record_count);
    CHECK((records[at].size == r.size) == !known.other_records.contains(r.name));
    ++records_compared;
  }
  CHECK(records_compared >= known.records);

  for (const auto& f : theirs.fields) {
    const auto full_name = std::string{f.record} + "." + std::string{f.name};
    INFO(full_name);
    CHECK(f.present == !known.other_fields.contains(full_name));
    if (!f.present || known.other_records.contains(f.record)) continue;
    const auto& row = records[record_named(f.record)];
    for (std::size_t i = 0; i < row.fields.size(); ++i)
      if (row.fields[i].name == f.name) {
        CHECK(row.places[i].offset == f.offset);
        CHECK(row.places[i].size == f.size);
      }
  }

  CHECK(theirs.lists.size() == known.lists);
  for (const auto& list : theirs.lists) {
    const auto n = functions_in(list.name == "CK_FUNCTION_LIST" ? version::v2_40 : version::v3_0);
    CHECK(list.size == (n + 1) * sizeof(void*));
    std::size_t in_list = 0;
    for (const auto& f : theirs.functions) {
      if (f.record != list.name) continue;
      INFO(f.name);
      CHECK(functions[in_list].name == f.name);
      CHECK(f.offset == (in_list + 1) * sizeof(void*));
      ++in_list;
    }
    CHECK(in_list == n);
  }
}

TEST_CASE("our header and NSS's agree", "[cryptoki][foreign]") {
  const auto* theirs = test::nss_api();
  if (!theirs) {
    WARN("libnss3-dev is not installed: nothing is compared with NSS's PKCS#11 header");
    return;
  }
  compare(*theirs, {// Names that NSS gave to attributes of its own, years before 3.2 took them for the standard's.
                    .other_constants = {"CKA_TRUST_SERVER_AUTH", "CKA_TRUST_CLIENT_AUTH", "CKA_TRUST_CODE_SIGNING",
                                        "CKA_TRUST_EMAIL_PROTECTION", "CKA_TRUST_TIME_STAMPING"},
                    // NSS passes the parameter string of its token in a field of its own before pReserved.
                    .other_records = {"CK_C_INITIALIZE_ARGS"},
                    .other_fields = {},
                    .constants = 800,
                    .records = 70,
                    .lists = 2});
}

TEST_CASE("our header and p11-kit's agree", "[cryptoki][foreign]") {
  const auto* theirs = test::p11_kit_api();
  if (!theirs) {
    WARN("libp11-kit-dev is not installed: nothing is compared with p11-kit's PKCS#11 header");
    return;
  }
  compare(*theirs, {// p11-kit numbers these from 0x1c0; OASIS's headers and NSS's say 0x1b5 and up.
                    .other_constants = {"CKR_EXCEEDED_MAX_ITERATIONS", "CKR_FIPS_SELF_TEST_FAILED",
                                        "CKR_LIBRARY_LOAD_FAILED", "CKR_PIN_TOO_WEAK", "CKR_PUBLIC_KEY_INVALID"},
                    .other_records = {},
                    .other_fields = {},
                    .constants = 500,
                    .records = 15,
                    .lists = 1});
}

// The reverse: a name that another header has and ours lacks is a hole, unless it is that project's own.
void compare_names(const char* their_header, const std::set<std::string>& their_own) {
  std::set<std::string> ours = their_own;
  for (const auto& c : constants()) ours.emplace(c.name);
  CHECK(test::missing(test::constant_names(test::read_text(their_header)), ours) == "");
}

#ifdef P11TAPE_NSS_HEADER
TEST_CASE("our header has every constant of NSS's", "[cryptoki][foreign]") {
  compare_names(P11TAPE_NSS_HEADER, {"CKK_INVALID_KEY_TYPE", "CK_NULL_PTR", "CK_PTR"});
}
#endif

#ifdef P11TAPE_P11_KIT_HEADER
TEST_CASE("our header has every constant of p11-kit's", "[cryptoki][foreign]") {
  // CKC_OPENPGP is GnuPG's; CK_OTP_FORMAT is an old name of CK_OTP_OUTPUT_FORMAT.
  compare_names(P11TAPE_P11_KIT_HEADER, {"CKC_OPENPGP", "CK_OTP_FORMAT", "CK_SPEC"});
}
#endif

}  // namespace
