// SPDX-License-Identifier: Apache-2.0
// Tapes that are cut, flipped and forged: never a crash, never an exception behind the header, and what is whole is
// read.
#include <catch2/catch.hpp>

#include "tape/calls_of.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

// Small: its own short schema, three calls in two chunks.
tape_builder small_tape() {
  tape_builder tape;
  tape.properties = "name=client\n";
  auto& c = tape.chunk(kept);
  c.enter("C_OpenSession", 1).words({7, 6, 0, 0, 1});
  c.leave("C_OpenSession", 1, 0).number_item(4, 1);
  auto& r = tape.chunk(ring);
  r.enter("C_GetSessionInfo", 2).words({1, 1});
  r.leave("C_GetSessionInfo", 2, 0).record_item(1, "CK_SESSION_INFO", body().words({7, 2, 6, 0}));
  c.enter("C_CloseSession", 3).words({1});
  return tape;
}

std::string put_u32(std::string bytes, std::size_t at, u32 value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

std::size_t data_of(const std::string& bytes) {
  u64 data = 0;
  std::memcpy(&data, bytes.data() + 96, sizeof data);
  return tape::le(data);
}

// Everything that can be asked of a tape. Answers how many calls it has.
std::size_t read_all(const tape::reader& r) {
  std::size_t calls = 0, seen = 0;
  model::call_stream stream(r);
  while (const auto* c = stream.next()) {
    ++calls;
    const auto arguments = c->arguments();
    for (std::size_t i = 0; i < arguments.size(); ++i) seen += arguments.word(i) & 1;
    for (const auto& item : arguments.items()) seen += item.payload.size();
    for (const auto& item : c->result().items()) {
      tape::nested_view nested;
      if (tape::nested_view::parse(item.payload, nested)) seen += nested.body.size();
      for (const auto& a : tape::sequence<tape::attribute_view>(item.payload)) seen += a.payload.size();
    }
  }
  CHECK(seen < 1000000);
  return calls;
}

}  // namespace

TEST_CASE("a tape that is cut anywhere is no tape, or shows what is left of it") {
  const auto whole = small_tape().bytes();
  const auto data = data_of(whole);
  temporary_folder folder;
  std::size_t last = 0;
  // Every byte of the header's start and of the records, and every so often where only text or nothing is.
  for (std::size_t size = 0; size <= whole.size();) {
    const auto path = folder.write(whole.substr(0, size));
    INFO("cut at " << size);
    if (size < 4096) {
      CHECK_THROWS_AS(tape::reader(path), tape::tape_error);
    } else {
      const tape::reader r(path);
      const auto calls = read_all(r);
      CHECK(calls >= last);
      last = calls;
    }
    const bool dense = size < 200 || (size >= data && (size - data) % 4096 < 600) || size > whole.size() - 4;
    size += dense ? 1 : 97;
  }
  CHECK(last == 3);
}

TEST_CASE("a header of which any byte is flipped is refused or read") {
  const auto whole = small_tape().bytes();
  temporary_folder folder;
  for (std::size_t at = 0; at < 4096; at += at < 600 ? 1 : 101) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      INFO("byte " << at << " flipped by " << flip);
      const auto path = folder.write(bytes);
      const bool magic = at < 8, major = at == 8 || at == 9;
      try {
        const tape::reader r(path);
        CHECK_FALSE(magic);
        CHECK_FALSE((major && r.header().major != 2));
        // Only where the chunks are, and what the words mean, may change what is read.
        if (at >= 104) CHECK(read_all(r) == 3);
        read_all(r);
      } catch (const tape::tape_error& e) {
        CHECK((magic || major));
        CHECK_THAT(e.what(), Catch::Contains(path));
      }
    }
  }
}

TEST_CASE("chunks of which any byte is flipped are read without harm") {
  const auto whole = small_tape().bytes();
  const auto data = data_of(whole);
  temporary_folder folder;
  for (std::size_t chunk = data; chunk < whole.size(); chunk += 4096)
    for (std::size_t at = chunk; at < chunk + 400; ++at)
      for (const int flip : {0x01, 0x10, 0xff}) {
        auto bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ flip);
        INFO("byte " << at << " flipped by " << flip);
        const tape::reader r(folder.write(bytes));
        CHECK(read_all(r) <= 5);
      }
}

