// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the page: every piece of markup in it is written here, and every text goes through escaped(), or
// through JSON in which no markup is left. The page has a content security policy, so nothing here writes a style
// attribute or an event handler.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace p11tape::report {

/// Text that stands in a page, or in an attribute in double quotes, as it is.
std::string escaped(std::string_view text);

class html {
 public:
  explicit html(std::string& out) : out_(out) {}

  /// <tag class="...">
  void open(std::string_view tag, std::string_view style = {});
  void close(std::string_view tag);
  /// <tag class="...">text</tag>
  void text(std::string_view tag, std::string_view text, std::string_view style = {});
  /// <section>, with its heading of the second level.
  void section(std::string_view id, std::string_view title);
  void end_section() { close("section"); }
  /// A term and what is said about it; inside <dl>. An empty text is left out.
  void term(std::string_view name, std::string_view text);

  /// A table that scrolls by itself where the window is narrow. A title that begins with '<' heads a column of text.
  void table(std::string_view label, std::initializer_list<std::string_view> titles);
  void row() { out_ += "<tr>"; }
  void cell(std::string_view text, std::string_view style = {}) { this->text("td", text, style); }
  /// A share as text and as a bar.
  void share_cell(std::string_view text, std::uint64_t part, std::uint64_t whole);
  void end_row() { out_ += "</tr>\n"; }
  void end_table() { out_ += "</tbody></table></div>\n"; }

  /// Data for the page's script. `json` may contain anything that JSON may.
  void data(std::string_view json);
  /// Markup of our own that has no word here: a picture.
  void markup(std::string_view ours) { out_ += ours; }

 private:
  std::string& out_;
};

}  // namespace p11tape::report
