// SPDX-License-Identifier: Apache-2.0
// Whatever a tape holds, a command ends soon, takes little memory, writes no more than a person could want, and nothing that a
// terminal obeys.
#include <unistd.h>

#include <algorithm>
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

// How long a command may take. A machine that is slow, or slow just now, takes longer for tapes of all kinds: the dearest of these
// commands and tapes takes some thirty times what a plain tape does.
double seconds_granted(temporary_folder& f) {
  const auto plain = f.write(plain_tape(), "plain.p11tape");
  const auto usual = run({P11TAPE_TEST_PROGRAM, "export", "--format", "jsonl", "--table", "all", plain});
  REQUIRE(usual.status == 0);
  return std::max(most_seconds, 60 * usual.seconds);
}

struct commands_on {
  std::string tape, other;
  double seconds;  // that each is granted

  void check(std::vector<std::string> command, text how = text::not_checked) const {
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
    CHECK(c.seconds < seconds);
    CHECK(c.memory < most_memory);
    CHECK(c.output < most_output);
    if (how == text::checked) CHECK(c.clean);
  }
};

}  // namespace

TEST_CASE("hostile tapes cost little") {
  for (const auto& hostile : hostile_tapes()) {
    SECTION(hostile.name) {
      temporary_folder f;
      const auto tape = f.write(hostile.make(), "hostile.p11tape");
      const commands_on all{tape, f.write(harmless_tape(), "harmless.p11tape"), seconds_granted(f)};
      all.check({"show", "TAPE"}, text::checked);
      all.check({"show", "--json", "TAPE"}, text::checked);
      all.check({"show", "--meaning", "TAPE"}, text::checked);
      all.check({"summary", "TAPE"}, text::checked);
      all.check({"diagnose", "TAPE"});
      all.check({"diagnose", "--verbose", "TAPE"});
      all.check({"diagnose", "--json", "TAPE"});
      all.check({"profile", "TAPE"}, text::checked);
      all.check({"diff", "OTHER", "TAPE"});
      all.check({"diff", "TAPE", "TAPE"});
      all.check({"replay", "--dry-run", "TAPE"});
      all.check({"metrics", "TAPE"}, text::checked);
      for (const auto* table : {"calls", "attributes", "logins", "sessions", "objects", "findings"})
        all.check({"query", "--format", "csv", std::string("SELECT * FROM ") + table, "TAPE"});
      all.check({"query", "label-mismatches", "TAPE"}, text::checked);
      for (const auto* format : {"csv", "otlp", "spy", "oasis-xml"}) all.check({"export", "--format", format, "TAPE"});
      all.check({"export", "--format", "jsonl", "--table", "all", "TAPE"});
      const auto secret = f.write("a secret that no tape holds\n", "secret");
      all.check({"verify-clean", "--secret-from", secret, "TAPE"}, text::checked);
      for (const auto* file : {"--html", "--perfetto", "--folded"})
        all.check({"profile", file, f.path() + "/out" + file, "TAPE"});
      all.check({"report", "-o", f.path() + "/report.html", "TAPE"}, text::checked);
      all.check({"bundle", "-o", f.path() + "/case.tar.gz", "TAPE"}, text::checked);
      const std::string copy = f.path() + "/copy.p11tape";
      all.check({"scrub", "TAPE", copy});
      std::error_code none;
      if (std::filesystem::exists(copy, none))
        CHECK(std::filesystem::file_size(copy) < 2 * std::filesystem::file_size(tape) + (std::uint64_t{1} << 20));
      unlink(copy.c_str());
    }
  }
}
