// SPDX-License-Identifier: Apache-2.0
// p11tape doctor: a client's configuration, the module that it names, and the token.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cli/support/client_options.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/secret_input.hpp"
#include "clients/doctor/doctor.hpp"
#include "clients/doctor/doctor_report.hpp"
#include "clients/files.hpp"
#include "clients/formats/ssh.hpp"
#include "clients/formats/unit.hpp"
#include "clients/no_core_dumps.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

using namespace clients;

struct doctor_command {
  client_options clients;
  std::string module, pin, user, token_label, unit;
  bool ssh = false, final_try = false, no_load = false, json = false, verbose = false;
  unsigned timeout = 20;
};

std::string value_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

class examiner {
 public:
  examiner(doctor_command& command, doctor_options options) : c_(command), o_(std::move(options)) {}

  std::vector<examination> run() {
    auto& named = c_.clients;
    const bool others = named.any() || named.any_of_caller() || c_.ssh || !c_.module.empty();
    // Without anything named, and for a CCDT, the mqclient.ini in effect is looked for as MQ does.
    if (named[client::mq_ini].empty() && named[client::mq_string].empty() && (!others || !named[client::ccdt].empty()))
      find_mq(!others);
    o_.pin_elsewhere = !named[client::nginx].empty() || !named[client::httpd].empty();
    for (const auto& target : named.files()) examine(target);
    if (auto& string = named[client::mq_string]; !string.empty()) {
      const secret_buffer text = read_string_or_secret(string, "string of SSLCRYP");
      all_.push_back(examine_text(client::mq_string, text.view(), "", "crypto-hardware string", o_));
    }
    for (const auto& row : client_rows()) {
      if (row.swappable || named[row.kind].empty()) continue;
      row.kind == client::ccdt ? examine_ccdt(named[row.kind])
                               : all_.push_back(examine_file(row.kind, named[row.kind], o_));
    }
    if (c_.ssh) examine_ssh();
    if (!c_.module.empty()) {
      all_.push_back(examine_module(c_.module, o_));
      if (c_.ssh && exists(c_.module)) check_ssh_agent(all_.back().found, c_.module, real_path(c_.module));
    }
    return std::move(all_);
  }

 private:
  // `alone`: there is nothing else to check.
  void find_mq(bool alone) {
    mq_surroundings around;
    around.mqclntcf = value_of("MQCLNTCF");
    around.has_mqsslcryp = !value_of("MQSSLCRYP").empty();
    around.current_folder = std::filesystem::current_path().string();
    around.home = home_folder();
    const auto search = find_mq_ini(around, exists);
    examination e;
    e.title = "Where MQ looks for mqclient.ini when started from this directory with this environment";
    for (const auto& candidate : search.candidates)
      e.shown += (e.shown.empty() ? "" : "\n") + std::string(candidate.effective ? "-> " : "   ") + candidate.path +
                 " (" + candidate.why + (candidate.exists ? ")" : "), does not exist");
    e.found = search.found;
    e.usable = !alone || !search.effective.empty() || around.has_mqsslcryp;
    all_.push_back(std::move(e));
    if (!search.effective.empty()) all_.push_back(examine_file(client::mq_ini, search.effective, o_));
    if (!around.has_mqsslcryp) return;
    const secret_buffer text(std::string_view(std::getenv("MQSSLCRYP")));
    all_.push_back(examine_text(client::mq_string, text.view(), "", "MQSSLCRYP in this environment", o_));
  }

  void examine(const client_options::target& target) {
    if (!target.missing.empty()) {
      examination e;
      e.title = std::string(name_of(target.kind));
      e.usable = false;
      e.found.add(code::CFG770, target.missing);
      all_.push_back(std::move(e));
      return;
    }
    all_.push_back(examine_file(target.kind, target.file, o_));
    if (target.kind == client::openssl)
      for (const auto& m : all_.back().modules)
        o_.openssl_modules.push_back({m.configured, m.name, 0, 0, 0, escaping::none});
    if (!target.note.empty()) all_.back().found.add(code::CFG771, target.note);
  }

  void examine_ccdt(const std::string& file) {
    std::vector<examined_module> modules;
    for (const auto& e : all_) modules.insert(modules.end(), e.modules.begin(), e.modules.end());
    all_.push_back(examine_file(client::ccdt, file, o_));
    check_certificates(all_.back().found, all_.back().certificate_labels, modules);
  }

  void examine_ssh() {
    for (const std::string& file : {home_folder() + "/.ssh/config", std::string("/etc/ssh/ssh_config")})
      if (exists(file)) all_.push_back(examine_file(client::ssh, file, o_));
  }

  doctor_command& c_;
  doctor_options o_;
  std::vector<examination> all_;
};

// The user that runs the client: the one named, otherwise mqm for MQ if that user exists, otherwise the caller.
file_user user_for(const doctor_command& c) {
  if (!c.user.empty()) {
    auto user = user_named(c.user);
    if (!user) throw std::runtime_error("user " + c.user + " does not exist on this machine (check --user)");
    return *user;
  }
  if (!c.clients.any_of_caller() && !c.ssh && c.module.empty())
    if (auto mqm = user_named("mqm")) return *mqm;
  return current_user();
}

