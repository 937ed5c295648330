// SPDX-License-Identifier: Apache-2.0
// Taking away from a recorded call what a stricter profile would not have recorded.
//
// It goes over the bytes of a record with the tape's own rows, and decides by the same table as the recorder does
// (cryptoki/redaction.hpp). What it does not understand it leaves out: unknown is secret.
#pragma once

#include <cstddef>
#include <vector>

#include "p11tape/record.hpp"
#include "p11tape/schema.hpp"

namespace p11tape::scrub {

class redactor {
 public:
  /// `profile` counts as cryptoki::treat does: 0 default, 1 strict, 2 payload. A profile never brings back what is
  /// gone.
  redactor(const tape::schema& rows, std::size_t profile, unsigned word_size);

  /// The body of an ENTER of the function of that number.
  std::vector<std::byte> enter(tape::u16 function, tape::byte_view body) const;

  /// The body of a LEAVE of the function of that number.
  std::vector<std::byte> leave(tape::u16 function, tape::byte_view body) const;

 private:
  using bytes = std::vector<std::byte>;
  using row = std::span<const cryptoki::field>;

  void fields(bytes& out, row fields, tape::byte_view body, int depth) const;
  tape::u64 item(bytes& out, row fields, tape::u64 first_word, const tape::item_view& i, int depth) const;
  void nested(bytes& out, tape::byte_view payload, int depth) const;
  bool attribute(bytes& out, const tape::attribute_view& a, int depth) const;
  tape::u64 number(row fields, std::size_t field, tape::u64 value) const;
  bool whole(cryptoki::redaction_class s) const;

  cryptoki::redaction_class stricter(cryptoki::redaction_class a, cryptoki::redaction_class b) const;

  std::size_t profile_;
  unsigned word_size_;
  // The tape's rows, each field with the stricter of two classes: the tape's, and that of our own row of the same name.
  std::vector<std::vector<cryptoki::field>> functions_, structs_;
};

}  // namespace p11tape::scrub
