// SPDX-License-Identifier: Apache-2.0
// Writes a whole tape in the program: an imported log, a copy. Nothing of this runs inside a host process.
//
// Records are given thread by thread or mixed; each thread's go to chunks of its own, in the order in which they come. What is
// left in the end shares chunks: many threads with few calls take no more space than a few with many.
// The file appears with finish(). If that is never reached, nothing is left behind.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "p11tape/record.hpp"

namespace p11tape::tape {

class offline_writer {
 public:
  /// Creates the file (mode 0600); it must not exist. Throws tape_error.
  /// `properties` and `schema` are texts as FORMAT.md has them.
  offline_writer(std::string path, std::string_view properties, std::string_view schema);
  ~offline_writer();
  offline_writer(const offline_writer&) = delete;
  offline_writer& operator=(const offline_writer&) = delete;

  /// The header, in the host's byte order, to be filled in before finish(). Sizes and offsets are set here.
  file_header header{};

  struct record {
    record_kind kind = record_kind::note;
    u8 depth = 0;
    u8 flags = 0;
    u16 function = 0;
    u32 call = 0;
    u32 ordinal = 0;
    u64 time = 0;
    u64 wall = 0;
  };

  /// Appends a record of the thread with that number and kernel id.
  void add(u64 thread_number, u64 thread_id, const record& r, byte_view body);

  void finish();

 private:
  struct strand {
    chunk_header header{};
    std::vector<std::byte> bytes;
  };
  void flush(strand& s);
  void flush_together();
  static bool hand_over(strand& from, const strand& to);
  void write(const void* bytes, std::size_t size);
  void write_header();

  static constexpr std::size_t chunk_size = 4 * unit;

  std::string path_;
  int descriptor_ = -1;
  bool finished_ = false;
  u64 sequence_ = 0;
  u64 properties_at_ = 0, schema_at_ = 0, data_at_ = 0, properties_size_ = 0, schema_size_ = 0;
  std::map<u64, strand> strands_;  // by thread number
};

/// A property's value as the file stores it: newlines and backslashes escaped.
std::string escape_property(std::string_view value);

}  // namespace p11tape::tape
