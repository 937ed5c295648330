// SPDX-License-Identifier: Apache-2.0
// p11tape ship: runs p11tape-ship, which alone needs libcurl.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/support/commands.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

// Beside this program, else wherever the shell would find it.
int run(const std::vector<std::string>& arguments) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = error ? std::string() : (self.parent_path() / "p11tape-ship").string();
  std::vector<char*> words;
  std::string name = "p11tape-ship";
  words.push_back(name.data());
  auto copies = arguments;
  for (auto& a : copies) words.push_back(a.data());
  words.push_back(nullptr);
  if (!beside.empty()) ::execv(beside.c_str(), words.data());
  ::execvp(name.c_str(), words.data());
  std::fprintf(stderr, "p11tape: p11tape-ship cannot be run: %s (it belongs beside p11tape)\n", std::strerror(errno));
  return exit_unusable;
}

}  // namespace

void add_ship(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("ship", "Send the rows of tapes to a fleet engine (p11tape-ship --help)");
  command->prefix_command();
  command->set_help_flag();
  command->footer("Exit status: that of p11tape-ship.");
  command->callback([command, &result] { result = run(command->remaining()); });
}

}  // namespace p11tape::cli
