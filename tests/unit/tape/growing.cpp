// SPDX-License-Identifier: Apache-2.0
// A tape that is still being written: refresh() finds what is new, and cursors go on where they had ended.
#include <catch2/catch.hpp>

#include "tape/calls_of.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

// Overwrites the file in place, as a recorder does: a reader that has it open sees the new bytes.
void rewrite(const std::string& path, const std::string& bytes) {
  std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
  f << bytes;
}

std::vector<u32> drain(tape::cursor& cursor) {
  std::vector<u32> ordinals;
  tape::record_view record;
  while (cursor.next(record)) ordinals.push_back(record.ordinal);
  return ordinals;
}

}  // namespace

TEST_CASE("a cursor goes on after refresh: in the same chunk, in the other kind, in new ones") {
  tape_builder tape;
  auto& k = tape.chunk(kept);
  k.enter("C_Initialize", 1);
  temporary_folder folder;
  const auto path = folder.write(tape.bytes());
  tape::reader r(path);
  auto cursor = r.records(0);
  CHECK(drain(cursor) == std::vector<u32>{1});

  k.leave("C_Initialize", 1, 0);
  rewrite(path, tape.bytes());
  r.refresh();
  CHECK(drain(cursor) == std::vector<u32>{2});

  auto& g = tape.chunk(ring);
  g.enter("C_GetInfo", 2);
  g.leave("C_GetInfo", 2, 0);
  k.enter("C_Finalize", 3);
  rewrite(path, tape.bytes());
  r.refresh();
  CHECK(drain(cursor) == std::vector<u32>{3, 4, 5});
  CHECK(drain(cursor).empty());

  auto& other = tape.chunk(ring, tape.thread(2, 99));
  other.enter("C_GetInfo", 1);
  rewrite(path, tape.bytes());
  r.refresh();
  CHECK(drain(cursor).empty());
  REQUIRE(r.threads().size() == 2);
  auto second = r.records(1);
  CHECK(drain(second) == std::vector<u32>{1});
  CHECK_FALSE(r.damage().any());
}

TEST_CASE("a chunk that was overwritten since the index was made is not mistaken for the old one") {
  tape_builder tape;
  auto& a = tape.chunk(ring);
  a.enter("C_GetInfo", 1);
  a.leave("C_GetInfo", 1, 0);
  temporary_folder folder;
  const auto path = folder.write(tape.bytes());
  tape::reader r(path);
  auto cursor = r.records(0);

  auto bytes = tape.bytes();
  u64 data = 0;
  std::memcpy(&data, bytes.data() + 96, sizeof data);
  data = tape::le(data);
  bytes[data + 16] = 77;  // the sequence
  rewrite(path, bytes);
  CHECK(drain(cursor).empty());
  CHECK(r.damage().overwritten == 1);
  r.refresh();
  auto again = r.records(0);
  CHECK(drain(again) == std::vector<u32>{1, 2});
}

TEST_CASE("a copied cursor goes on independently") {
  tape_builder tape;
  auto& c = tape.chunk();
  for (u32 i = 1; i <= 3; ++i) c.enter("C_GetInfo", i);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  auto one = r.records(0);
  tape::record_view record;
  REQUIRE(one.next(record));
  auto two = one;
  CHECK(drain(two) == std::vector<u32>{2, 3});
  CHECK(drain(one) == std::vector<u32>{2, 3});
}

TEST_CASE("a record stays readable when its cursor and the tape have gone on") {
  tape_builder tape;
  tape.chunk(ring).enter("C_GetSlotInfo", 1).words({42, 1});
  temporary_folder folder;
  const auto path = folder.write(tape.bytes());
  tape::record_view record;
  {
    const tape::reader r(path);
    auto cursor = r.records(0);
    REQUIRE(cursor.next(record));
  }
  CHECK(tape::load<u64>(record.body, 0) == 42);
}
