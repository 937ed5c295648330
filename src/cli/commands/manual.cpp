// SPDX-License-Identifier: Apache-2.0
// p11tape manual DIRECTORY, hidden: how the build makes the manual pages and the completion.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cli/support/commands.hpp"
#include "cli/support/manual.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  std::fprintf(stderr, "p11tape manual: %s: cannot write the file\n", path.c_str());
  return false;
}

int write_all(const CLI::App& app, const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  bool fine = write(directory / "p11tape.1", manual_page(app, nullptr, P11TAPE_VERSION));
  for (const auto* c : visible_commands(app))
    fine = write(directory / ("p11tape-" + c->get_name() + ".1"), manual_page(app, c, P11TAPE_VERSION)) && fine;
  fine = write(directory / "p11tape.bash", bash_completion(app)) && fine;
  fine = write(directory / "_p11tape", zsh_completion(app)) && fine;
  fine = write(directory / "p11tape.fish", fish_completion(app)) && fine;
  return fine ? exit_fine : exit_unusable;
}

}  // namespace

void add_manual(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("manual", "Write the manual pages and the shell completion");
  command->group("");
  auto directory = std::make_shared<std::string>();
  command->add_option("DIRECTORY", *directory)->required();
  command->callback([&app, directory, &result] { result = write_all(app, *directory); });
}

}  // namespace p11tape::cli
