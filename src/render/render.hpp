// SPDX-License-Identifier: Apache-2.0
// Calls as text and as JSON, for `p11tape show` and for the live log. JSON.md describes the JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "render/call_view.hpp"
#include "render/visitor.hpp"

namespace p11tape::render {

/// What handles are, for whoever knows: the program's model. "" where nothing is known of one. `kind` is session,
/// object or slot.
class handle_words {
 public:
  virtual ~handle_words() = default;
  virtual std::string words_of(std::string_view kind, std::uint64_t handle) const = 0;
};

struct options {
  decode::attribute_decoder decoder = nullptr;  ///< names, certificates, curves; only the program has one
  std::size_t most_bytes = 64;                  ///< how many bytes of a byte string the text shows
  const handle_words* handles = nullptr;        ///< then handles are shown as what they are
  bool colour = false;                          ///< in the text: terminal escapes; failed calls in red
  bool name_process = false;                    ///< in the text: calls of several processes are mixed
};

/// Appends a block of lines, each with its newline. Times are in the local time zone.
void append_text(const call_view& call, const options& how, std::string& out);

/// Appends the block's first line only, without a newline: for a log that says that a call begins.
void append_heading(const call_view& call, std::string& out);

/// Appends one line of JSON with its newline. Bytes are always whole, times in UTC.
void append_json(const call_view& call, const options& how, std::string& out);

/// A call exactly on one line, with its newline: name, time, process, thread, function, return value, duration, and the
/// arguments that tell calls of the function apart.
void append_oneline(const call_view& call, const options& how, std::string& out);

/// The one name of a call: 7 on a single tape, 2:7 where several are read together (`tape` from 1, 0 for a single one).
void append_call_name(std::uint64_t tape, std::uint64_t number, std::string& out);

/// "thread 2 (tid 5561)": the number on the tape, and the kernel's id where it is known.
void append_thread_name(std::uint64_t number, std::uint64_t id, std::string& out);
void append_thread_name(const call_view& call, std::string& out);

/// "CKR_OK", "CKR_VENDOR_DEFINED+0x10", or "" for a value that has no name.
std::string return_name(std::uint64_t value);

/// "C_Login", or words for a function that the tape does not describe.
std::string function_name(const call_view& call);

}  // namespace p11tape::render
