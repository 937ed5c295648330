// SPDX-License-Identifier: Apache-2.0
// Writes JSON into a string, in the order of the calls. Numbers beyond 2^53 become strings: most readers of JSON keep
// numbers as doubles, and would change a handle silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "text/numbers.hpp"

namespace p11tape::text {

/// The version of the JSON that this program writes; JSON.md.
inline constexpr std::uint64_t json_schema = 1;

class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  void end_line() { out_ += '\n'; }

  void key(std::string_view name) {
    separate();
    append_string(name);
    out_ += ':';
    first_ = true;
  }

  void element(std::string_view text) {
    separate();
    append_string(text);
  }

  void element(std::uint64_t n) {
    separate();
    const bool exact = n <= (std::uint64_t{1} << 53);
    if (!exact) out_ += '"';
    append_decimal(n, out_);
    if (!exact) out_ += '"';
  }

  void field(std::string_view name, std::uint64_t n) {
    key(name);
    element(n);
  }
  void field(std::string_view name, std::string_view text) {
    key(name);
    element(text);
  }
  void field(std::string_view name, const char* text) { field(name, std::string_view(text)); }
  void field(std::string_view name, bool yes) {
    key(name);
    separate();
    out_ += yes ? "true" : "false";
  }
  void hex(std::string_view name, std::span<const std::byte> bytes) {
    key(name);
    separate();
    out_ += '"';
    append_hex(bytes, out_);
    out_ += '"';
  }

 private:
  void begin(char c) {
    separate();
    out_ += c;
    first_ = true;
  }
  void end(char c) {
    out_ += c;
    first_ = false;
  }
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  // Misleading characters are escaped. What is not UTF-8 becomes U+FFFD: JSON has no other way; values that may be so
  // are written in hex instead.
  void append_string(std::string_view text);

  std::string& out_;
  bool first_ = true;
};

}  // namespace p11tape::text
