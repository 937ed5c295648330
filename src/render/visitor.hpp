// SPDX-License-Identifier: Apache-2.0
// What walk() tells about a call, and the interface of those who listen: text, JSON, later HTML.
//
// walk() knows the rows and the tape; a consumer knows how to write. Between them go values that are decoded but not
// yet words: a number with its group of constants, bytes with what was kept of them, a group of values inside a value.
// Everything handed over lives only until the consumer returns.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/decode.hpp"
#include "render/call_view.hpp"

namespace p11tape::render {

enum class way : std::uint8_t { in, out };

/// Which value it is.
struct label {
  std::string_view name;     ///< "hSession", "CKA_LABEL"; empty inside a list
  std::string_view type;     ///< "CK_SESSION_HANDLE"; empty for an attribute
  std::string_view meaning;  ///< group of constants, kind of handle, struct; "plain" for none
  bool is_attribute = false;
  std::uint64_t attribute = 0;  ///< its type
};

enum class value_kind : std::uint8_t {
  number,   ///< `number`; `name` where its group has one, meaning "plain" for lengths and counts
  handle,   ///< `number`: session, object, slot
  flags,    ///< `number`, bits of the group `meaning`
  boolean,  ///< `number`
  version,  ///< `number`: major * 256 + minor
  text,     ///< `bytes` in UTF-8; `padding` of them at the end are blanks or NULs
  bytes,    ///< `bytes`
  decoded,  ///< `bytes`, and in `meaning` what they say
  pin,      ///< `pin`
  sum,      ///< `bytes`: the SHA-256 of what was not recorded
  pointer,  ///< only whether it was NULL
  nothing,  ///< see the marks
};

/// What else is to be said of a value.
enum mark : std::uint32_t {
  mark_null = 1,         ///< the pointer was NULL
  mark_asks_length = 2,  ///< ... to ask for the length
  mark_bad = 4,          ///< the pointer points to memory that cannot be read, or its length is absurd
  mark_withheld = 8,     ///< not recorded, by the tape's profile
  mark_unreadable = 16,
  mark_cut = 32,  ///< more bytes existed
  mark_length_withheld = 64,
  mark_length_rounded = 128,  ///< up to a power of two
  mark_unavailable = 256,     ///< the module gave no value: CK_UNAVAILABLE_INFORMATION
  mark_room = 512,            ///< an output's buffer: no value yet, `length` bytes of room where that is known
  mark_routine = 1024,        ///< nothing that people need to see: a given pointer for an output
  mark_wrong_size = 2048,     ///< the bytes do not fit the type; they are shown raw
  mark_damaged = 4096,        ///< the record is damaged here
  mark_missing = 8192,        ///< the tape does not hold the value
  mark_unknown = 131072,      ///< imported: the log does not show the value
  mark_needs = 16384,         ///< the answer to a question for the length: `length` bytes are needed
  mark_unproven = 32768,      ///< an output without a value: nothing proves that the module wrote it
  mark_unchanged = 65536,     ///< the memory of the output held this value before the call too
};

enum class padding_kind : std::uint8_t { none, blanks, nuls };

struct value {
  value_kind kind = value_kind::nothing;
  std::uint32_t marks = 0;
  std::uint64_t number = 0;
  std::string_view name;  ///< of the constant; empty where the number has none
  tape::byte_view bytes;
  std::uint64_t length = 0;  ///< of the whole value in bytes; only where `has_length`
  bool has_length = false;
  padding_kind padded_with = padding_kind::none;
  std::uint64_t padding = 0;
  tape::pin_facts pin{};
  const decode::meaning* meaning = nullptr;
};

enum class group_kind : std::uint8_t {
  record,      ///< named values: the fields of a struct
  records,     ///< a list of structs
  numbers,     ///< a list of numbers
  attributes,  ///< a template
  mechanism,   ///< `number` and `name` are the mechanism's, `length` is the parameter's; inside: the parameter
};

struct group {
  group_kind kind = group_kind::record;
  std::string_view type;    ///< name of the struct
  std::uint64_t count = 0;  ///< elements that the tape holds
  std::uint64_t length = 0;
  std::uint32_t marks = 0;
  std::uint64_t number = 0;  ///< of the mechanism
  std::string_view name;     ///< of the mechanism
};

class visitor {
 public:
  virtual ~visitor() = default;
  virtual void begin(const call_view& call) = 0;
  /// The arguments, then the outputs. Called where the tape has them, even if there are none.
  virtual void section(way direction) = 0;
  virtual void leaf(const label& which, const value& what) = 0;
  virtual void open(const label& which, const group& what) = 0;
  virtual void close() = 0;
  virtual void end(const call_view& call) = 0;
};

/// Goes over a call from its first argument to its result. `decoder` explains the values of attributes; nullptr: they
/// are shown as text, numbers or hex.
void walk(const call_view& call, visitor& to, decode::attribute_decoder decoder = nullptr);

}  // namespace p11tape::render
