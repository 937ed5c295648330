// SPDX-License-Identifier: Apache-2.0
// Calls as one record, packed or not, the slot of a call in flight, and the CPU's counter as the clock.
#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include "tape/calls_of.hpp"
#include "tape/counter_line.hpp"
#include "tape/packed.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

std::string packed(const std::string& words) {
  std::vector<tape::u8> room(tape::packed_room(words.size()) + 8);
  const auto* const end = tape::pack(room.data(), reinterpret_cast<const tape::u8*>(words.data()), words.size());
  return {reinterpret_cast<const char*>(room.data()), static_cast<std::size_t>(end - room.data())};
}

// `behind`: what may be read behind the body, which must not matter.
std::string unpacked_by(tape::detail::unpacker way, const std::string& bytes, const std::string& behind) {
  const auto whole = bytes + behind;
  const std::vector<char> exactly(whole.begin(), whole.end());  // where a sanitizer sees what reads beyond
  std::vector<std::byte> room(tape::largest_packed_body + 64);
  const auto size = way(reinterpret_cast<const std::byte*>(exactly.data()), bytes.size(), room.data(), behind.size());
  if (size == tape::malformed) return "malformed";
  return {reinterpret_cast<const char*>(room.data()), size};
}

// In all ways that this processor can do, with and without bytes behind: they find the same.
std::string unpacked(const std::string& bytes) {
  const auto found = unpacked_by(tape::unpack, bytes, "");
  for (const auto way : tape::detail::unpackers())
    for (const auto* behind : {"", "64 bytes that stand behind the body and that decide nothing: ..."})
      CHECK(unpacked_by(way, bytes, behind) == found);
  return found;
}

std::string some_words(std::mt19937_64& random) {
  body b;
  for (auto n = random() % 40; n > 0; --n) b.put(random() >> (random() % 65 % 64));
  return b.str();
}

}  // namespace

TEST_CASE("what is packed is what the format says, and unpacks to the same") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto words = some_words(random);
    const auto bytes = packed(words);
    CHECK(bytes.size() % 8 == 0);
    auto expected = packed_by_hand(words);
    expected.resize((expected.size() + 7) / 8 * 8);
    CHECK(bytes == expected);
    CHECK(unpacked(bytes) == words);
  }
  CHECK(unpacked(packed("")).empty());
}

TEST_CASE("a body in parts is packed as the whole is") {
  std::mt19937_64 random(3);
  const auto word = [](const std::string& words, std::size_t n) {
    tape::u64 value;
    std::memcpy(&value, words.data() + 8 * n, 8);
    return tape::le(value);
  };
  for (int i = 0; i < 4000; ++i) {
    auto words = some_words(random);
    while (words.size() < 24) words += some_words(random);
    const auto others = static_cast<tape::u32>(words.size() / 8 - 3),
               before = static_cast<tape::u32>(random() % (others + 1));
    const auto* const at = reinterpret_cast<const tape::u8*>(words.data());
    const tape::packable parts{word(words, 0),          word(words, 1),       at + 16,        before,
                               word(words, 2 + before), at + 24 + 8 * before, others - before};
    std::vector<tape::u8> room(tape::packed_room(words.size()) + 8);
    const auto text = [&](const tape::u8* end) {
      return std::string(reinterpret_cast<const char*>(room.data()), static_cast<std::size_t>(end - room.data()));
    };
    CHECK(text(tape::pack_many(room.data(), parts)) == packed(words));
    if (parts.words() <= tape::most_few) CHECK(text(tape::pack_few(room.data(), parts)) == packed(words));
  }
}

