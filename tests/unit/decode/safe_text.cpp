// SPDX-License-Identifier: Apache-2.0
// Text that is safe to print.
#include <catch2/catch.hpp>

#include "decode/decode.hpp"
#include "samples.hpp"
#include "text/safe.hpp"

namespace {

using namespace p11tape;
namespace safe_printing = p11tape::text;
using test::raw;
using test::unhex;

std::string safe(std::string_view text) { return safe_printing::safe_text(raw(text)); }

TEST_CASE("ordinary text stays as it is", "[decode][text]") {
  CHECK(safe("") == "");
  CHECK(safe("ibmwebspheremqqm1") == "ibmwebspheremqqm1");
  CHECK(safe("Größe, 鍵, ключ, 🔑") == "Größe, 鍵, ключ, 🔑");
  CHECK(decode::text(raw("a b")).text == "\"a b\"");
}

TEST_CASE("what would mislead a reader is escaped", "[decode][text]") {
  CHECK(safe("a\\b\"c") == "a\\\\b\\\"c");
  CHECK(safe("a\r\n\tb") == "a\\r\\n\\tb");
  CHECK(safe("\x1b[2J\x07\x7f") == "\\x1b[2J\\x07\\x7f");
  CHECK(safe(std::string_view{"a\0b", 3}) == "a\\x00b");
  CHECK(safe("user\u202etxt.exe") == "user\\u{202e}txt.exe");
  CHECK(safe("a\u200bb\u2066c\u2028d\ufeffe") == "a\\u{200b}b\\u{2066}c\\u{2028}d\\u{feff}e");
  CHECK(safe("\u0085\u009b31m") == "\\u{0085}\\u{009b}31m");
  CHECK(safe("\U000e0041") == "\\u{0e0041}");
}

TEST_CASE("bytes that are no UTF-8 are shown as such", "[decode][text]") {
  const struct {
    const char *bytes, *shown;
  } cases[] = {
      {"ff", "\\xff"},
      {"41c3", "A\\xc3"},                    // cut
      {"c3a4", "ä"},                         //
      {"c080", "\\xc0\\x80"},                // NUL in two bytes
      {"e08080", "\\xe0\\x80\\x80"},         // and in three
      {"eda080", "\\xed\\xa0\\x80"},         // a surrogate
      {"f4908080", "\\xf4\\x90\\x80\\x80"},  // beyond Unicode
      {"f8888080", "\\xf8\\x88\\x80\\x80"},
      {"e282", "\\xe2\\x82"},
      {"e28228", "\\xe2\\x82("},
      {"80", "\\x80"},
  };
  for (const auto& c : cases) {
    INFO(c.bytes);
    const auto value = unhex(c.bytes);
    CHECK(safe_printing::safe_text(value) == c.shown);
    CHECK(safe_printing::is_utf8(value) == (std::string_view{c.bytes} == "c3a4"));
    CHECK(decode::text(value).facts.empty() == safe_printing::is_utf8(value));
  }
}

TEST_CASE("whatever the bytes are, the result is one line of UTF-8 without controls", "[decode][text][hostile]") {
  std::uint32_t state = 12345;
  for (int round = 0; round < 2000; ++round) {
    test::buffer value;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525 + 1013904223;
      value.push_back(static_cast<std::uint8_t>(state >> 24));
    }
    const auto shown = raw(safe_printing::safe_text(value));
    REQUIRE(safe_printing::is_utf8(shown));
    for (auto rest = safe_printing::bytes{shown}; !rest.empty();) {
      const auto c = safe_printing::detail::first_code_point(rest);
      REQUIRE_FALSE(safe_printing::misleads(c.value));
      rest = rest.subspan(c.size);
    }
  }
}

TEST_CASE("hex", "[decode][text]") {
  CHECK(safe_printing::hex(safe_printing::bytes()) == "");
  CHECK(safe_printing::hex(unhex("00ff10")) == "00ff10");
}

}  // namespace
