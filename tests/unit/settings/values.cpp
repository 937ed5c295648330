// SPDX-License-Identifier: Apache-2.0
// Values that are right.
#include <catch2/catch.hpp>

#include "capture/settings/filter.hpp"
#include "capture/settings/settings_table.hpp"
#include "folder.hpp"

namespace p11tape::tests {
namespace {

using capture::setting;
using capture::u64;
using cryptoki::function;

TEST_CASE("sizes") {
  u64 n = 0;
  const auto is = [&](const char* text, u64 value) { return capture::parse_size(text, n) && n == value; };
  CHECK(is("0", 0));
  CHECK(is("512", 512));
  CHECK(is("64K", 65536));
  CHECK(is("64k", 65536));
  CHECK(is("3M", 3 << 20));
  CHECK(is("2GiB", u64{2} << 30));
  CHECK(is("18446744073709551615", ~u64{0}));
  for (const char* text : {"", "K", "-1", "1T", "1MB", "1 M", "18446744073709551616", "17179869184G", "0x10"}) {
    CAPTURE(text);
    CHECK_FALSE(capture::parse_size(text, n));
  }
}

TEST_CASE("durations") {
  u64 n = 0;
  const auto is = [&](const char* text, u64 value) { return capture::parse_duration(text, n) && n == value; };
  CHECK(is("0", 0));
  CHECK(is("5ms", 5000000));
  CHECK(is("100us", 100000));
  CHECK(is("2 s", 2000000000));
  CHECK(is("7ns", 7));
  for (const char* text : {"", "5", "ms", "5m", "-5ms", "1.5s", "99999999999999s"}) {
    CAPTURE(text);
    CHECK_FALSE(capture::parse_duration(text, n));
  }
}

TEST_CASE("every row is sound") {
  for (std::size_t i = 0; i < capture::setting_count; ++i) {
    const auto& row = capture::setting_rows[i];
    CAPTURE(row.key);
    CHECK(capture::setting_of_key(row.key) == i);
    CHECK(std::string(row.variable).starts_with("P11TAPE_"));
    CHECK(std::string(row.help).ends_with("."));
    // Both the default and the fallback are values that the row itself takes.
    for (const char* text : {row.standard, row.if_wrong}) {
      if (text[0] == 0) continue;
      auto s = std::make_unique<capture::settings>();
      capture::take_setting(*s, static_cast<setting>(i), text, "here", row.key);
      CHECK(std::string(s->problems).empty());
    }
  }
}

TEST_CASE("on and off have many names") {
  folder f;
  for (const char* text : {"on", "yes", "true", "1", "On", "TRUE"}) {
    f.write("p11tape.yaml", std::string("log.entry: ") + text + "\n");
    CHECK(f.read().number(setting::log_entry) == 1);
  }
  for (const char* text : {"off", "no", "false", "0"}) {
    f.write("p11tape.yaml", std::string("record: ") + text + "\n");
    CHECK(f.read().number(setting::record) == 0);
  }
  std::filesystem::remove(f.path("p11tape.yaml"));
  CHECK(f.read({"P11TAPE_OFF=1"}).number(setting::record) == 0);
  CHECK(f.read({"P11TAPE_OFF=0"}).number(setting::record) == 1);
  CHECK(f.read({"P11TAPE_OFF=0", "P11TAPE_RECORD=off"}).number(setting::record) == 0);
}

TEST_CASE("what is left out is a set of functions, and those that change state stay") {
  folder f;
  f.write("p11tape.yaml", "leave_out: [C_Sign, random, search]\n");
  CHECK(std::string(f.read().problems).find("names `search`, which changes the state") != std::string::npos);
  f.write("p11tape.yaml", "leave_out: [C_Sign, random, session]\n");
  const auto& s = f.read();
  CHECK(std::string(s.problems).empty());
  const auto out = [&](function x) { return s.is_left_out(static_cast<unsigned>(x)); };
  CHECK(out(function::C_Sign));
  CHECK(out(function::C_SeedRandom));
  CHECK(out(function::C_GenerateRandom));
  CHECK(out(function::C_GetSessionInfo));
  CHECK_FALSE(out(function::C_OpenSession));
  CHECK_FALSE(out(function::C_SignInit));
}

TEST_CASE("filters keep what they are to keep") {
  folder f;
  auto filter = std::make_unique<capture::call_filter>();
  const auto configure = [&](std::vector<std::string> variables) { filter->configure(f.read(variables)); };

  configure({});
  CHECK_FALSE(filter->any());
  CHECK_FALSE(filter->may_drop(function::C_Sign));

  configure({"P11TAPE_ERRORS_ONLY=on"});
  CHECK(filter->may_drop(function::C_Sign));
  CHECK_FALSE(filter->keeps(function::C_Sign, 1, CKR_OK));
  CHECK(filter->keeps(function::C_Sign, 1, CKR_BUFFER_TOO_SMALL));
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto x = static_cast<function>(i);
    if (cryptoki::changes_state(cryptoki::row(x).does)) CHECK_FALSE(filter->may_drop(x));
  }

  configure({"P11TAPE_SLOWER_THAN=5ms"});
  CHECK_FALSE(filter->keeps(function::C_Sign, 4999999, CKR_OK));
  CHECK_FALSE(filter->keeps(function::C_Sign, 1, CKR_DEVICE_ERROR));
  CHECK(filter->keeps(function::C_Sign, 5000000, CKR_OK));

  configure({"P11TAPE_SLOWER_THAN=5ms", "P11TAPE_ERRORS_ONLY=on"});
  CHECK(filter->keeps(function::C_Sign, 1, CKR_DEVICE_ERROR));
  CHECK(filter->keeps(function::C_Sign, 5000000, CKR_OK));
  CHECK_FALSE(filter->keeps(function::C_Sign, 1, CKR_OK));

  configure({"P11TAPE_SAMPLE_POLLS=10"});
  CHECK_FALSE(filter->may_drop(function::C_Sign));
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += filter->keeps(function::C_GetSessionInfo, 1, CKR_OK);
  CHECK(kept == 10);
  CHECK(filter->keeps(function::C_GetSessionInfo, 1, CKR_SESSION_HANDLE_INVALID));

  configure({"P11TAPE_LEAVE_OUT=digest,C_Sign"});
  CHECK(filter->may_drop(function::C_DigestUpdate));
  CHECK_FALSE(filter->keeps(function::C_Sign, 1, CKR_DEVICE_ERROR));
  CHECK_FALSE(filter->may_drop(function::C_Verify));
}

}  // namespace
}  // namespace p11tape::tests