TEST_CASE("packed bytes that are cut or changed do no harm") {
  std::mt19937_64 random(2);
  for (int i = 0; i < 300; ++i) {
    const auto bytes = packed(some_words(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) unpacked(bytes.substr(0, size));
    auto changed = bytes;
    for (auto& c : changed)
      if (random() % 8 == 0) c = static_cast<char>(random());
    unpacked(changed);
  }
  CHECK(unpacked("") == "malformed");
  CHECK(unpacked(std::string(1 << 20, '\x00') + std::string(4, '\xff')) == "malformed");  // more than anything may
}

TEST_CASE("a CALL is an ENTER and a LEAVE") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.call("C_OpenSession", 1, body().words({7, 6, 0, 0, 1}), 0, 700).number_item(4, 0x1234);
  c.call("C_CloseSession", 2, body().words({0x1234}), 0xb3);
  CHECK(calls_of(tape) == lines{"1 C_OpenSession returned 0", "2 C_CloseSession returned 179"});
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  CHECK(call->duration() == 700);
  CHECK(call->arguments().word(1) == 6);
  tape::item_view item;
  REQUIRE(call->result().find(4, item));
  CHECK(item.number() == 0x1234);
  CHECK_FALSE(r.damage().any());
}

TEST_CASE("a packed CALL reads like one that is not") {
  body fields;
  fields.words({7, 6, 0, 0, 1});
  body whole;
  whole.put(u64{40}).put(u64{900}).text(fields.str()).put(u64{0}).number_item(4, 77);
  tape_builder tape;
  tape.chunk().record(7, function_number("C_OpenSession"), 1, 0, 1).text(packed(whole.str()));
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  REQUIRE(call != nullptr);
  CHECK(short_form(*call) == "1 C_OpenSession returned 0");
  CHECK(call->duration() == 900);
  CHECK(call->arguments().word(0) == 7);
  tape::item_view item;
  REQUIRE(call->result().find(4, item));
  CHECK(item.number() == 77);
}

TEST_CASE("a CALL whose body makes no sense is a call in flight, and counted as damage") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.record(7, function_number("C_GetInfo"), 1, 0).put(u64{4096}).put(u64{1}).put(u64{0});
  c.record(7, function_number("C_GetInfo"), 2, 0, 1).text("\x99\x99\x99\x99");
  c.call("C_GetInfo", 3, body().words({1}), 0);
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  CHECK(calls_of(r).back() == "3 C_GetInfo returned 0");
  CHECK(r.damage().bad_records == 2);
}

TEST_CASE("the slot has the call in flight, unless the chunks have it") {
  tape_builder tape;
  auto& main = tape.thread(1, 99);
  auto& c = tape.chunk(ring, main);
  c.call("C_GetInfo", 1, body().words({1}), 0);
  const auto with_slot = [&](u32 call) {
    tape.slots = {{main, "C_Sign", call, tape.clock + 1000, body().words({5, 1, 32, 1, 1})}};
    return calls_of(tape);
  };
  CHECK(with_slot(2) == lines{"1 C_GetInfo returned 0", "2 C_Sign in flight"});
  CHECK(with_slot(1) == lines{"1 C_GetInfo returned 0"});
  // A thread that is in its first call has nothing but its slot.
  auto& other = tape.thread(2, 100);
  tape.slots = {{other, "C_WaitForSlotEvent", 1, tape.clock + 5000, body().words({0, 1, 0})}};
  CHECK(calls_of(tape) == lines{"1 C_GetInfo returned 0", "2 C_WaitForSlotEvent in flight"});
}

