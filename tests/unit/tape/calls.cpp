// SPDX-License-Identifier: Apache-2.0
// From records to calls: pairs, nesting, calls without an end, threads, several tapes.
#include <catch2/catch.hpp>

#include "tape/calls_of.hpp"

using namespace p11tape;
using namespace p11tape::test;

TEST_CASE("a call is an ENTER and its LEAVE, with times, arguments and outputs") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_OpenSession", 1).words({7, 6, 0, 0, 1});
  c.leave("C_OpenSession", 1, 0).number_item(4, 99);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  REQUIRE(call);
  CHECK(call->function->name == "C_OpenSession");
  CHECK(call->start() == tape_builder::started_monotonic + 1000);
  CHECK(call->start_wall() == tape_builder::started_wall + 1000);
  CHECK(call->duration() == 1000);
  CHECK(call->arguments().word(0) == 7);
  CHECK(call->arguments().given(4));
  CHECK_FALSE(call->arguments().given(2));
  tape::item_view item;
  REQUIRE(call->result().find(4, item));
  CHECK(item.number() == 99);
  CHECK_FALSE(call->failed());
  CHECK(stream.next() == nullptr);
  CHECK_FALSE(r.damage().any());
}

TEST_CASE("a tape of a single ENTER is a good tape: the call is in flight") {
  tape_builder tape;
  tape.chunk().enter("C_WaitForSlotEvent", 1).words({0, 1, 0});
  CHECK(calls_of(tape) == lines{"1 C_WaitForSlotEvent in flight"});
}

TEST_CASE("a call that the thread left without returning is told from one in flight") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_Sign", 1);
  c.enter("C_Login", 2);
  c.leave("C_Login", 2, 0xa0);
  c.enter("C_Logout", 3);
  CHECK(calls_of(tape) == lines{"1 C_Sign left", "2 C_Login returned 160", "3 C_Logout in flight"});
}

TEST_CASE("nested calls come behind the call they were made in, and name it") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_Initialize", 1);
  c.enter("C_GetInfo", 2, 1);
  c.enter("C_GetSlotList", 3, 2);
  c.leave("C_GetSlotList", 3, 5, 2);
  c.leave("C_GetInfo", 2, 4, 1);
  c.enter("C_GetTokenInfo", 4, 1);
  c.leave("C_GetTokenInfo", 4, 6, 1);
  c.leave("C_Initialize", 1, 3);
  c.enter("C_Finalize", 5);
  c.leave("C_Finalize", 5, 0);
  CHECK(calls_of(tape) == lines{"1 C_Initialize returned 3", "2 C_GetInfo returned 4 in 1",
                                "3 C_GetSlotList returned 5 in 2", "4 C_GetTokenInfo returned 6 in 1",
                                "5 C_Finalize returned 0"});
}

TEST_CASE("a nested call that its outer call jumped over was left; one inside a call in flight may have returned") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_Initialize", 1);
  c.enter("C_GetInfo", 2, 1);
  c.leave("C_Initialize", 1, 0);
  c.enter("C_Sign", 3);
  c.enter("C_GetInfo", 4, 1);
  c.leave("C_GetInfo", 4, 0, 1);
  CHECK(calls_of(tape) == lines{"1 C_Initialize returned 0", "2 C_GetInfo left in 1", "3 C_Sign in flight",
                                "4 C_GetInfo returned 0 in 3"});
}

TEST_CASE("where records are missing, a result is lost and not left") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_Login", 1);
  c.lose_ordinals(1);
  c.enter("C_Sign", 2);
  c.leave("C_Sign", 2, 0);
  c.lose_ordinals(1);
  c.leave("C_Verify", 3, 0xc0);
  CHECK(calls_of(tape) == lines{"1 C_Login result lost", "2 C_Sign returned 0", "3 C_Verify result only 192"});
}

TEST_CASE("kept and ring chunks of a thread are one stream, in the order of their ordinals") {
  tape_builder tape;
  auto& k = tape.chunk(kept);
  auto& r = tape.chunk(ring);
  k.enter("C_OpenSession", 1);
  k.leave("C_OpenSession", 1, 0);
  r.enter("C_GetSessionInfo", 2);
  r.leave("C_GetSessionInfo", 2, 0);
  k.enter("C_CloseSession", 3);
  k.leave("C_CloseSession", 3, 0);
  r.enter("C_GetInfo", 4);
  auto& r2 = tape.chunk(ring);
  r2.leave("C_GetInfo", 4, 0);
  CHECK(calls_of(tape) == lines{"1 C_OpenSession returned 0", "2 C_GetSessionInfo returned 0",
                                "3 C_CloseSession returned 0", "4 C_GetInfo returned 0"});
}

