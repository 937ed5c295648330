// SPDX-License-Identifier: Apache-2.0
// A map that remembers what was looked up last must never remember what is gone.
#include "model/recent_map.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

using map = p11tape::model::recent_map<int, std::string>;

namespace {

map three() {
  map all;
  all[1] = "one";
  all[2] = "two";
  all[3] = "three";
  return all;
}

}  // namespace

TEST_CASE("recent_map: finds what is there, and makes what is not") {
  auto all = three();
  CHECK(all.size() == 3);
  REQUIRE(all.look_up(2) != nullptr);
  CHECK(*all.look_up(2) == "two");
  CHECK(all.look_up(2) == &all[2]);
  CHECK(all.look_up(4) == nullptr);
  CHECK(*all.look_up(2) == "two");
  CHECK(all[4].empty());
  CHECK(all.contains(4));
}

TEST_CASE("recent_map: what was looked up last is forgotten when it is erased, however that is done") {
  auto all = three();
  REQUIRE(all.look_up(2) != nullptr);
  SECTION("by key") { CHECK(all.erase(2) == 1); }
  SECTION("by place") { all.erase(all.find(2)); }
  SECTION("by what it is") {
    CHECK(all.erase_if([](const auto& e) { return e.second == "two"; }) == 1);
  }
  SECTION("with all others") { all.clear(); }
  CHECK(all.look_up(2) == nullptr);
  CHECK_FALSE(all.contains(2));
  CHECK(all[2].empty());
}

TEST_CASE("recent_map: elements stay where they are while others come") {
  auto all = three();
  const auto* const two = all.look_up(2);
  for (int i = 10; i < 10000; ++i) all[i] = "more";
  CHECK(all.look_up(2) == two);
}

TEST_CASE("recent_map: a copy and a moved one look at their own elements") {
  auto all = three();
  REQUIRE(all.look_up(2) != nullptr);
  auto copy = all;
  copy[2] = "copied";
  CHECK(*all.look_up(2) == "two");
  copy = all;
  CHECK(*copy.look_up(2) == "two");
  CHECK(copy.look_up(2) != all.look_up(2));
  auto moved = std::move(all);
  CHECK(*moved.look_up(2) == "two");
  CHECK(all.look_up(2) == nullptr);  // NOLINT(bugprone-use-after-move): it is empty, and does not look where it was
  moved[2] = "changed";
  moved = std::move(copy);
  CHECK(*moved.look_up(2) == "two");
}