TEST_CASE("a slot that is damaged is no call") {
  tape_builder tape;
  auto& main = tape.thread(1, 99);
  tape.chunk(ring, main).call("C_GetInfo", 1, body().words({1}), 0);
  tape.slots = {{main, "C_Sign", 2, tape.clock + 1000, body().words({5, 1, 32, 1, 1})}};
  const auto whole = tape.bytes();
  u64 data = 0;
  std::memcpy(&data, whole.data() + offsetof(tape::file_header, data_offset), sizeof data);
  data = tape::le(data);
  temporary_folder folder;
  for (std::size_t at = data + 512; at < data + 640; ++at)
    for (const int flip : {0x01, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const tape::reader r(folder.write(bytes));
      CHECK(calls_of(r).size() <= 2);
    }
}

TEST_CASE("one line from the counter to time, which never decreases") {
  tape::counter_line line;
  line.add(3000, 2000);
  line.add(1000, 1000);
  line.add(2000, 1500);
  line.add(2500, 1400);  // would decrease
  line.finish();
  std::size_t hint = 0;
  CHECK(line.at(1000, hint) == 1000);
  CHECK(line.at(1500, hint) == 1250);
  CHECK(line.at(3000, hint) == 2000);
  CHECK(line.at(5000, hint) == 3000);  // the last piece, extended
  CHECK(line.at(0, hint) == 500);      // ... and the first
  std::mt19937_64 random(3);
  tape::counter_line rough;
  for (u64 c = 1000; c < 1000000; c += 1 + random() % 5000) rough.add(c, c / 3 + random() % 60);
  rough.finish();
  u64 last = 0;
  for (u64 c = 0; c < 1100000; c += random() % 50) {
    const u64 now = rough.at(c, hint);
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("behind the last pair the line goes on at a rate that two close readings do not spoil") {
  constexpr u64 ms = 1000000, second = 1000 * ms, noise = 150;
  const auto ticks = [](u64 ns) { return 1000 + 5 * ns / 2; };
  for (const bool is_late : {false, true})
    for (const u64 close : {10000u, 60000u, 900000u}) {
      INFO(close << " ns between the last two pairs, the last one " << (is_late ? "late" : "early"));
      tape::counter_line line;
      std::size_t hint = 0;
      line.add(ticks(0), 0);
      line.add(ticks(second), second);
      line.add(ticks(second + close), is_late ? second + close + noise : second + close - noise);
      line.finish();
      for (const u64 later : {ms, 10 * ms, 100 * ms}) {
        const u64 there = second + close + later, found = line.at(ticks(there), hint);
        CHECK(found + 1000 > there);
        CHECK(found < there + 1000);
      }
    }
}

TEST_CASE("the line stays exact where counter and time are far apart") {
  tape::counter_line line;
  const u64 hour = 3600000000000, start = 123456789012345;
  line.add(start, hour);
  line.add(start + 3 * hour, 2 * hour);
  line.finish();
  std::size_t hint = 0;
  CHECK(line.at(start + 3 * hour / 2, hint) == hour + hour / 2);
  CHECK(line.at(start + 3, hint) <= hour + 1);
  CHECK(line.at(start + 3 * hour - 3, hint) >= 2 * hour - 2);
}

TEST_CASE("a tape whose clock is the counter has times in nanoseconds") {
  tape_builder tape;
  tape.clock_kind = 2;
  tape.counter = 1000000;
  tape.pairs = {{1000000, tape.monotonic}, {4000000, tape.monotonic + 1000000}};  // three ticks a nanosecond
  auto& c = tape.chunk();
  tape.clock = 1300000 - 1000;
  c.call("C_GetInfo", 1, body().words({1}), 0, 3000);
  c.at(tape_builder::started_monotonic + 500000);
  c.record(7, function_number("C_GetInfo"), 2, 0, tape::record_kernel_time).put(u64{8}).put(u64{250}).words({1, 0});
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  model::call_stream stream(r);
  const auto* call = stream.next();
  CHECK(call->start() == tape.monotonic + 100000);
  CHECK(call->duration() == 1000);
  CHECK(call->start_wall() == tape.wall + 100000);
  call = stream.next();
  CHECK(call->start() == tape.monotonic + 500000);
  CHECK(call->duration() == 250);
}

TEST_CASE("without bodies the same calls begin at the same times, and nothing counts as damage") {
  tape_builder tape;
  auto& c = tape.chunk();
  c.call("C_OpenSession", 1, body().words({7, 6, 0, 0, 1}), 0, 700).number_item(4, 0x1234);
  c.call("C_CloseSession", 2, body().words({0x1234}), 0xb3);
  temporary_folder folder;
  const auto file = folder.write(tape.bytes());
  const tape::reader whole(file), heads(file);
  model::call_stream all(whole), short_ones(heads, tape::record_bodies::left_out);
  while (const auto* call = all.next()) {
    const auto* const same = short_ones.next();
    REQUIRE(same != nullptr);
    CHECK(same->number == call->number);
    CHECK(same->function == heads.rows().function(call->function_number));
    CHECK(same->start_wall() == call->start_wall());
    CHECK(same->enter.body.empty());
    CHECK(same->enter.body_lost);
  }
  CHECK(short_ones.next() == nullptr);
  CHECK_FALSE(heads.damage().any());
}
