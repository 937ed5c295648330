// SPDX-License-Identifier: Apache-2.0
#include "render/words.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

#include "text/json_writer.hpp"
#include "text/phrase.hpp"
#include "text/safe.hpp"

using namespace p11tape;
using namespace p11tape::render;

namespace {

template <class F, class... A>
std::string appended(F append, A... arguments) {
  std::string out;
  append(arguments..., out);
  return out;
}

tape::byte_view view(std::string_view s) { return std::as_bytes(std::span(s)); }

std::pair<padding_kind, std::uint64_t> padding(std::string_view s) {
  std::uint64_t n = 0;
  const auto kind = padding_of(view(s), n);
  return {kind, n};
}

}  // namespace

TEST_CASE("codes are written as constants are: small ones decimal, others in hex") {
  CHECK(appended(append_code, 0) == "0");
  CHECK(appended(append_code, 9) == "9");
  CHECK(appended(append_code, 10) == "0xA");
  CHECK(appended(append_code, 0x8000001fu) == "0x8000001F");
  CHECK(appended(append_code, ~std::uint64_t{0}) == "0xFFFFFFFFFFFFFFFF");
}

TEST_CASE("durations have three digits") {
  CHECK(appended(append_duration, 0) == "0 ns");
  CHECK(appended(append_duration, 417) == "417 ns");
  CHECK(appended(append_duration, 1000) == "1.00 µs");
  CHECK(appended(append_duration, 9994) == "9.99 µs");
  CHECK(appended(append_duration, 9996) == "10.0 µs");
  CHECK(appended(append_duration, 12345) == "12.3 µs");
  CHECK(appended(append_duration, 999600) == "1.00 ms");
  CHECK(appended(append_duration, 1234000) == "1.23 ms");
  CHECK(appended(append_duration, 412000000) == "412 ms");
  CHECK(appended(append_duration, 2345678901) == "2.35 s");
  CHECK(appended(append_duration, 1234567890123) == "1235 s");
}

TEST_CASE("shares have two digits, and what is tiny is not nothing") {
  CHECK(p11tape::text::percent(0, 5) == "0 %");
  CHECK(p11tape::text::percent(1, 0) == "0 %");
  CHECK(p11tape::text::percent(1, 10000) == "<0.1 %");
  CHECK(p11tape::text::percent(45, 1000) == "4.5 %");
  CHECK(p11tape::text::percent(996, 10000) == "10 %");
  CHECK(p11tape::text::percent(82, 100) == "82 %");
  CHECK(p11tape::text::percent(1, 1) == "100 %");
}

TEST_CASE("the padding of a fixed field is told apart from its text") {
  using pair = std::pair<padding_kind, std::uint64_t>;
  CHECK(padding("mytoken   ") == pair{padding_kind::blanks, 3});
  CHECK(padding(std::string_view("mytoken\0\0", 9)) == pair{padding_kind::nuls, 2});
  CHECK(padding(std::string_view("my\0     ", 8)) == pair{padding_kind::blanks, 5});
  CHECK(padding(std::string_view("my   \0", 6)) == pair{padding_kind::nuls, 1});
  CHECK(padding("full") == pair{padding_kind::none, 0});
  CHECK(padding("    ") == pair{padding_kind::blanks, 4});
  CHECK(padding("") == pair{padding_kind::none, 0});
}

TEST_CASE("nothing in quotes can move the cursor or hide") {
  CHECK(appended(append_quoted, view("a\"b\\c")) == R"("a\"b\\c")");
  CHECK(appended(append_quoted, view("\x1b[2J\x07\n")) == R"("\x1b[2J\x07\n")");
  CHECK(appended(append_quoted, view("grün")) == "\"grün\"");
  CHECK(appended(append_quoted, view("\xff\xc3")) == R"("\xff\xc3")");
  CHECK(appended(append_quoted, view("a\u202eb")) == R"("a\u{202e}b")");
}

TEST_CASE("the short way of plain text writes what the long one writes, wherever an unusual character is") {
  for (std::size_t size = 0; size <= 20; ++size)
    for (std::size_t at = 0; at < (size == 0 ? 1 : size); ++at)
      for (int c = 0; c < 256; ++c) {
        std::string name(size, 'n');
        if (size != 0) name[at] = static_cast<char>(c);
        std::string expected;
        text::append_safe(as_decode(view(name)), expected);
        const auto is = appended([](std::string_view t, std::string& out) { append_safe(t, out); }, name);
        if (is != expected) FAIL("size " << size << ", character " << c << " at " << at << ": " << is);
      }
}

TEST_CASE("times in UTC are exact to the nanosecond") {
  CHECK(appended(append_utc_time, 1795284301123456789) == "2026-11-21T18:05:01.123456789Z");
  CHECK(appended(append_utc_time, 0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(appended(append_utc_time, 951782399999999999) == "2000-02-28T23:59:59.999999999Z");
  CHECK(appended(append_utc_time, 951782400000000000) == "2000-02-29T00:00:00.000000000Z");
  CHECK(appended(append_utc_time, ~std::uint64_t{0}) == "2554-07-21T23:34:33.709551615Z");
}

TEST_CASE("JSON: numbers that a double cannot hold are strings, and strings are valid whatever they hold") {
  std::string out;
  p11tape::text::json_writer json(out);
  json.begin_object();
  json.field("small", std::uint64_t{1} << 53);
  json.field("large", (std::uint64_t{1} << 53) + 1);
  json.field("text", "q\" b\\ n\n e\x1b x\xff t\u202e \U000e0041");
  json.key("list");
  json.begin_array();
  json.element("a");
  json.element("b");
  json.end_array();
  json.end_object();
  CHECK(out == R"({"small":9007199254740992,"large":"9007199254740993",)"
               R"("text":"q\" b\\ n\u000a e\u001b x\ufffd t\u202e \udb40\udc41","list":["a","b"]})");
}
