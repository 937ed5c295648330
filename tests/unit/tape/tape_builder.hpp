// SPDX-License-Identifier: Apache-2.0
// Tapes for tests, written by FORMAT.md and not by the recorder's code: what the reader understands is the format, and
// tapes can be made that no recorder would write.
//
//   tape_builder tape;
//   auto& chunk = tape.chunk(kept, 1);
//   chunk.enter("C_Logout", 1).words({1});
//   chunk.leave("C_Logout", 1, CKR_OK);
//   tape.bytes() ...
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cryptoki/tables.hpp"

namespace p11tape::test {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// Bytes that grow, little-endian.
class body {
 public:
  template <class T>
  body& put(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      bytes_ += static_cast<char>(static_cast<u64>(value) >> (8 * i) & 0xff);
    return *this;
  }
  body& text(std::string_view s) {
    bytes_ += s;
    return *this;
  }
  body& pad() {
    while (bytes_.size() % 8 != 0) bytes_ += '\0';
    return *this;
  }
  body& words(std::initializer_list<u64> all) {
    for (const auto w : all) put(w);
    return *this;
  }

  body& item(u16 field, u8 form, std::string_view payload, u8 flags = 0) {
    put(field).put(form).put(flags).put(static_cast<u32>(payload.size())).text(payload);
    return pad();
  }
  body& bytes_item(u16 field, std::string_view bytes, u8 flags = 0) { return item(field, 1, bytes, flags); }
  body& number_item(u16 field, u64 n) { return item(field, 2, body().put(n).str()); }
  body& numbers_item(u16 field, std::initializer_list<u64> all) { return item(field, 3, body().words(all).str()); }
  body& record_item(u16 field, std::string_view name, const body& fields) {
    return item(field, 4, record(name, fields).str());
  }
  body& template_item(u16 field, const body& attributes) { return item(field, 6, attributes.str()); }
  body& pin_item(u16 field, u64 length, u32 anomalies, u32 number) {
    return item(field, 8, body().put(length).put(anomalies).put(number).str());
  }
  body& mechanism_item(u16 field, u64 type, u64 length, const body& parameter = {}, u8 flags = 0) {
    return item(field, 7, body().put(type).put(length).text(parameter.str()).str(), flags);
  }

  /// One attribute of a template.
  body& attribute(u64 type, u64 length, u8 form, std::string_view payload, u8 flags = 0) {
    put(type).put(length).put(form).put(flags).put(u16{0}).put(static_cast<u32>(payload.size())).text(payload);
    return pad();
  }
  body& attribute_bytes(u64 type, std::string_view value) { return attribute(type, value.size(), 1, value); }
  body& attribute_number(u64 type, u64 n) { return attribute(type, 8, 2, body().put(n).str()); }

  /// The payload of a RECORD.
  static body record(std::string_view name, const body& fields) {
    const auto number = cryptoki::record_named(name);
    if (number == cryptoki::record_count) throw std::logic_error("no such struct");
    return body().put(static_cast<u32>(number)).put(u32{0}).text(fields.str());
  }

  const std::string& str() const { return bytes_; }
  std::string& str() { return bytes_; }

 private:
  std::string bytes_;
};

inline u16 function_number(std::string_view name) {
  for (std::size_t i = 0; i < cryptoki::function_count; ++i)
    if (cryptoki::functions[i].name == name) return static_cast<u16>(i);
  throw std::logic_error("no such function");
}

/// The words of a body, packed as FORMAT.md says, byte by byte; without the padding behind them.
inline std::string packed_by_hand(const std::string& words) {
  std::string out, bytes;
  for (std::size_t group = 0; group <= words.size() / 64; ++group) {
    u32 control = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const auto at = 64 * group + 8 * i;
      u32 n = 15;
      if (at < words.size()) {
        for (n = 8; n > 0 && words[at + n - 1] == 0; --n) {
        }
        bytes += words.substr(at, n);
      }
      control |= n << (4 * i);
    }
    out += body().put(control).str();
  }
  return out + bytes;
}

