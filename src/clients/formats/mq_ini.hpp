// SPDX-License-Identifier: Apache-2.0
// mqclient.ini, by the lexical rules that IBM's clients use:
//
//   stanza     a line with a colon before any equals sign; its name is what stands before the colon
//   attribute  name = value, split at the first equals sign, both trimmed; names know no case
//   comment    from ; or # to the end of the line, anywhere, unless a backslash precedes it; \; \# \\ are unescaped
//   repeated   of two stanzas of a name only the first is read; of two attributes in a stanza the last counts
//
// No quoting, no continuation lines. The document keeps every byte and only points into it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "clients/reading.hpp"
#include "clients/secret_buffer.hpp"

namespace p11tape::clients {

struct ini_line {
  enum class kind : std::uint8_t { blank, comment, stanza, attribute } what = kind::blank;
  std::size_t number = 0;    ///< 1-based
  std::size_t begin = 0;     ///< offset of the line
  std::string_view text;     ///< without its line end
  std::string_view name;     ///< of the stanza or attribute
  std::string_view value;    ///< raw, still escaped, trimmed; may hold a password
  std::string_view comment;  ///< what follows the value, from its ; or # on
  bool has_equals = false;
  std::size_t stanza = 0;  ///< index of the stanza's line, for attributes; npos before any stanza
};

class ini_document {
 public:
  /// `text` must outlive the document.
  explicit ini_document(std::string_view text);

  const std::vector<ini_line>& lines() const noexcept { return lines_; }

  /// The line of the attribute that MQ reads: the last of that name in the first stanza of that name.
  const ini_line* find(std::string_view stanza, std::string_view attribute) const noexcept;

  /// The first line of a stanza of that name.
  const ini_line* find_stanza(std::string_view stanza) const noexcept;

  static secret_buffer unescape(std::string_view raw);

 private:
  std::vector<ini_line> lines_;
};

/// Reads and checks a whole mqclient.ini.
reading read_mq_ini(std::string_view text);

}  // namespace p11tape::clients
