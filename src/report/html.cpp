// SPDX-License-Identifier: Apache-2.0
#include "report/html.hpp"

#include <algorithm>

namespace p11tape::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

void html::open(std::string_view tag, std::string_view style) {
  (out_ += '<') += tag;
  if (!style.empty()) ((out_ += " class=\"") += style) += '"';
  out_ += '>';
}

void html::close(std::string_view tag) { ((out_ += "</") += tag) += ">\n"; }

void html::text(std::string_view tag, std::string_view text, std::string_view style) {
  open(tag, style);
  out_ += escaped(text);
  ((out_ += "</") += tag) += '>';
}

void html::section(std::string_view id, std::string_view title) {
  ((out_ += "<section id=\"") += id) += "\" aria-labelledby=\"";
  ((((out_ += id) += "-title\"><h2 id=\"") += id) += "-title\">") += escaped(title);
  out_ += "</h2>\n";
}

void html::term(std::string_view name, std::string_view text) {
  if (text.empty()) return;
  this->text("dt", name);
  this->text("dd", text);
  out_ += '\n';
}

void html::table(std::string_view label, std::initializer_list<std::string_view> titles) {
  ((out_ += "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"") += escaped(label)) +=
      "\"><table><thead><tr>";
  for (auto t : titles) {
    const bool text = t.starts_with('<');
    if (text) t.remove_prefix(1);
    out_ += text ? "<th scope=\"col\" class=\"text\">" : "<th scope=\"col\">";
    (out_ += escaped(t)) += "</th>";
  }
  out_ += "</tr></thead><tbody>\n";
}

void html::share_cell(std::string_view text, std::uint64_t part, std::uint64_t whole) {
  const auto width = whole == 0 ? 0 : std::min<std::uint64_t>(100, part * 100 / whole);
  ((out_ += "<td>") += escaped(text)) +=
      "<svg class=\"meter\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"" +
      std::to_string(width) + "\" height=\"10\"/></svg></td>";
}

void html::data(std::string_view json) {
  out_ += "<script type=\"application/json\">";
  // Inside a script element nothing is unescaped, and "</script" would end it wherever it stands.
  for (std::size_t at = 0; at < json.size();) {
    const auto next = std::min(json.find('<', at), json.size());
    out_ += json.substr(at, next - at);
    if (next < json.size()) out_ += "\\u003c";
    at = next + 1;
  }
  out_ += "</script>\n";
}

}  // namespace p11tape::report