TEST_CASE("a thread may go on in the rest of a chunk that is older than its own") {
  tape_builder tape;
  auto& one = tape.thread(1, 100);
  auto& two = tape.thread(2, 200);
  auto& old = tape.chunk(ring, one);
  old.enter("C_GetInfo", 1);
  old.leave("C_GetInfo", 1, 0);
  auto& own = tape.chunk(ring, two);
  own.enter("C_Sign", 1);
  own.leave("C_Sign", 1, 0);
  old.hand_on(two);
  old.enter("C_Verify", 2);
  old.leave("C_Verify", 2, 0);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  REQUIRE(r.threads().size() == 2);
  CHECK(r.threads()[0].id == 100);
  CHECK(r.threads()[1].id == 200);
  CHECK(calls_of(r) == lines{"1 C_GetInfo returned 0", "2 C_Sign returned 0", "3 C_Verify returned 0"});
  auto cursor = r.records(1);
  tape::record_view record;
  std::vector<u32> ordinals;
  while (cursor.next(record)) ordinals.push_back(record.ordinal);
  CHECK(ordinals == std::vector<u32>{1, 2, 3, 4});
}

TEST_CASE("the parts of a large record are one body") {
  tape_builder tape;
  auto& a = tape.chunk(ring);
  a.part("C_CreateObject", 1).words({1, 2});
  a.part("C_CreateObject", 1).words({3});
  auto& b = tape.chunk(ring);
  b.enter("C_CreateObject", 1).words({4});
  b.leave("C_CreateObject", 1, 0);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  REQUIRE(call);
  CHECK_FALSE(call->enter.body_lost);
  for (u64 i = 0; i < 4; ++i) CHECK(call->arguments().word(i) == i + 1);
  CHECK(call->ended());
}

TEST_CASE("a large record of which a part is missing has no body, and is counted") {
  tape_builder tape;
  auto& a = tape.chunk(ring);
  a.part("C_CreateObject", 1).words({1});
  a.lose_ordinals(1);
  a.enter("C_CreateObject", 1).words({2});
  a.leave("C_CreateObject", 1, 0);
  a.part("C_CreateObject", 2).words({1});  // its record never came
  a.enter("C_Sign", 3);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  REQUIRE(call);
  CHECK(call->enter.body_lost);
  CHECK(call->enter.body.empty());
  CHECK(call->ended());
  CHECK(stream.next()->function->name == "C_Sign");
  CHECK(r.damage().lost_parts == 2);
  CHECK(r.damage().missing_records == 1);
  calls_of(r);  // a second time
  CHECK(r.damage().lost_parts == 2);
  CHECK(r.damage().missing_records == 1);
}

TEST_CASE("the threads of several tapes are merged in the order in which their calls began") {
  const auto make = [](u64 pid, u64 wall, u64 monotonic, const char* boot, u64 first, u64 second) {
    tape_builder tape;
    tape.pid = pid;
    tape.wall = wall;
    tape.monotonic = monotonic;
    tape.properties = "name=p" + std::to_string(pid) + "\nboot=" + boot + "\n";
    auto& c = tape.chunk();
    for (u32 i = 0; i < 2; ++i) {
      c.at(i == 0 ? first : second);
      c.enter("C_GetInfo", i + 1);
      c.leave("C_GetInfo", i + 1, pid);
    }
    return tape.bytes();
  };
  temporary_folder folder;
  const u64 t = tape_builder::started_wall, s = 1000000000;
  // The second tape's wall clock was set back by an hour after the first had begun: the monotonic clock decides.
  const tape::reader a(folder.write(make(1, t, 10 * s, "x", 11 * s, 13 * s), "a"));
  const tape::reader b(folder.write(make(2, t - 3600 * s, 10 * s, "x", 12 * s, 14 * s), "b"));
  // Another boot, where the monotonic clock says nothing: 11.5 s and 20 s on the first tape's scale.
  const tape::reader c(folder.write(make(3, t, 500 * s, "y", 501 * s + s / 2, 510 * s), "c"));
  CHECK(calls_of({&a, &b, &c}) == lines{"1 C_GetInfo returned 1", "1 C_GetInfo returned 3", "1 C_GetInfo returned 2",
                                        "2 C_GetInfo returned 1", "2 C_GetInfo returned 2", "2 C_GetInfo returned 3"});
}

TEST_CASE("threads of one tape are merged") {
  tape_builder tape;
  auto& one = tape.thread(1, 100);
  auto& two = tape.thread(2, 200);
  auto& a = tape.chunk(kept, one);
  auto& b = tape.chunk(kept, two);
  a.enter("C_WaitForSlotEvent", 1);
  b.enter("C_GetInfo", 1);
  b.leave("C_GetInfo", 1, 0);
  a.leave("C_WaitForSlotEvent", 1, 8);
  b.enter("C_Finalize", 2);
  CHECK(calls_of(tape) == lines{"1 C_WaitForSlotEvent returned 8", "2 C_GetInfo returned 0", "3 C_Finalize in flight"});
}

TEST_CASE("exchanges, notes and records of newer kinds do not come between a call and its end") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.enter("C_Sign", 1);
  c.record(6, 0, 1, 0).words({1, 2, 3, 4, 5, 6, 7, 8});
  c.record(5, 0, 0, 0).text("a note");
  c.record(200, 0, 0, 0).text("what may come");
  c.leave("C_Sign", 1, 0);
  CHECK(calls_of(tape) == lines{"1 C_Sign returned 0"});
}

TEST_CASE("wall times follow the clock pair of the chunk") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.wall = tape.wall + 7000000000;  // the clock was set in between
  c.enter("C_GetInfo", 1);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  CHECK(stream.next()->start_wall() == tape_builder::started_wall + 7000000000 + 1000);
}
