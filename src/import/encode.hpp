// SPDX-License-Identifier: Apache-2.0
// From a call of a log to the bodies of its records: the same words and items as the recorder writes, decided by the
// same table (cryptoki/redaction.hpp, the default profile). Nothing that the table withholds leaves this class.
//
// What the log does not say is marked so (tape::item_unknown), never made up. A pointer whose value is not in the log
// counts as given, so that nobody takes a call for one without a buffer.
#pragma once

#include <memory>

#include "import/call.hpp"

namespace p11tape::capture {
struct pin_memory;
}

namespace p11tape::import {

using body = std::vector<std::byte>;

/// One for each imported process: it knows that process's PINs apart.
class encoder {
 public:
  explicit encoder(u64 word_size);
  encoder(encoder&&) noexcept;
  ~encoder();

  /// The body of the call's ENTER, and of its LEAVE.
  void enter(const call& c, body& out) const;
  void leave(const call& c, body& out) const;

 private:
  using row = std::span<const cryptoki::field>;

  void fields(body& out, row fields, const std::vector<value>& values, const std::vector<value>* outputs,
              int depth) const;
  u64 pointer(body& out, row fields, const std::vector<value>& values, std::size_t index, int depth) const;
  u64 bytes(body& out, const cryptoki::field& f, const value& v, u16 index) const;
  void output(body& out, row fields, const std::vector<value>& values, std::size_t index) const;
  void structure(body& out, u16 index, const value& v, int depth) const;
  void attributes(body& out, u16 index, const value& v, int depth, bool request) const;
  void attribute(body& out, const value& a, bool certificate, int depth, bool request) const;
  void mechanism(body& out, u16 index, const value& m, int depth) const;
  bool parameter(body& out, const value& m, int depth) const;
  u64 stored_length(u64 n) const noexcept;

  u64 word_size_;
  std::unique_ptr<capture::pin_memory> pins_;
};

/// A struct from the memory that holds it, for words of 4 or 8 bytes: numbers are read, of pointers only whether they
/// are NULL. Returns nullopt if the size is another.
std::optional<value> read_structure(std::string_view memory, u16 structure, u64 word_size);

/// The number that `bytes` hold, in the byte order of the machines that these logs come from (the lowest byte first).
u64 number_in(std::string_view bytes) noexcept;

}  // namespace p11tape::import
