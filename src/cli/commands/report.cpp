// SPDX-License-Identifier: Apache-2.0
// p11tape report: tapes as one page, to look at and to mail.
#include <cstdio>
#include <memory>

#include "cli/support/amq_extract.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/diagnosis_options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/progress.hpp"
#include "cli/support/tape_options.hpp"
#include "report/report.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct report_options {
  tape_options tapes;
  diagnosis_options client;
  std::string out = "report.html", amqerr;
  std::size_t calls = 100000;
};

int run(report_options& o) {
  const auto tapes = o.tapes.open();
  if (tapes.tapes.empty()) return exit_unusable;
  const auto set = o.client.read();
  const auto readers = tapes.readers();
  auto wanted = report::wanted_for_page(readers.size());
  wanted.set = &set;
  std::vector<diagnose::amq_message> log;
  if (!o.amqerr.empty()) log = read_amq_log(o.amqerr, tapes.tapes.front()->header().wall);
  for (auto& m : log) m.text = without_pins(m.text);  // the page is there to be mailed
  wanted.windows = windows_of(log);
  progress bar("reading", size_of(tapes));
  const auto all =
      profile::measure_all(readers, wanted, {[](tape::u64 n, void* p) { static_cast<progress*>(p)->add(n); }, &bar});
  bar.end();
  std::string page;
  report::append_page({readers, all, set, o.calls, log}, page);
  write_file(o.out, page);
  if (o.out != "-") std::printf("%s: %zu KiB; open it in a browser\n", o.out.c_str(), page.size() / 1024);
  return tapes.troubles.empty() ? exit_fine : exit_unusable;
}

}  // namespace

void add_report(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("report", "Write one page with findings, time lines, profile and calls");
  auto o = std::make_shared<report_options>();
  o->tapes.add_to(*command);
  command->add_option("-o,--output", o->out, "File to write, or - for standard output")
      ->capture_default_str()
      ->type_name("FILE");
  command->add_option("--calls", o->calls, "Maximum number of calls to list; of more, those around findings are listed")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{2000000}))
      ->type_name("N");
  o->client.add_to(*command);
  command
      ->add_option("--amqerr", o->amqerr,
                   "IBM MQ error log (AMQERR01.LOG or .json), shown beside the calls made at the same time")
      ->type_name("FILE");
  command->footer(
      "The page is one file that loads nothing from elsewhere.\n"
      "Examples:\n"
      "  p11tape report -o report.html /var/tmp/p11tape-1000\n"
      "  p11tape report --mq-ini /var/mqm/mqclient.ini --amqerr /var/mqm/errors/AMQERR01.LOG my.p11tape\n"
      "Exit status: 0 done; 2 unusable input, or the file cannot be written; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
