// SPDX-License-Identifier: Apache-2.0
// Whatever a tape holds, a command ends soon, takes little memory, writes no more than a person could want, and nothing that a
// terminal obeys.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "run.hpp"
#include "tape/tape_builder.hpp"
#include "tapes.hpp"

using namespace p11tape::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double most_seconds = 30;
constexpr std::uint64_t most_memory = std::uint64_t{2} << 30;
#else
constexpr double most_seconds = 2;
constexpr std::uint64_t most_memory = 200 << 20;
#endif
constexpr std::uint64_t most_output = 64 << 20;

enum class text { checked, not_checked };

void check(const std::string& tape, const std::string& other, std::vector<std::string> command,
           text how = text::not_checked) {
  std::string words;
  for (auto& w : command) {
    words += w + ' ';
    if (w == "TAPE") w = tape;
    if (w == "OTHER") w = other;
  }
  command.insert(command.begin(), P11TAPE_TEST_PROGRAM);
  const auto c = run(command);
  INFO(words << ": status " << c.status << ", " << c.seconds << " s, " << (c.memory >> 20) << " MiB, output "
             << (c.output >> 10) << " KiB");
  CHECK((c.status == 0 || c.status == 1 || c.status == 2 || c.status == 64));
  CHECK(c.seconds < most_seconds);
  CHECK(c.memory < most_memory);
  CHECK(c.output < most_output);
  if (how == text::checked) CHECK(c.clean);
}

}  // namespace

TEST_CASE("hostile tapes cost little") {
  for (const auto& hostile : hostile_tapes()) {
    SECTION(hostile.name) {
      temporary_folder f;
      const auto tape = f.write(hostile.make(), "hostile.p11tape");
      const auto other = f.write(harmless_tape(), "harmless.p11tape");
      check(tape, other, {"show", "TAPE"}, text::checked);
      check(tape, other, {"show", "--json", "TAPE"}, text::checked);
      check(tape, other, {"show", "--meaning", "TAPE"}, text::checked);
      check(tape, other, {"summary", "TAPE"}, text::checked);
      check(tape, other, {"diagnose", "TAPE"});
      check(tape, other, {"diagnose", "--verbose", "TAPE"});
      check(tape, other, {"diagnose", "--json", "TAPE"});
      check(tape, other, {"profile", "TAPE"}, text::checked);
      check(tape, other, {"diff", "OTHER", "TAPE"});
      check(tape, other, {"diff", "TAPE", "TAPE"});
      check(tape, other, {"replay", "--dry-run", "TAPE"});
      check(tape, other, {"metrics", "TAPE"}, text::checked);
      for (const auto* table : {"calls", "attributes", "logins", "sessions", "objects", "findings"})
        check(tape, other, {"query", "--format", "csv", std::string("SELECT * FROM ") + table, "TAPE"});
      check(tape, other, {"query", "label-mismatches", "TAPE"}, text::checked);
      for (const auto* format : {"csv", "otlp", "spy", "oasis-xml"})
        check(tape, other, {"export", "--format", format, "TAPE"});
      check(tape, other, {"export", "--format", "jsonl", "--table", "all", "TAPE"});
      const auto secret = f.write("a secret that no tape holds\n", "secret");
      check(tape, other, {"verify-clean", "--secret-from", secret, "TAPE"}, text::checked);
      for (const auto* file : {"--html", "--perfetto", "--folded"})
        check(tape, other, {"profile", file, f.path() + "/out" + file, "TAPE"});
      check(tape, other, {"report", "-o", f.path() + "/report.html", "TAPE"}, text::checked);
      check(tape, other, {"bundle", "-o", f.path() + "/case.tar.gz", "TAPE"}, text::checked);
      const std::string copy = f.path() + "/copy.p11tape";
      check(tape, other, {"scrub", "TAPE", copy});
      std::error_code none;
      if (std::filesystem::exists(copy, none))
        CHECK(std::filesystem::file_size(copy) < 2 * std::filesystem::file_size(tape) + (std::uint64_t{1} << 20));
      unlink(copy.c_str());
    }
  }
}