TEST_CASE("hostile sizes end where the bytes end") {
  const auto whole = small_tape().bytes();
  const auto data = data_of(whole);
  temporary_folder folder;
  const auto reads = [&](const std::string& bytes) {
    const tape::reader r(folder.write(bytes));
    read_all(r);
    return r.damage();
  };
  SECTION("a chunk larger than the file, or than any chunk") {
    for (const u32 size : {0u, 1u, 4095u, 4097u, 1u << 20, 1u << 30, 0xfffff000u, 0xffffffffu})
      reads(put_u32(whole, data + 8, size));
  }
  SECTION("more committed than the chunk has") {
    CHECK(reads(put_u32(whole, data + 56, 0xffffffff)).cut_chunks == 1);
    CHECK(reads(put_u32(whole, data + 60, 0xffffffff)).cut_chunks == 1);
  }
  SECTION("records of impossible sizes") {
    for (const u32 size : {0u, 8u, 23u, 25u, 4096u, 0x7ffffff8u, 0xfffffff8u, 0xffffffffu}) {
      INFO(size);
      CHECK(reads(put_u32(whole, data + 96, size)).bad_records == 1);
    }
  }
  SECTION("items of impossible sizes end the items") {
    // The LEAVE of C_OpenSession: its item's size is behind the record header, the return value and 4 bytes.
    const auto item = data + 96 + 24 + 5 * 8 + 24 + 8 + 4;
    for (const u32 size : {9u, 16u, 0x7fffffffu, 0xffffffffu}) {
      const tape::reader r(folder.write(put_u32(whole, item, size)));
      model::call_stream stream(r);
      const auto* c = stream.next();
      CHECK(c->result().items().empty());
      CHECK_FALSE(c->result().items().intact());
    }
  }
  SECTION("properties and schema elsewhere") {
    for (const std::size_t field : {64u, 72u, 80u, 88u})
      for (const u32 value : {0u, 1u, 0x7fffffffu, 0xffffffffu}) {
        reads(put_u32(whole, field, value));
        CHECK_FALSE(reads(put_u32(whole, field + 4, value ? value : 1)).notes.empty());
      }
  }
}

TEST_CASE("chunks behind a place that makes no sense are found") {
  auto tape = small_tape();
  const auto whole = tape.bytes();
  const auto data = data_of(whole);
  temporary_folder folder;
  SECTION("zeros: the recorder died between taking the space and marking it") {
    const tape::reader r(folder.write(whole.substr(0, data) + std::string(8192, '\0') + whole.substr(data)));
    CHECK(read_all(r) == 3);
    CHECK_FALSE(r.damage().any());
  }
  SECTION("rubbish is counted") {
    const tape::reader r(folder.write(whole.substr(0, data) + std::string(8192, 'x') + whole.substr(data)));
    CHECK(read_all(r) == 3);
    CHECK(r.damage().skipped_bytes == 8192);
  }
  SECTION("a chunk of a newer kind is skipped, and is no damage") {
    auto bytes = whole;
    bytes[data + 4] = 9;
    const tape::reader r(folder.write(bytes));
    CHECK(read_all(r) == 1);
    CHECK_FALSE(r.damage().any());
  }
  SECTION("without the offset of the data, from the beginning") {
    const tape::reader r(folder.write(put_u32(whole, 96, 17)));
    CHECK(read_all(r) == 3);
  }
}

TEST_CASE("a file that is no tape is refused with its name and a reason") {
  temporary_folder folder;
  const auto reason = [&](const std::string& bytes) {
    const auto path = folder.write(bytes);
    try {
      const tape::reader r(path);
    } catch (const tape::tape_error& e) {
      CHECK_THAT(e.what(), Catch::StartsWith(path));
      return std::string(e.what()).substr(path.size());
    }
    return std::string("read");
  };
  CHECK_THAT(reason(""), Catch::Contains("empty"));
  CHECK_THAT(reason("#!/bin/sh\necho\n"), Catch::Contains("not a tape"));
  CHECK_THAT(reason(std::string(100, '\0')), Catch::Contains("no header"));
  CHECK_THAT(reason("p11tape\n"), Catch::Contains("truncated"));
  auto newer = small_tape().bytes();
  newer[8] = 3;
  CHECK_THAT(reason(newer), Catch::Contains("format 3"));
  newer[8] = 1;
  CHECK_THAT(reason(newer), Catch::Contains("format 1") && Catch::Contains("reads format 2"));
  CHECK_THROWS_WITH(tape::reader(folder.path()), Catch::Contains("directory"));
  CHECK_THROWS_WITH(tape::reader(folder.path() + "/none"), Catch::Contains("No such file"));
  CHECK_THROWS_WITH(tape::reader("/dev/null"), Catch::Contains("regular file"));
}

TEST_CASE("a sparse file of any size is read at once") {
  temporary_folder folder;
  const auto path = folder.write(small_tape().bytes());
  REQUIRE(::truncate(path.c_str(), off_t{1} << 40) == 0);
  const tape::reader r(path);
  CHECK(read_all(r) == 3);
  CHECK_FALSE(r.damage().any());
}
