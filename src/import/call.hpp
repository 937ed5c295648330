// SPDX-License-Identifier: Apache-2.0
// The one event stream that all log readers produce: a call as far as its log tells it.
//
// A reader fills a `call` by the names of the API (bind.hpp) and hands it to a `call_sink` when the call has returned,
// or when it is certain that the log says no more about it. What the log does not say stays `unknown`; nothing is
// guessed. Values hold what the log shows, secrets included: they live until the call is encoded (encode.hpp), which
// redacts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cryptoki/tables.hpp"
#include "p11tape/layout.hpp"

namespace p11tape::import {

using tape::u16;
using tape::u32;
using tape::u64;
using tape::u8;

/// What a log says of an argument, a field or an attribute.
struct value {
  enum class kind : u8 {
    unknown,     ///< nothing
    null,        ///< a NULL pointer
    pointer,     ///< a pointer that is not NULL; what it points at is not shown
    number,      ///< `number`
    bytes,       ///< `bytes`, of which there are `length`
    numbers,     ///< `numbers`
    structure,   ///< `parts`: one for each field of struct `id`
    structures,  ///< `parts`: structures
    attributes,  ///< `parts`: attributes, each with its `type`
    mechanism,   ///< `number` is the type; `parts` holds the parameter, if anything is known of it
  };
  kind what = kind::unknown;
  bool length_known = false;  ///< `length` counts
  bool partial = false;       ///< `bytes` does not hold all of them
  u16 id = 0;                 ///< of a structure: index into cryptoki::records
  u64 type = 0;               ///< of an attribute
  u64 length = 0;             ///< bytes, or elements of a list
  u64 number = 0;
  std::string bytes;
  std::vector<u64> numbers;
  std::vector<value> parts;

  bool known() const noexcept { return what != kind::unknown; }
  void set_number(u64 n) noexcept {
    what = kind::number;
    number = n;
  }
  void set_length(u64 n) noexcept {
    length = n;
    length_known = true;
  }
  void set_bytes(std::string_view b) {
    what = kind::bytes;
    bytes = b;
    set_length(b.size());
  }
};

/// ulValueLen of an attribute that cannot be had, whatever the width of the recorded process.
inline constexpr u64 unavailable = ~u64{0};

/// Elements of one list that are kept: more than any real call has, and few enough for a log that is made up.
inline constexpr std::size_t most_elements = 4096;

/// One exchange with a card, as bytes. A log that hides them leaves `command` empty.
struct card_exchange {
  std::string command;
  std::string response;
  std::optional<u64> time;
};

struct call {
  cryptoki::function function{};
  std::vector<value> in, out;          ///< one for each argument of the row
  std::optional<u64> result;           ///< absent: the log does not show that the call returned
  bool result_lost = false;            ///< it returned, but the piece of the log that says so is missing
  std::optional<u64> start, end;       ///< ns since 1970, by the clock of the log
  std::optional<u64> process, thread;  ///< as the log names them
  u32 lane = 0;                        ///< where threads are not known: tells apart calls that overlap
  u64 line = 0;                        ///< where it begins
  u64 end_line = 0;
  std::vector<card_exchange> exchanges;

  const cryptoki::function_row& row() const noexcept { return cryptoki::row(function); }

  /// Makes it an empty call of that function.
  void begin(cryptoki::function f, u64 at_line) {
    *this = call{};
    function = f;
    in.resize(row().arguments.size());
    out.resize(in.size());
    line = end_line = at_line;
  }
};

/// What a log says of the process that follows.
struct process_start {
  std::string module;  ///< path, "" where it is not said
  std::optional<u64> process;
  std::string error;  ///< why the module could not be loaded
  u64 line = 0;
};

/// Takes what a reader finds, in the order in which the log ends the calls.
class call_sink {
 public:
  virtual ~call_sink() = default;
  /// What follows belongs to another process. Readers of logs that name the process in each line need not call it.
  virtual void begin_process(const process_start& p) = 0;
  virtual void add(call& c) = 0;
};

}  // namespace p11tape::import
