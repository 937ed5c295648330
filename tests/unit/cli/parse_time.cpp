// SPDX-License-Identifier: Apache-2.0
#include "text/parse_time.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <string>

using namespace p11tape::text;

namespace {

constexpr std::uint64_t second = 1000000000;
constexpr std::uint64_t start = 1795284301 * second;  // 2026-11-21 18:05:01 UTC, 19:05:01 in the zone of these tests

// A zone without rules, an hour east of Greenwich.
struct fixed_zone {
  fixed_zone() {
    ::setenv("TZ", "XXX-1", 1);
    ::tzset();
  }
};

std::uint64_t duration(std::string_view text) { return parse_duration(text).value_or(~std::uint64_t{0}); }

std::uint64_t moment(std::string_view text) {
  const fixed_zone zone;
  return parse_moment(text, start).value_or(0);
}

}  // namespace

TEST_CASE("durations have a number and a unit") {
  CHECK(duration("5ms") == 5000000);
  CHECK(duration("2.5s") == 2500000000);
  CHECK(duration("100us") == 100000);
  CHECK(duration("100µs") == 100000);
  CHECK(duration("7ns") == 7);
  CHECK(duration("1min") == 60 * second);
  CHECK(duration("2h") == 7200 * second);
  CHECK(duration("0.000000001s") == 1);
  for (const auto* wrong : {"", "5", "ms", "5 ms", "-5ms", "5ms5", "5.5.5ms", ".5s", "5sec", "99999999999999999999s"}) {
    INFO(wrong);
    CHECK(duration(wrong) == ~std::uint64_t{0});
  }
}

TEST_CASE("moments are ISO times, times of day, or seconds after the beginning") {
  CHECK(moment("2026-11-21T18:05:01Z") == start);
  CHECK(moment("2026-11-21T19:05:01") == start);
  CHECK(moment("2026-11-21 19:05:01.5") == start + second / 2);
  CHECK(moment("2026-11-21T20:05:01+02:00") == start);
  CHECK(moment("2026-11-21T15:35:01-0230") == start);
  CHECK(moment("2026-11-21") == start - (19 * 3600 + 5 * 60 + 1) * second);
  CHECK(moment("19:05:01") == start);
  CHECK(moment("19:05") == start - second);
  CHECK(moment("08:00:00") == start - (11 * 3600 + 5 * 60 + 1) * second);
  CHECK(moment("00:05:01") == start + 5 * 3600 * second);  // the night after
  CHECK(moment("+0") == start);
  CHECK(moment("+2.5") == start + 2500000000);
  CHECK(moment("+2s") == start + 2 * second);
  for (const auto* wrong : {"", "now", "25:00", "19:5", "19:05:99", "2026-13-01", "2026-11-21T", "2026-11-21x",
                            "2026-11-21T19:05:01+", "+", "+x", "-5", "19:05:01 "}) {
    INFO(wrong);
    CHECK(moment(wrong) == 0);
  }
}
