// SPDX-License-Identifier: Apache-2.0
// Manual pages and shell completion, written from the descriptions of the commands themselves: there is one text.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace p11tape::cli {

/// p11tape.1, and p11tape-COMMAND.1 for a subcommand, as troff (man macros).
std::string manual_page(const CLI::App& app, const CLI::App* command, const std::string& version);

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace p11tape::cli
