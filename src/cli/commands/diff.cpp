// SPDX-License-Identifier: Apache-2.0
// p11tape diff: where two tapes part.
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/progress.hpp"
#include "cli/support/tapes.hpp"
#include "diff/report.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct diff_options {
  std::string a, b;
  bool json = false;
  std::size_t most = 50;
  tape::u64 window = 1000000;
};

// Exactly one tape; where that is not so, it is said and nullptr given back.
std::unique_ptr<tape::reader> open_one(const std::string& path) {
  auto all = open({path});
  report(all);
  if (!all.troubles.empty() || all.tapes.empty()) return nullptr;
  if (all.tapes.size() == 1) return std::move(all.tapes.front());
  std::fprintf(stderr, "p11tape: %s: the directory contains %zu tapes (name the one to compare, for example %s)\n",
               path.c_str(), all.tapes.size(), all.tapes.front()->shown_path().c_str());
  return nullptr;
}

int run(const diff_options& o) {
  open_tapes both;
  for (const auto& path : {o.a, o.b}) {
    auto one = open_one(path);
    if (one == nullptr) return exit_unusable;
    both.tapes.push_back(std::move(one));
  }
  const auto &a = *both.tapes[0], &b = *both.tapes[1];
  progress bar("comparing", size_of(both));
  const auto found = diff::compare_tapes(a, b, o.window, [&](tape::u64 bytes) { bar.add(bytes); });
  bar.end();
  output out;
  const diff::diff_context around{&a, &b, o.most, o.window, wants_colour("auto")};
  o.json ? diff::append_diff_json(found, around, out.text()) : diff::append_diff_text(found, around, out.text());
  if (!o.json) append_completeness(both, out.text());
  out.flush();
  if (out.error() != 0) {
    std::fprintf(stderr, "p11tape: cannot write to standard output: %s\n", std::strerror(out.error()));
    return exit_unusable;
  }
  return found.all != 0 ? exit_findings : exit_fine;
}

}  // namespace

void add_diff(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("diff", "Find where two tapes differ: what works in one and fails in the other");
  auto o = std::make_shared<diff_options>();
  command->add_option("A", o->a, "Reference tape, or a directory that contains it")->required();
  command->add_option("B", o->b, "Tape to compare with it")->required();
  command->add_flag("--json", o->json, "Output as one JSON object");
  command->add_option("--most", o->most, "Maximum number of differences to list")->capture_default_str();
  command->add_option("--window", o->window, "Maximum number of calls to compare, from the start of each tape")
      ->capture_default_str()
      ->check(CLI::Range(tape::u64{1}, tape::u64{50000000}));
  command->footer(
      "Calls are aligned thread by thread. Handles are compared by the object that they refer to. Queries and polls "
      "that only\n"
      "one program makes, and values that are random by nature, are not counted as differences. The end of the "
      "report lists\n"
      "them. Calls that a replay made for its own purposes are ignored.\n"
      "Examples:\n"
      "  p11tape diff pkcs11-tool.p11tape amqzmppa.p11tape\n"
      "  p11tape diff --json last-week/ today/ | jq '.differences[0]'\n"
      "Exit status: 0 no differences; 1 differences; 2 a tape cannot be read; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
