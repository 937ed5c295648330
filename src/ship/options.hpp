// SPDX-License-Identifier: Apache-2.0
// What p11tape-ship is told on the command line, and where it takes secrets from.
#pragma once

#include <CLI/CLI.hpp>
#include <set>

#include "ship/sender.hpp"

namespace p11tape::ship {

struct options {
  std::vector<std::string> paths;
  std::string to, spool = "/var/lib/p11tape-ship", user, password_file, ca_file, tables = "all", database = "p11tape";
  std::uint64_t spool_bytes = std::uint64_t{256} << 20, batch_rows = 50000, patience = 60, every = 0;
  long timeout = 60;
  bool check_only = false, spans = false;

  void add_to(CLI::App& app);
  /// Throws std::runtime_error if something in it cannot be used.
  target as_target() const;
};

/// Files, and all *.p11tape below directories: those of pods lie deeper.
std::vector<std::string> tapes_below(const std::vector<std::string>& paths);

}  // namespace p11tape::ship
