// SPDX-License-Identifier: Apache-2.0
// p11tape scrub: a tape with less in it. p11tape verify-clean: is a secret in it, or in what is shown of it?
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/tapes.hpp"
#include "decode/decode.hpp"
#include "model/call_stream.hpp"
#include "render/render.hpp"
#include "scrub/copy.hpp"
#include "scrub/search.hpp"
#include "text/exit_codes.hpp"
#include "view/view.hpp"

namespace p11tape::cli {
namespace {

const std::map<std::string, std::size_t> profiles = {{"default", 0}, {"strict", 1}, {"payload", 2}};

struct scrub_options {
  std::string in, out;
  std::string profile = "strict";
};

int run_scrub(const scrub_options& o) {
  try {
    const tape::reader tape(o.in);
    const auto done = scrub::write_copy(tape, o.out, profiles.at(o.profile));
    std::printf("%s contains what profile %s allows: %llu records", o.out.c_str(), o.profile.c_str(),
                static_cast<unsigned long long>(done.records));
    if (done.dropped != 0)
      std::printf("; %llu unknown records were removed", static_cast<unsigned long long>(done.dropped));
    std::printf(".\n");
    return exit_fine;
  } catch (const tape::tape_error& e) {
    std::fprintf(stderr, "p11tape: %s\n", e.what());
    return exit_unusable;
  }
}

struct verify_options {
  std::vector<std::string> tapes;
  std::string secret_from;
};

bool read_all(const std::string& from, std::string& into) {
  if (from == "-") {
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) into.append(buffer, n);
    return std::ferror(stdin) == 0;
  }
  std::ifstream file(from, std::ios::binary);
  if (!file) return false;
  into.assign(std::istreambuf_iterator<char>(file), {});
  return !file.bad();
}

// Says where the secret stands, and never the secret.
bool report_hits(const scrub::search& s, const std::string& where) {
  for (const auto& hit : s.hits())
    std::printf("%s: found %s, at byte %llu\n", where.c_str(), std::string{hit.form}.c_str(),
                static_cast<unsigned long long>(hit.offset));
  return !s.hits().empty();
}

bool search_file(scrub::search& s, const tape::reader& tape) {
  s.restart();
  std::ifstream file(tape.path(), std::ios::binary);
  std::string buffer(1 << 20, '\0');
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0)
    s.feed({buffer.data(), static_cast<std::size_t>(file.gcount())});
  return report_hits(s, tape.shown_path());
}

// The records one by one: large ones lie in several chunks of the file, and others are packed.
bool search_records(scrub::search& s, const tape::reader& tape) {
  bool found = false;
  for (std::size_t t = 0; t < tape.threads().size(); ++t) {
    auto records = tape.records(t);
    tape::record_view record;
    while (records.next(record) || records.next_in_flight(record)) {
      s.restart();
      s.feed({reinterpret_cast<const char*>(record.body.data()), record.body.size()});
      if (s.hits().empty()) continue;
      found = true;
      std::printf("%s: found %s, in record %u of thread %zu\n", tape.shown_path().c_str(),
                  std::string{s.hits().front().form}.c_str(), record.ordinal, t + 1);
    }
  }
  return found;
}

bool search_shown(scrub::search& s, const tape::reader& tape, const std::string& path, bool json) {
  s.restart();
  model::call_stream calls(tape);
  std::string text;
  render::options whole;
  whole.decoder = decode::attribute;
  whole.most_bytes = ~std::size_t{0};
  const auto program = program_of(tape);
  while (const auto* call = calls.next()) {
    text.clear();
    const auto view = view::view_of(*call, program, false);
    json ? render::append_json(view, whole, text) : render::append_text(view, whole, text);
    s.feed(text);
  }
  return report_hits(s, path + (json ? " (as JSON)" : " (as text)"));
}

int run_verify(const verify_options& o) {
  std::string secret;
  if (!read_all(o.secret_from, secret)) {
    std::fprintf(stderr, "p11tape: %s: cannot read the secret\n", o.secret_from.c_str());
    return exit_unusable;
  }
  if (!secret.empty() && secret.back() == '\n') secret.pop_back();
  if (secret.empty()) {
    std::fprintf(stderr, "p11tape: %s: the file is empty, so there is no secret to look for\n", o.secret_from.c_str());
    return exit_unusable;
  }
  if (secret.size() < scrub::shortest_certain)
    std::fprintf(stderr, "p11tape: the secret is shorter than %zu bytes, so matches may be coincidental\n",
                 scrub::shortest_certain);
  const auto tapes = open(o.tapes);
  report(tapes);
  scrub::search s(secret);
  std::fill(secret.begin(), secret.end(), '\0');
  bool found = false;
  for (const auto& tape : tapes.tapes) {
    found |= search_file(s, *tape) || search_records(s, *tape);
    found |= search_shown(s, *tape, tape->shown_path(), false);
    found |= search_shown(s, *tape, tape->shown_path(), true);
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
      "Example:\n"
      "  p11tape scrub pkcs11-tool.4711.p11tape for-the-bug-report.p11tape\n"
      "Exit status: 0 done; 2 the tape cannot be read or the copy cannot be written; 64 usage error.");
  c->add_option("IN", o->in, "Tape to copy")->required();
  c->add_option("OUT", o->out, "Path of the copy, which must not exist")->required();
  c->add_option("--profile", o->profile, "Redaction profile of the copy")
      ->check(CLI::IsMember(profiles))
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
