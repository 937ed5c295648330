// SPDX-License-Identifier: Apache-2.0
// The examination of a client: its configuration, the module's file, the module, the token; each only as far as the one
// before it allows. The result is data; doctor_report.hpp makes text or JSON of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clients/clients.hpp"
#include "clients/doctor/probe.hpp"
#include "clients/formats/module_file.hpp"
#include "clients/formats/mq_search.hpp"
#include "clients/formats/openssl.hpp"

namespace p11tape::clients {

struct doctor_options {
  file_user user;                             ///< who runs the client: for permissions, and to load the module
  bool load = true;                           ///< false: no module is loaded
  const secret_buffer* pin = nullptr;         ///< log in with it
  bool pin_configured = false;                ///< log in with the PIN that the configuration has
  bool pin_elsewhere = false;                 ///< another configuration of this run has the PIN
  std::vector<module_place> openssl_modules;  ///< for servers whose keys name a token and a PIN, but no module
  std::vector<std::string>* tried = nullptr;  ///< tokens that got a PIN in this run: none gets a second one
  bool yes_final_try = false;                 ///< log in even if wrong PINs were given, or one try is left
  std::vector<std::string> environment;       ///< of the client's process; empty: this process's own
  std::string program;                        ///< for the probe; empty: this program
  std::string token_label;                    ///< to look for, where the configuration has none
  openssl_surroundings openssl;               ///< variables that override an openssl.cnf
  std::chrono::milliseconds timeout{20000};
};

/// One module and what it said.
struct examined_module {
  std::string configured;  ///< as in the configuration
  std::string loaded;      ///< what was asked: the real module where a recorder stands in for it
  std::string name;
  std::optional<probe_result> probe;
};

/// One configuration, or one module given by itself.
struct examination {
  std::string title;   ///< "mqclient.ini: /var/mqm/mqclient.ini"
  bool usable = true;  ///< false: it could not be read, or is something else
  std::string shown;   ///< settings as they may be printed
  std::vector<examined_module> modules;
  std::vector<std::string> certificate_labels;
  findings found;
};

/// `text` is read as a configuration of that kind; `path` may be empty for strings.
examination examine_text(client kind, std::string_view text, const std::string& path, std::string title,
                         const doctor_options& options);

/// The same from a file.
examination examine_file(client kind, const std::string& path, const doctor_options& options);

/// A module by itself.
examination examine_module(const std::string& path, const doctor_options& options);

/// Certificates that have expired, are not valid yet, or expire within 14 days of `now` (s since 1970). That of a configured
/// label is an error if it is not valid.
void check_dates(findings& out, const std::vector<std::string>& labels, const probe_result& probe, std::int64_t now);

/// Checks certificate labels (of a CCDT) against the tokens that another examination found.
void check_certificates(findings& out, const std::vector<std::string>& labels,
                        const std::vector<examined_module>& modules);

/// As of p11tape diagnose: 0 no error (there may be warnings), 1 at least one, 2 something was not
/// usable, or nothing was examined.
int status_of(const std::vector<examination>& all) noexcept;

}  // namespace p11tape::clients