/// CK_UNAVAILABLE_INFORMATION
inline constexpr u64 unavailable = ~u64{0};

enum chunk_kind : u16 { kept = 1, ring = 2 };

/// What the records of one thread count.
struct thread_counts {
  u64 number = 1;
  u64 id = 1000;
  u32 ordinal = 0;
};

class chunk_builder {
 public:
  chunk_builder(chunk_kind kind, u64 sequence, thread_counts& thread, u64& clock)
      : kind_(kind), sequence_(sequence), thread_(&thread), clock_(&clock), owner_(thread) {}

  /// Records; their times grow by a microsecond each.
  body& enter(std::string_view function, u32 call, u8 depth = 0) {
    return record(1, function_number(function), call, depth);
  }
  body& leave(std::string_view function, u32 call, u64 rv, u8 depth = 0) {
    return record(2, function_number(function), call, depth).put(rv);
  }
  body& part(std::string_view function, u32 call) { return record(3, function_number(function), call, 0); }
  /// A whole call, which took `duration`: the fields, then whatever the body is given.
  body& call(std::string_view function, u32 call, const body& fields, u64 rv, u64 duration = 500, u8 flags = 0) {
    return record(7, function_number(function), call, 0, flags)
        .put(static_cast<u64>(fields.str().size()))
        .put(duration)
        .text(fields.str())
        .put(rv);
  }
  body& record(u8 kind, u16 function, u32 call, u8 depth, u8 flags = 0) {
    auto& r = records_.emplace_back();
    r.kind = kind;
    r.depth = depth;
    r.flags = flags;
    r.function = function;
    r.call = call;
    r.ordinal = kind == 4 ? 0 : ++thread_->ordinal;
    r.time = *clock_ += 1000;
    return r.content;
  }
  /// From here on the chunk belongs to another thread.
  void hand_on(thread_counts& to) {
    record(4, 0, 0, 0).put(to.id).put(to.number);
    thread_ = &to;
    ++handed_over_;
  }
  void lose_ordinals(u32 n) { thread_->ordinal += n; }
  void at(u64 time) { *clock_ = time - 1000; }

  u64 wall = 0, monotonic = 0, counter = 0;  ///< the clocks at the hand-over
  u32 size = 4096;

  std::string bytes() const {
    body records;
    for (const auto& r : records_) {
      auto content = r.content;
      content.pad();
      records.put(static_cast<u32>(24 + content.str().size()) | u32{r.flags} << 24);
      records.put(r.kind).put(r.depth).put(r.function);
      records.put(r.call).put(r.ordinal).put(r.time).text(content.str());
    }
    body all;
    all.text("CHNK").put(static_cast<u16>(kind_)).put(u16{96}).put(size).put(handed_over_).put(sequence_);
    all.put(owner_.id).put(owner_.number).put(monotonic).put(wall).put(static_cast<u64>(96 + records.str().size()));
    all.put(counter).put(u32{0}).put(u32{0}).put(u64{0}).put(u64{0}).text(records.str());
    if (all.str().size() > size) throw std::logic_error("the records do not fit into the chunk");
    all.str().resize(size);
    return all.str();
  }

 private:
  struct one {
    u8 kind = 0, depth = 0, flags = 0;
    u16 function = 0;
    u32 call = 0, ordinal = 0;
    u64 time = 0;
    body content;
  };
  chunk_kind kind_;
  u64 sequence_;
  thread_counts* thread_;
  u64* clock_;
  thread_counts owner_;
  u32 handed_over_ = 0;
  std::list<one> records_;  // references that were handed out stay valid
};

/// What a thread's slot holds: an ENTER.
struct slot_content {
  thread_counts of;
  std::string_view function;
  u32 call = 0;
  u64 time = 0;
  body fields;
};

class tape_builder {
 public:
  static constexpr u64 started_monotonic = 5000000000;
  static constexpr u64 started_wall = 1795284301000000000;  // 2026-11-21 18:05:01 UTC

