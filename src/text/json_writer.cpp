// SPDX-License-Identifier: Apache-2.0
#include "text/json_writer.hpp"

#include "text/safe.hpp"

namespace p11tape::text {

void json_writer::append_string(std::string_view text) {
  bytes rest(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  out_ += '"';
  while (!rest.empty()) {
    const auto c = detail::first_code_point(rest);
    const std::size_t size = c.size == 0 ? 1 : c.size;
    if (c.size == 0) {
      out_ += "\\ufffd";
    } else if (c.value == '"' || c.value == '\\') {
      out_ += '\\';
      out_ += static_cast<char>(c.value);
    } else if (misleads(c.value) && c.value <= 0xffff) {
      out_ += "\\u";
      append_hex_digits(c.value, 4, out_);
    } else if (misleads(c.value)) {
      out_ += "\\u";
      append_hex_digits(0xd7c0 + (c.value >> 10), 4, out_);
      out_ += "\\u";
      append_hex_digits(0xdc00 + (c.value & 0x3ff), 4, out_);
    } else {
      out_.append(reinterpret_cast<const char*>(rest.data()), size);
    }
    rest = rest.subspan(size);
  }
  out_ += '"';
}

}  // namespace p11tape::text
