// SPDX-License-Identifier: Apache-2.0
// p11tape: the program that reads tapes.
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/support/commands.hpp"
#include "text/exit_codes.hpp"

using namespace p11tape::cli;
using namespace p11tape;

int main(int argc, char** argv) {
  // A reader of ours that ends early (head, less) is no error; output.cpp sees EPIPE.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app("Read tapes: recordings of PKCS#11 calls made by p11tape.so.", "p11tape");
  app.set_version_flag("--version", "p11tape " P11TAPE_VERSION);
  app.footer(
      "To record a tape, let a program load p11tape.so instead of its PKCS#11 module:\n"
      "  P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so P11TAPE_DIR=tapes \\\n    pkcs11-tool --module "
      "/usr/lib/x86_64-linux-gnu/p11tape.so --list-slots\n"
      "  p11tape show tapes\n"
      "Exit status: 0 success; 1 findings; 2 unusable input; 64 usage error.");
  app.require_subcommand(1);
  status result = exit_fine;
  add_show(app, result);
  add_summary(app, result);
  add_diagnose(app, result);
  add_profile(app, result);
  add_diff(app, result);
  add_explain(app, result);
  add_scrub(app, result);
  add_verify_clean(app, result);
  add_export(app, result);
  add_import(app, result);
  add_replay(app, result);
  add_follow(app, result);
  add_ps(app, result);
  add_run(app, result);
  add_settings(app, result);
  add_doctor(app, result);
  add_swap(app, result);
  add_probe(app, result);

  try {
    app.parse(take_command(argc, argv), argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_fine : exit_usage;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "p11tape: %s\n", e.what());
    return exit_unusable;
  }
  return result;
}