  std::string properties =
      "program=/usr/bin/client\nname=client\nmodule=/usr/lib/module.so\nboot=11111111-2222-3333-4444-555555555555\n";
  std::string schema{cryptoki::schema_text()};
  u64 pid = 4711, wall = started_wall, monotonic = started_monotonic, features = 0, stopped = 0;
  u32 word_size = 8, profile = 1, clock_kind = 1;
  u64 counter = 0;  ///< at `monotonic`, if clock_kind is 2
  u64 counters[7] = {};
  u64 clock = started_monotonic;

  thread_counts& thread(u64 number, u64 id) { return threads_.emplace_back(thread_counts{number, id, 0}); }
  thread_counts& main_thread() { return threads_.empty() ? thread(1, pid) : threads_.front(); }

  chunk_builder& chunk(chunk_kind kind, thread_counts& of) {
    auto& c = chunks_.emplace_back(kind, ++sequence_, of, clock);
    c.counter = counter;
    c.monotonic = monotonic;
    c.wall = wall;
    return c;
  }
  chunk_builder& chunk(chunk_kind kind = kept) { return chunk(kind, main_thread()); }

  std::string bytes() const {
    const u64 schema_at = 4096 + (properties.size() + 7) / 8 * 8;
    const u64 data = (schema_at + schema.size() + 4095) / 4096 * 4096;
    body h;
    h.text("p11tape\n").put(u16{2}).put(u16{0}).put(u32{4096}).put(features).put(word_size).put(profile);
    h.words({pid, 1, monotonic, wall, 4096, properties.size(), schema_at, schema.size(), data, 1 << 28, 1 << 25,
             stopped, 0});
    h.put(clock_kind).put(u32{0}).put(counter);
    h.str().resize(256);
    for (const auto c : counters) h.put(c);
    auto& all = h.str();
    all.resize(4096);
    all += properties;
    all.resize(schema_at);
    all += schema;
    all.resize(data);
    if (!slots.empty()) all += slot_chunk();
    if (!pairs.empty()) all += pair_chunk();
    for (const auto& c : chunks_) all += c.bytes();
    return all;
  }

  std::vector<slot_content> slots;         ///< at most seven
  std::vector<std::pair<u64, u64>> pairs;  ///< counter, CLOCK_MONOTONIC

 private:
  std::string special_chunk(u16 kind, const std::string& content, u64 committed) const {
    body c;
    c.text("CHNK").put(kind).put(u16{96}).put(u32{4096}).put(u32{0}).put(u64{1000});
    c.put(u64{0}).put(u64{0}).put(monotonic).put(wall).put(committed).put(counter);
    c.words({0, 0, 0}).text(content).str().resize(4096);
    return c.str();
  }
  std::string slot_chunk() const {
    std::string content(512 - 96, '\0');
    for (const auto& s : slots) {
      body r;
      r.put(static_cast<u32>(24 + s.fields.str().size())).put(u8{1}).put(u8{0}).put(function_number(s.function));
      r.put(s.call).put(s.of.ordinal + 1).put(s.time).text(s.fields.str());
      body one;
      one.put(static_cast<u64>(r.str().size())).put(u64{1}).put(s.of.id).put(s.of.number).put(u64{0}).text(r.str());
      one.str().resize(512);
      content += one.str();
    }
    return special_chunk(3, content, 96);
  }
  std::string pair_chunk() const {
    body all;
    for (const auto& [c, m] : pairs) all.words({c, m, c ^ m});
    return special_chunk(4, all.str(), 96 + all.str().size());
  }

  u64 sequence_ = 0;
  std::list<thread_counts> threads_;
  std::list<chunk_builder> chunks_;
};

/// A folder that is there as long as the object is.
class temporary_folder {
 public:
  temporary_folder() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base ? base : "/tmp") + "/p11tape-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder: " + path_);
  }
  ~temporary_folder() {
    for (const auto& f : files_) ::unlink(f.c_str());
    ::rmdir(path_.c_str());
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::string write(const std::string& bytes, const std::string& name = "test.p11tape") {
    const auto file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    files_.push_back(file);
    return file;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

}  // namespace p11tape::test