// The user and the environment of the service that runs the client.
void take_unit(const doctor_command& c, doctor_options& o, std::vector<std::string>& problems) {
  const auto unit = find_unit(c.unit, problems);
  if (!unit) throw std::runtime_error("unit " + c.unit + " does not exist (systemctl list-unit-files lists them)");
  o.environment = environment_of(*unit, problems);
  if (!c.user.empty()) return;
  const auto user = user_named(unit->user.empty() ? "root" : unit->user);
  if (!user) throw std::runtime_error("user " + unit->user + " of unit " + c.unit + " does not exist on this machine");
  o.user = *user;
  if (unit->group.empty()) return;
  const auto group = group_named(unit->group);
  if (!group)
    throw std::runtime_error("group " + unit->group + " of unit " + c.unit + " does not exist on this machine");
  o.user.groups.insert(o.user.groups.begin(), *group);  // the first is the one that the process gets
}

int run(doctor_command& c) {
  clients::no_core_dumps();  // configurations hold PINs
  try {
    doctor_options o;
    o.user = user_for(c);
    o.load = !c.no_load;
    o.yes_final_try = c.final_try;
    o.token_label = c.token_label;
    o.timeout = std::chrono::seconds(c.timeout);
    o.openssl = {!value_of("PKCS11_MODULE_PATH").empty(), !value_of("PKCS11_PROVIDER_MODULE").empty()};
    secret_buffer pin;
    std::vector<std::string> tried;
    o.tried = &tried;
    if (c.pin == "configured") {
      o.pin_configured = true;
    } else if (!c.pin.empty()) {
      pin = read_secret(c.pin, "PIN");
      o.pin = &pin;
    }
    std::vector<std::string> problems;
    if (!c.unit.empty()) take_unit(c, o, problems);
    auto all = examiner(c, o).run();
    for (const auto& p : problems)
      if (!all.empty()) all.front().found.add(code::CFG625, p + ".");
    output out;
    out.text() = c.json ? report_json(all) : report_text(all, c.verbose, std::min<std::size_t>(columns(), 100));
    out.flush();
    return status_of(all);
  } catch (const std::runtime_error& e) {
    std::fprintf(stderr, "p11tape: %s\n", e.what());
    return exit_unusable;
  }
}

}  // namespace

void add_doctor(CLI::App& app, status& result) {
  auto c = std::make_shared<doctor_command>();
  auto* command = app.add_subcommand("doctor", "Check a client's configuration, its module and its token");
  c->clients.add_to(*command, client_options::which::all);
  command->add_flag("--ssh", c->ssh, "OpenSSH: your ssh_config files, and whether ssh-agent accepts the modules");
  command->add_option("--module", c->module, "A PKCS#11 module, without a client")->type_name("SO");
  command->add_option("--token-label", c->token_label, "Token label to look for, if the configuration has none")
      ->type_name("LABEL");
  command
      ->add_option("--pin", c->pin,
                   "Log in once with the PIN from env:VAR, file:PATH, prompt or -, or with the configured one "
                   "(configured)")
      ->type_name("SOURCE");
  command->add_flag("--yes-final-try", c->final_try,
                    "Log in even if wrong PINs were given earlier, or one more would lock the token");
  command
      ->add_option("--user", c->user,
                   "User that runs the client: for the permission checks, and to load the module (default: the user of "
                   "--unit, mqm for MQ if that user exists, otherwise you)")
      ->type_name("NAME|ID");
  command
      ->add_option(
          "--unit", c->unit,
          "systemd service that runs the client: its user and environment variables are used to load the module")
      ->type_name("NAME");
  command->add_flag("--no-load", c->no_load, "Check without loading the modules");
  command->add_option("--timeout", c->timeout, "Maximum time that a module may take, in seconds")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  command->add_flag("--json", c->json, "Output as JSON");
  command->add_flag("--verbose,-v", c->verbose, "Also show all hints");
  command->footer(
      "If no client is named, IBM MQ's mqclient.ini and MQSSLCRYP are checked, as MQ would find them from this "
      "directory.\n"
      "Modules are loaded in a separate process. There is no login without --pin, and never more than one per token.\n"
      "Passwords in configurations are never shown.\n"
      "Examples:\n"
      "  p11tape doctor --mq-ini /var/mqm/mqclient.ini\n"
      "  echo 'DISPLAY QMGR SSLCRYP' | runmqsc QM1 | p11tape doctor --sslcryp -\n"
      "  p11tape doctor --java pkcs11.cfg --token-label mytoken --pin prompt\n"
      "  sudo p11tape doctor --openssl /etc/ssl/openssl.cnf --nginx /etc/nginx/nginx.conf --unit nginx --pin configured\n"
      "Exit status: 0 no finding of severity error (there may be warnings); 1 at least one; 2 unusable input: something\n"
      "could not be read, or there is nothing to check; 64 usage error. diagnose ends in the same way.");
  command->callback([c, &result] { result = run(*c); });
}

void add_probe(CLI::App& app, status& result) {
  struct probe_arguments {
    std::string module, slot, final_try;
  };
  auto arguments = std::make_shared<probe_arguments>();
  auto* command = app.add_subcommand(probe_command, "")->group("");
  command->add_option("module", arguments->module)->required();
  command->add_option("slot", arguments->slot);
  command->add_option("final", arguments->final_try);
  command->callback([arguments, &result] {
    result = answer_probe(arguments->module.c_str(), arguments->slot.empty() ? nullptr : arguments->slot.c_str(),
                          arguments->final_try == "final");
  });
}

}  // namespace p11tape::cli
