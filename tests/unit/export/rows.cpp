// SPDX-License-Identifier: Apache-2.0
// Rows of tapes that grow: a call that may still end is held back, and comes when it has ended, or cannot end any more.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "diagnose/synthetic.hpp"
#include "export/rows.hpp"
#include "tape/liveness.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

struct lines : exporting::row_receiver {
  std::vector<std::string> all;
  bool row(query::table, const std::string& line) override {
    all.push_back(line);
    return true;
  }
};

std::vector<std::string> rows_of(const std::string& path, exporting::tape_progress& progress) {
  const tape::reader tape(path);
  query::symbols pool;
  const std::set<query::table> wanted = {query::table::calls};
  std::map<query::table, exporting::line_maker> makers;
  makers.try_emplace(query::table::calls, query::table::calls, exporting::line_options{});
  lines to;
  exporting::export_tape(tape, pool, wanted, makers, progress, to);
  return to.all;
}

// The lock that the recorder holds on a tape of its own.
class held_lock {
 public:
  explicit held_lock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) { tape::hold_lock(fd_); }
  ~held_lock() { ::close(fd_); }
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;

 private:
  int fd_;
};

}  // namespace

TEST_CASE("a tape grows while the recorder holds its lock, however long the last call has taken") {
  tape_story s;
  s.initialize().open(5, 1).begin("C_GenerateRandom", {1, 1, 8});
  const auto path = s.write();
  exporting::tape_progress progress;
  {
    const held_lock lock(path);
    CHECK(exporting::is_growing(tape::reader(path)));
    const auto rows = rows_of(path, progress);
    REQUIRE(rows.size() == 2);
    CHECK(rows.back().find("C_OpenSession") != std::string::npos);
    CHECK(rows_of(path, progress).empty());
  }
  // The process is gone: its last call will not end.
  CHECK_FALSE(exporting::is_growing(tape::reader(path)));
  auto after = progress;
  const auto rest = rows_of(path, after);
  REQUIRE(rest.size() == 1);
  CHECK(rest.front().find("\"state\":\"in_flight\"") != std::string::npos);
  CHECK(rows_of(path, after).empty());

  // It has not gone, and the call has ended after all.
  s.end("C_GenerateRandom").close(1);
  const auto again = s.write();
  const held_lock lock(again);
  const auto rows = rows_of(again, progress);
  REQUIRE(rows.size() == 2);
  CHECK(rows.front().find("\"state\":\"returned\"") != std::string::npos);
}
