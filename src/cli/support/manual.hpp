// SPDX-License-Identifier: Apache-2.0
// Manual pages and shell completion, written from the descriptions of the commands themselves: there is one text.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace p11tape::cli {

/// The commands that people are shown: those of a group.
std::vector<const CLI::App*> visible_commands(const CLI::App& app);

/// p11tape.1, and p11tape-COMMAND.1 for a subcommand, as troff (man macros).
std::string manual_page(const CLI::App& app, const CLI::App* command, const std::string& version);

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace p11tape::cli
