// SPDX-License-Identifier: Apache-2.0
// The lines between the header and the result of a call, as OpenSC's display code prints them: for pkcs11-spy and for
// libpkcs11shim, which inherited that code.
//
//   [in] hSession = 0x1                      a number, a pointer or a constant
//   [in] pPin[ulPinLen] 0000ffff / 4         bytes, followed by a dump
//       00000000  31 32 33 34 ...  1234
//   [in] pTemplate[2]:                       a template, followed by a line for each attribute
//       CKA_CLASS             CKO_PRIVATE_KEY
//   [out] pInfo:                             a struct, followed by a line for each field
//
// It remembers what the latest line has opened, because the lines below do not say what they belong to.
#pragma once

#include "import/call.hpp"
#include "import/reader.hpp"

namespace p11tape::import {

class display_lines {
 public:
  /// Takes a line that belongs to the call. The call must stay where it is until reset().
  line_use take(call& c, std::string_view text);

  /// The next line belongs to another call, or to none.
  void reset() noexcept { *this = display_lines{}; }

  /// After line_use::masked: the line without its secrets.
  std::string cleaned;

  /// The latest line was taken as a piece of a dump.
  bool took_dump() const noexcept { return took_dump_; }
  /// The header of a secret's dump was read, and the dump itself was not, or not all of it.
  bool awaits_secret() const noexcept;
  /// The latest line may be of another call's secret: it is forgotten, and masked.
  line_use disown(std::string_view text);

  /// 4 or 8 where a line has shown how wide the process's words are.
  static u64 word_size_shown(std::string_view text) noexcept;

 private:
  enum class list : u8 { none, attributes, slots, mechanisms, objects, structure, interfaces };

  bool parameter(call& c, std::string_view text, bool out);
  bool argument_value(call& c, std::size_t index, bool out, bool star, std::string_view rest);
  bool mechanism_part(value& m, std::string_view path, std::string_view rest);
  bool unnamed_mechanism_part(call& c, std::string_view path, std::string_view rest);
  bool bytes_header(std::span<const cryptoki::field> row, std::vector<value>& values, std::size_t index,
                    std::string_view rest);
  bool attribute(std::string_view text);
  bool dump(std::string_view text);
  bool wrapped(std::string_view text);
  bool print_dump(std::string_view text);
  bool initialize_flags(call& c, std::string_view text);
  bool list_line(call& c, std::string_view text);
  bool structure_field(std::string_view text);
  bool mechanism_info(call& c, std::string_view text);
  void expect_dump(value& v, bool secret) noexcept;
  line_use masked(std::string_view text);

  list open_ = list::none;
  value* into_ = nullptr;  // the open list or struct
  value* last_ = nullptr;  // whose dump follows
  value* half_ = nullptr;  // a text field of two lines (slotDescription)
  bool secret_ = false;    // what is in last_
  bool certificate_ = false;
  bool characters_follow_ = false;      // the second line of an old dump
  std::size_t row_missing_ = 0;         // bytes of the latest line of a dump that a line break has taken away
  std::size_t characters_missing_ = 0;  // ... and the characters behind them
  bool mask_ = false, took_dump_ = false;
  std::size_t mask_from_ = 0;
};

}  // namespace p11tape::import
