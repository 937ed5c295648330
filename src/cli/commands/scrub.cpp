// SPDX-License-Identifier: Apache-2.0
// p11tape scrub: a tape with less in it. p11tape verify-clean: is a secret in it, or in what is shown of it?
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/secret_check.hpp"
#include "cli/support/tapes.hpp"
#include "scrub/copy.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

struct scrub_options {
  std::string in, out;
  std::string profile = "strict";
};

void scrub_one(const tape::reader& tape, const std::string& out, const std::string& profile) {
  const auto done = scrub::write_copy(tape, out, scrub::profiles.at(profile));
  std::printf("%s contains what profile %s allows: %llu records", out.c_str(), profile.c_str(),
              static_cast<unsigned long long>(done.records));
  if (done.dropped != 0)
    std::printf("; %llu unknown records were removed", static_cast<unsigned long long>(done.dropped));
  std::printf(".\n");
}

// A directory of tapes becomes a directory of copies of the same names.
int scrub_directory(const scrub_options& o) {
  const auto tapes = open({o.in});
  report(tapes);
  if (tapes.tapes.empty()) return exit_unusable;
  std::error_code error;
  if (!fs::create_directory(o.out, error)) {
    std::fprintf(stderr, "p11tape: %s: cannot make the directory: %s\n", o.out.c_str(),
                 error ? error.message().c_str() : "it exists already");
    return exit_unusable;
  }
  fs::permissions(o.out, fs::perms::owner_all, error);
  for (const auto& t : tapes.tapes)
    scrub_one(*t, (fs::path(o.out) / fs::path(t->path()).filename()).string(), o.profile);
  return tapes.troubles.empty() ? exit_fine : exit_unusable;
}

int run_scrub(const scrub_options& o) {
  std::error_code error;
  if (fs::is_directory(o.in, error)) return scrub_directory(o);
  scrub_one(tape::reader(o.in), o.out, o.profile);
  return exit_fine;
}

struct verify_options {
  std::vector<std::string> tapes;
  std::string secret_from;
};

int run_verify(const verify_options& o) {
  secret_check secret(o.secret_from);
  const auto tapes = open(o.tapes);
  report(tapes);
  bool found = false;
  for (const auto& tape : tapes.tapes) {
    found |= secret.in_tape(*tape, tape->shown_path());
  }
  if (!tapes.troubles.empty() || tapes.tapes.empty()) return exit_unusable;
  if (!found)
    std::printf("The secret was not found in %zu tape%s, nor in the text and JSON shown for %s.\n", tapes.tapes.size(),
                tapes.tapes.size() == 1 ? "" : "s", tapes.tapes.size() == 1 ? "it" : "them");
  return found ? exit_findings : exit_fine;
}

}  // namespace

void add_scrub(CLI::App& app, status& result) {
  auto o = std::make_shared<scrub_options>();
  auto* c = app.add_subcommand("scrub", "Write a copy of a tape that contains less");
  c->footer(
      "Removes what a stricter profile would not have recorded.\n"
      "Examples:\n"
      "  p11tape scrub pkcs11-tool.4711.p11tape for-the-bug-report.p11tape\n"
      "  p11tape scrub /var/tmp/p11tape-1000 for-the-bug-report\n"
      "Exit status: 0 done; 2 the tape cannot be read or the copy cannot be written; 64 usage error.");
  c->add_option("IN", o->in, "Tape to copy, or a directory of tapes")->required();
  c->add_option("OUT", o->out, "Path of the copy, or of the directory of copies; it must not exist")->required();
  c->add_option("--profile", o->profile, "Redaction profile of the copy")
      ->check(CLI::IsMember(scrub::profiles))
      ->capture_default_str();
  c->callback([o, &result] { result = run_scrub(*o); });
}

void add_verify_clean(CLI::App& app, status& result) {
  auto o = std::make_shared<verify_options>();
  auto* c = app.add_subcommand("verify-clean", "Search tapes, and the output shown for them, for a secret");
  c->footer(
      "Searches for the secret itself, in hex, base64 and UTF-16, and reversed; if it is long, for any eight "
      "consecutive bytes.\n"
      "Example:\n"
      "  p11tape verify-clean --secret-from pin.txt tapes/\n"
      "Exit status: 0 not found; 1 found; 2 a tape or the secret cannot be read; 64 usage error.");
  c->add_option("TAPE", o->tapes, "Tapes, or directories of tapes")->required();
  c->add_option("--secret-from", o->secret_from, "File that contains the secret, or - for standard input")->required();
  c->callback([o, &result] { result = run_verify(*o); });
}

}  // namespace p11tape::cli
