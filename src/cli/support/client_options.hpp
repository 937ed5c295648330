// SPDX-License-Identifier: Apache-2.0
// The options by which doctor, swap and restore are told which clients are meant: one spelling in all of them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "clients/reading.hpp"

namespace p11tape::cli {

struct client_options {
  std::string mq_ini, sslcryp, keystore_conf, java, openssl, nss, p11_kit, strongswan, ssh_config;

  void add_to(CLI::App& command);

  struct target {
    clients::client kind;
    std::string file;
    std::string missing;  ///< why there is no such file; empty where there is
    std::string note;     ///< something about the choice of the file
  };

  /// The files that are named, in the order of the options. A database folder and a p11-kit name are resolved.
  std::vector<target> files() const;
  bool any() const;
};

/// $HOME, or "".
std::string home_folder();

}  // namespace p11tape::cli
