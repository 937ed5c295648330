// SPDX-License-Identifier: Apache-2.0
#include "scrub/search.hpp"

#include <catch2/catch.hpp>

using p11tape::scrub::search;

namespace {

std::size_t found(std::string_view secret, std::string_view text) {
  search s(secret);
  s.feed(text);
  return s.hits().size();
}

}  // namespace

TEST_CASE("a secret is found in each form that it may take") {
  const std::string secret = "Gr4ndmother";
  CHECK(found(secret, "xx Gr4ndmother yy") == 1);
  CHECK(found(secret, "rehtomdn4rG") == 1);
  CHECK(found(secret, "4772346e646d6f74686572") == 1);
  CHECK(found(secret, "47 72 34 6e 64 6d 6f 74 68 65 72") == 0);
  CHECK(found(secret, "47723 46E646D6F746865 72") == 0);
  CHECK(found(secret,
              "47723"
              "46E646D6F74686572") == 1);
  CHECK(found(secret, std::string("G\0r\0"
                                  "4\0n\0d\0m\0o\0t\0h\0e\0r\0",
                                  22)) == 1);
  CHECK(found(secret, "R3I0bmRtb3RoZXI=") == 1);      // base64 of it
  CHECK(found(secret, "eEdyNG5kbW90aGVy") == 1);      // of x + it
  CHECK(found(secret, "eHhHcjRuZG1vdGhlcg==") == 1);  // of xx + it
  CHECK(found(secret, "grandfather") == 0);
}

TEST_CASE("eight bytes in a row of a long secret are enough, seven are not") {
  const std::string secret = "0123456789abcdefghij";
  CHECK(found(secret, "..6789abcd..") == 1);
  CHECK(found(secret, "..6789abc..") == 0);
}

TEST_CASE("a secret that is cut by the pieces of a stream is found, once") {
  search s("Gr4ndmother");
  for (const char c : std::string_view("xxxxxxxxxxxxxxxxxxxGr4ndmotheryyyyyyyyyyyyyyyyyyyyyyyyyyyyyy")) s.feed({&c, 1});
  REQUIRE(s.hits().size() == 1);
  CHECK(s.hits()[0].offset == 19);
  s.restart();
  CHECK(s.hits().empty());
  s.feed("Gr4ndmother");
  CHECK(s.hits().size() == 1);
}

TEST_CASE("a short secret is found whole") {
  CHECK(found("1234", "a1234b") == 1);
  CHECK(found("1234", "a123b") == 0);
}
