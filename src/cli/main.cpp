// SPDX-License-Identifier: Apache-2.0
// p11tape: the program that reads tapes.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

#include "cli/support/commands.hpp"
#include "cli/support/manual.hpp"
#include "text/exit_codes.hpp"
#include "text/nearest.hpp"

using namespace p11tape::cli;
using namespace p11tape;

namespace {

// "shw" -> did you mean show? Returns false, with a message, for a word that is not a command.
bool is_command(const CLI::App& app, const char* word) {
  std::vector<std::string> names;
  for (const auto* c : visible_commands(app)) names.push_back(c->get_name());
  for (const auto* c : app.get_subcommands({}))
    if (c->get_name() == word) return true;
  const auto meant = text::nearest(word, names);
  std::fprintf(
      stderr, "p11tape: unknown command \"%s\"%s\n", word,
      meant.empty() ? " (p11tape help lists the commands)" : (" (did you mean " + std::string(meant) + "?)").c_str());
  return false;
}

// `p11tape help [COMMAND]`.
int help(const CLI::App& app, const char* about) {
  if (about == nullptr) {
    std::fputs(app.help().c_str(), stdout);
    return exit_fine;
  }
  if (!is_command(app, about)) return exit_usage;
  std::fputs(app.get_subcommand(about)->help().c_str(), stdout);
  return exit_fine;
}

int run(int argc, char** argv) {
  CLI::App app("Read tapes: recordings of PKCS#11 calls made by p11tape.so.", "p11tape");
  int result = exit_fine;
  add_commands(app, result);
  if (argc > 1 && std::strcmp(argv[1], "help") == 0) return help(app, argc > 2 ? argv[2] : nullptr);
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) return exit_usage;
  try {
    app.parse(take_command(argc, argv), argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_fine : exit_usage;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  // A reader of ours that ends early (head, less) is not an error; output.cpp sees EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "p11tape: %s\n", e.what());
    return exit_unusable;
  }
}
