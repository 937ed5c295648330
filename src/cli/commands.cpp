// SPDX-License-Identifier: Apache-2.0
// The program's commands, in the order in which --help lists them.
#include "cli/support/commands.hpp"

namespace p11tape::cli {

void add_commands(CLI::App& app, status& result) {
  app.set_version_flag("--version", "p11tape " P11TAPE_VERSION);
  app.footer(
      "To record a tape, let a program load p11tape.so instead of its PKCS#11 module:\n"
      "  P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so P11TAPE_DIR=tapes \\\n    pkcs11-tool --module "
      "/usr/lib/x86_64-linux-gnu/p11tape.so --list-slots\n"
      "  p11tape show tapes\n"
      "Exit status: 0 success; 1 findings; 2 unusable input; 64 usage error.");
  app.require_subcommand(1);
  add_show(app, result);
  add_summary(app, result);
  add_diagnose(app, result);
  add_profile(app, result);
  add_report(app, result);
  add_diff(app, result);
  add_explain(app, result);
  add_scrub(app, result);
  add_verify_clean(app, result);
  add_bundle(app, result);
  add_export(app, result);
  add_import(app, result);
  add_replay(app, result);
  add_follow(app, result);
  add_top(app, result);
  add_ps(app, result);
  add_inventory(app, result);
  add_run(app, result);
  add_query(app, result);
  add_metrics(app, result);
  add_ship(app, result);
  add_settings(app, result);
  add_doctor(app, result);
  add_swap(app, result);
  add_manual(app, result);
  add_probe(app, result);
}

}  // namespace p11tape::cli
