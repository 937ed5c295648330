// SPDX-License-Identifier: Apache-2.0
// The options that name clients, one per row of clients.def: one spelling in all commands.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string>
#include <vector>

#include "clients/clients.hpp"

namespace p11tape::cli {

struct client_options {
  enum class which { swappable, all };

  void add_to(CLI::App& command, which rows = which::swappable);

  /// What the option of a client was given; empty if it was not.
  std::string& operator[](clients::client kind) { return given_[static_cast<std::size_t>(kind)]; }
  const std::string& operator[](clients::client kind) const { return given_[static_cast<std::size_t>(kind)]; }

  struct target {
    clients::client kind;
    std::string file;
    std::string missing;  ///< why there is no such file; empty if there is one
    std::string note;     ///< something about the choice of the file
  };

  /// The files of swappable clients that are named, in the order of the rows. A database directory and a p11-kit name are
  /// resolved. The crypto-hardware string is not a file.
  std::vector<target> files() const;

  /// True if a swappable client is named.
  bool any() const;

  /// True if a client is named that the caller runs, not mqm.
  bool any_of_caller() const;

 private:
  std::array<std::string, clients::client_count> given_;
};

/// $HOME, or "".
std::string home_folder();

}  // namespace p11tape::cli
