// SPDX-License-Identifier: Apache-2.0
// A copy has the records of the tape, thread by thread, and is not larger than it has to be.
#include "scrub/copy.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tape/tape_builder.hpp"

using namespace p11tape;
using namespace p11tape::test;

TEST_CASE("a copy of many threads with few calls stays small, and loses none of them") {
  constexpr u32 threads = 400;
  tape_builder tape;
  for (u32 t = 1; t <= threads; ++t) {
    auto& chunk = tape.chunk(kept, tape.thread(t, 1000 + t));
    for (u32 n = 1; n <= t % 5 + 1; ++n) {
      chunk.enter("C_Finalize", n);
      chunk.leave("C_Finalize", n, t);
    }
  }
  temporary_folder folder;
  const auto path = folder.write(tape.bytes());
  const tape::reader original(path);
  const auto copy = folder.path() + "/copy.p11tape";
  const auto done = scrub::write_copy(original, copy, 0);
  CHECK(done.dropped == 0);
  const tape::reader copied(copy);
  CHECK_FALSE(copied.damage().any());
  REQUIRE(copied.threads().size() == original.threads().size());
  for (std::size_t t = 0; t < threads; ++t) {
    REQUIRE(copied.threads()[t].number == original.threads()[t].number);
    REQUIRE(copied.threads()[t].id == original.threads()[t].id);
    auto one = original.records(t), other = copied.records(t);
    tape::record_view a, b;
    while (one.next(a)) {
      REQUIRE(other.next(b));
      REQUIRE((a.kind == b.kind && a.ordinal == b.ordinal && a.time == b.time && a.wall == b.wall));
      REQUIRE((a.function == b.function && a.body.size() == b.body.size()));
    }
    REQUIRE_FALSE(other.next(b));
  }
  CHECK(std::filesystem::file_size(copy) < std::filesystem::file_size(path) / 4);
}
