// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each has a file of its own, which adds it to the application.
#pragma once

#include <CLI/CLI.hpp>

namespace p11tape::cli {

/// Where a command leaves its exit status.
using status = int;

/// Adds all of them.
void add_commands(CLI::App& app, status& result);

void add_show(CLI::App& app, status& result);
void add_summary(CLI::App& app, status& result);
void add_diagnose(CLI::App& app, status& result);
void add_profile(CLI::App& app, status& result);
void add_report(CLI::App& app, status& result);
void add_diff(CLI::App& app, status& result);
void add_explain(CLI::App& app, status& result);
void add_scrub(CLI::App& app, status& result);
void add_verify_clean(CLI::App& app, status& result);
void add_bundle(CLI::App& app, status& result);
void add_top(CLI::App& app, status& result);
void add_export(CLI::App& app, status& result);
void add_import(CLI::App& app, status& result);
void add_replay(CLI::App& app, status& result);
void add_follow(CLI::App& app, status& result);
void add_ps(CLI::App& app, status& result);
void add_inventory(CLI::App& app, status& result);
void add_run(CLI::App& app, status& result);
void add_query(CLI::App& app, status& result);
void add_metrics(CLI::App& app, status& result);
void add_ship(CLI::App& app, status& result);

/// Takes the command of `p11tape run`, with or without "--" before it, off the command line, before it is parsed: those
/// words are another program's. Answers how many are left.
int take_command(int argc, char** argv);

void add_settings(CLI::App& app, status& result);
void add_doctor(CLI::App& app, status& result);
void add_swap(CLI::App& app, status& result);    // swap and restore
void add_manual(CLI::App& app, status& result);  // hidden: how the build makes the manual pages
void add_probe(CLI::App& app, status& result);   // hidden: how doctor asks a module

}  // namespace p11tape::cli
