// SPDX-License-Identifier: Apache-2.0
// p11tape profile: where the time went, the answer first.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/progress.hpp"
#include "cli/support/tape_options.hpp"
#include "profile/report.hpp"
#include "report/report.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct profile_options {
  tape_options tapes;
  std::string html, perfetto, folded;
  bool json = false;
};

int run(profile_options& o) {
  const auto tapes = o.tapes.open();
  if (tapes.tapes.empty()) return exit_unusable;

  if (std::all_of(tapes.tapes.begin(), tapes.tapes.end(),
                  [](const auto& t) { return (t->header().source_lacks & tape::lacks_end_times) != 0; })) {
    std::fprintf(
        stderr,
        "p11tape: %s: imported from a log that does not show how long calls took (record the program to profile it)\n",
        tapes.tapes.front()->shown_path().c_str());
    return exit_unusable;
  }

  std::unique_ptr<profile::trace_file> trace;
  if (!o.perfetto.empty()) trace = std::make_unique<profile::trace_file>(o.perfetto);
  const auto readers = tapes.readers();
  auto wanted = report::wanted_for_page(readers.size());
  wanted.timeline = !o.html.empty();
  wanted.stacks = !o.folded.empty();
  wanted.trace = trace.get();
  progress bar("reading", size_of(tapes));
  const auto all = profile::measure_all(
      readers, wanted, {[](tape::u64 bytes, void* p) { static_cast<progress*>(p)->add(bytes); }, &bar});
  bar.end();
  if (trace) trace->finish();
  if (!o.html.empty()) {
    std::string page;
    report::append_page({readers, all, {}}, page);
    write_file(o.html, page);
  }
  if (!o.folded.empty()) {
    std::string lines;
    for (std::size_t i = 0; i < all.each.size(); ++i)
      all.each[i].stacks->append(all.processes[i].program + " " + std::to_string(all.processes[i].pid), lines);
    write_file(o.folded, lines);
  }

  output out;
  o.json ? profile::append_json(all, tapes.missing(), out.text()) : profile::append_text(all, out.text());
  if (!o.json) append_completeness(tapes, out.text());
  out.flush();
  return out.error() != 0 || !tapes.troubles.empty() ? exit_unusable : exit_fine;
}

}  // namespace

void add_profile(CLI::App& app, status& result) {
  auto* command =
      app.add_subcommand("profile", "Show where the time went: in which calls, with which key, between calls");
  auto o = std::make_shared<profile_options>();
  o->tapes.add_to(*command);
  command->add_flag("--json", o->json, "Output as one JSON object");
  command->add_option("--html", o->html, "Also write the page of p11tape report")->type_name("FILE");
  command->add_option("--perfetto", o->perfetto, "Also write every call as a trace for ui.perfetto.dev")
      ->type_name("FILE");
  command
      ->add_option("--folded", o->folded,
                   "Also write stacks for flame-graph tools: program;thread;function microseconds")
      ->type_name("FILE");
  command->footer(
      "Examples:\n"
      "  p11tape profile /var/tmp/p11tape-1000\n"
      "  p11tape profile --html report.html --perfetto trace.json my.p11tape\n"
      "  p11tape profile --folded calls.folded my.p11tape && flamegraph.pl calls.folded > flames.svg\n"
      "Exit status: 0 done; 2 unusable input, or a file cannot be written; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
