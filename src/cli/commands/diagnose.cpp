// SPDX-License-Identifier: Apache-2.0
// p11tape diagnose: what went wrong, the answer first.
#include <memory>

#include "cli/support/amq_extract.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/diagnosis_options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/progress.hpp"
#include "cli/support/tape_options.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/finding_times.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct diagnose_options {
  tape_options tapes;
  diagnosis_options client;
  std::string amqerr;
  bool json = false, verbose = false;
};

int run(diagnose_options& o) {
  const auto tapes = o.tapes.open();
  if (tapes.tapes.empty()) return exit_unusable;
  const auto set = o.client.read();
  std::vector<diagnose::amq_message> log;
  if (!o.amqerr.empty()) log = read_amq_log(o.amqerr, tapes.tapes.front()->header().wall);

  const auto readers = tapes.readers();
  progress bar("reading", size_of(tapes));
  const auto all = diagnose::collect_all(
      readers, windows_of(log), {[](tape::u64 bytes, void* p) { static_cast<progress*>(p)->add(bytes); }, &bar});
  bar.end();
  auto found = diagnose::examine(all, set);
  diagnose::add_times(found, all);
  const auto missing = tapes.missing();
  const diagnose::report_context around{all, set, log, wants_colour("auto"), o.verbose, !o.verbose, columns(), missing};
  output out;
  o.json ? append_json(found, around, out.text()) : append_text(found, around, out.text());
  if (!o.json) append_completeness(tapes, out.text());
  out.flush();
  if (out.error() != 0 || !tapes.troubles.empty()) return exit_unusable;
  return found.errors != 0 ? exit_findings : exit_fine;
}

}  // namespace

void add_diagnose(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("diagnose", "Find what went wrong, why, and how to fix it");
  auto o = std::make_shared<diagnose_options>();
  o->tapes.add_to(*command);
  command->add_flag("--json", o->json, "Output as one JSON object");
  command->add_flag("--verbose,-v", o->verbose,
                    "All evidence, causes and consequences, and the messages of all known clients");
  o->client.add_to(*command);
  command
      ->add_option("--amqerr", o->amqerr,
                   "IBM MQ error log (AMQERR01.LOG or .json), shown beside the calls made at the same time")
      ->type_name("FILE");
  command->footer(
      "Examples:\n"
      "  p11tape diagnose /var/tmp/p11tape-1000\n"
      "  p11tape diagnose --mq-ini /var/mqm/mqclient.ini --amqerr /var/mqm/errors/AMQERR01.LOG my.p11tape\n"
      "  p11tape diagnose --sslcryp env:MQSSLCRYP my.p11tape\n"
      "Exit status: 0 no finding of severity error (there may be warnings); 1 at least one; 2 unusable input; 64 usage\n"
      "error. doctor ends in the same way.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
