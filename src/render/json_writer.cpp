// SPDX-License-Identifier: Apache-2.0
#include "render/json_writer.hpp"

#include "decode/text.hpp"

namespace p11tape::render {

void json_writer::append_string(std::string_view text) {
  auto rest = as_decode(std::as_bytes(std::span(text)));
  out_ += '"';
  while (!rest.empty()) {
    const auto c = decode::detail::first_code_point(rest);
    const std::size_t size = c.size == 0 ? 1 : c.size;
    if (c.size == 0) {
      out_ += "\\ufffd";
    } else if (c.value == '"' || c.value == '\\') {
      out_ += '\\';
      out_ += static_cast<char>(c.value);
    } else if (decode::misleads(c.value) && c.value <= 0xffff) {
      out_ += "\\u";
      decode::detail::append_hex(out_, c.value, 4);
    } else if (decode::misleads(c.value)) {
      out_ += "\\u";
      decode::detail::append_hex(out_, 0xd7c0 + (c.value >> 10), 4);
      out_ += "\\u";
      decode::detail::append_hex(out_, 0xdc00 + (c.value & 0x3ff), 4);
    } else {
      out_.append(reinterpret_cast<const char*>(rest.data()), size);
    }
    rest = rest.subspan(size);
  }
  out_ += '"';
}

}  // namespace p11tape::render
