// SPDX-License-Identifier: Apache-2.0
// The named queries, and what is derived from the model in other files.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "query/asked.hpp"
#include "query/model.hpp"
#include "query/named.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

std::string content(const std::string& file) {
  std::ifstream in(std::string(FLEET_DIRECTORY) + "/" + file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

}  // namespace

TEST_CASE("every named query runs on a tape without anything to find") {
  tape_story s;
  s.initialize().finalize();
  asked_tapes t({&s});
  for (const auto& q : query::named_queries()) {
    INFO(q.name);
    CHECK(t.ask(std::string(q.sqlite)).empty());
    CHECK(query::find_named(q.name) == &q);
  }
}

TEST_CASE("pin-risk counts failures since the last good login on the token, whoever made it") {
  tape_story a, b;
  a.property("host", "alpha")
      .initialize()
      .token_info(5, {.label = "T", .flags = CKF_USER_PIN_COUNT_LOW, .serial = "S"});
  a.open(5, 1).login(1, CKR_PIN_INCORRECT).login(1).login(1, CKR_PIN_INCORRECT).login(1, CKR_PIN_INCORRECT);
  b.property("host", "beta").initialize().token_info(5, {.label = "T", .serial = "S"}).open(5, 1);
  b.wait(1000000000).login(1, CKR_PIN_LOCKED);
  asked_tapes t({&a, &b});
  CHECK(t.ask(std::string(query::find_named("pin-risk")->sqlite)) ==
        "T|S|CKU_USER|beta|client|1|3|2026-11-21 18:05:02\n"
        "T|S|CKU_USER|alpha|client|2|1|2026-11-21 18:05:01\n");
}

TEST_CASE("session-leaks names the process that leaves sessions open") {
  tape_story a, b;
  a.property("host", "alpha").initialize();
  for (u64 i = 1; i <= 12; ++i) a.open(5, i);
  b.property("host", "beta").initialize().open(5, 1).close(1);
  asked_tapes t({&a, &b});
  CHECK(t.ask("SELECT host, opened, still_open, most_open FROM (" +
              std::string(query::find_named("session-leaks")->sqlite) + ")") == "alpha|12|12|12\n");
}

TEST_CASE("the fleet's schema and views are those of the model") {
  CHECK(content("tables.sql") == query::clickhouse_tables());
  CHECK(content("queries.sql") == query::clickhouse_views());
}

TEST_CASE("every column of a key is a column of its table") {
  for (const auto& t : query::tables()) {
    std::istringstream keys{std::string(t.key)};
    for (std::string k; std::getline(keys >> std::ws, k, ',');) CHECK(query::find_column(t, k) < t.columns.size());
    CHECK_FALSE(t.sentence.empty());
    for (const auto& c : t.columns) CHECK_FALSE(c.sentence.empty());
  }
}
