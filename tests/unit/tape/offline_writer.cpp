// SPDX-License-Identifier: Apache-2.0
// What is written offline is read back, thread by thread; and small threads do not make a large file.
#include "tape/offline_writer.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tape/calls_of.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

constexpr u64 threads = 500;
constexpr u64 wall = u64{1700000000} * 1000000000;

// Some threads saw another time of day: no chunk has the pairs of clocks of both.
u64 offset_of(u64 thread) { return wall + thread / 120 * 5000; }

std::string written(const std::string& path, u32 records_of_each, std::size_t body_size) {
  tape::offline_writer w(path, "program=/bin/many\n", cryptoki::schema_text());
  w.header.word_size = 8;
  w.header.profile = 1;
  const std::string body(body_size, 'x');
  const auto* const bytes = reinterpret_cast<const std::byte*>(body.data());
  for (u32 n = 1; n <= records_of_each; ++n)
    for (u64 t = 1; t <= threads; ++t) {
      tape::offline_writer::record r;
      r.call = r.ordinal = n;
      r.time = 1000 * n + t;
      r.wall = r.time + offset_of(t);
      w.add(t, 70000 + t, r, {bytes, body.size()});
    }
  w.finish();
  return path;
}

void check(const std::string& path, u32 records_of_each, std::size_t body_size) {
  tape::reader r(path);
  CHECK(r.damage().notes.empty());
  CHECK_FALSE(r.damage().any());
  REQUIRE(r.threads().size() == threads);
  for (std::size_t i = 0; i < threads; ++i) {
    const auto thread = r.threads()[i];
    REQUIRE(thread.id == 70000 + thread.number);
    auto records = r.records(i);
    tape::record_view view;
    for (u32 n = 1; n <= records_of_each; ++n) {
      REQUIRE(records.next(view));
      REQUIRE(view.ordinal == n);
      REQUIRE(view.time == 1000 * n + thread.number);
      REQUIRE(view.wall == view.time + offset_of(thread.number));
      REQUIRE(view.body.size() >= body_size);
    }
    REQUIRE_FALSE(records.next(view));
  }
}

}  // namespace

TEST_CASE("threads with few records share chunks") {
  temporary_folder folder;
  const auto path = written(folder.path() + "/few.p11tape", 2, 16);
  check(path, 2, 16);
  CHECK(std::filesystem::file_size(path) < threads * 400 + cryptoki::schema_text().size() + 65536);
}

TEST_CASE("threads with many records have chunks of their own, and share the last") {
  temporary_folder folder;
  check(written(folder.path() + "/many.p11tape", 40, 600), 40, 600);
}
