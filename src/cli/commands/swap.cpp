// SPDX-License-Identifier: Apache-2.0
// p11tape swap and p11tape restore: the recorder into the place of a module, and out again.
#include "clients/swap/swap.hpp"
#include "clients/no_core_dumps.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "cli/support/client_options.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/secret_input.hpp"
#include "cli/support/shim_path.hpp"
#include "clients/formats/module_file.hpp"
#include "clients/swap/service_hints.hpp"
#include "clients/swap/shim_copy.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

using namespace clients;

struct swap_command {
  client_options clients;
  std::string shim, into, folder, only, user;
  bool dry_run = false, remove_copy = false;
};

void put_report(std::string& out, const swap_result& r, bool dry_run) {
  for (const auto& line : r.report) out += line + '\n';
  if (dry_run && r.what == outcome::done) out += r.difference;
}

void put_restart(std::string& out, const swap_result& r, bool dry_run) {
  if (dry_run || r.what != outcome::done || r.restart.empty()) return;
  out += "Restart:\n";
  for (const auto& line : r.restart) out += "  " + line + '\n';
}

void put_hints(std::string& out, const swap_result& r, const std::string& tapes) {
  if (!r.copy.empty()) out += service_hints(confinement_here(), r.copy, tapes);
}

void put(std::string& out, const swap_result& r, const std::string& tapes, bool dry_run) {
  put_report(out, r, dry_run);
  put_restart(out, r, dry_run);
  put_hints(out, r, tapes);
}

void put(std::string& out, const string_swap& s, const std::string& tapes, bool dry_run) {
  put_report(out, s.result, dry_run);
  if (s.result.what != outcome::done) return;
  out += "The string (put the PIN in place of <password>):\n  " + s.shown +
         "\nFor a queue manager, in runmqsc (if the shell does not find it: . /opt/mqm/bin/setmqenv -s):\n";
  for (std::size_t at = 0; at < s.mqsc.size();) {
    const auto end = std::min(s.mqsc.find('\n', at), s.mqsc.size());
    out += "  " + s.mqsc.substr(at, end - at) + '\n';
    at = end + 1;
  }
  out += "For a client's environment:\n  " + s.shell + '\n';
  put_restart(out, s.result, dry_run);
  put_hints(out, s.result, tapes);
}

int worse(int status, outcome what) { return what == outcome::refused ? std::max<int>(status, exit_findings) : status; }

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

// One client after the other; a failure of one does not undo the others, and is said.
template <typename File, typename String>
int run(const char* name, swap_command& c, File each_file, String each_string) {
  clients::no_core_dumps();  // configurations hold PINs
  if (!c.clients.any()) {
    std::fprintf(stderr, "p11tape: no client is named (p11tape %s --help lists them)\n", name);
    return exit_usage;
  }
  output out;
  int status = exit_fine;
  const auto guarded = [&](auto action) {
    try {
      action();
    } catch (const std::runtime_error& e) {
      out.flush();
      std::fprintf(stderr, "p11tape: %s\n", e.what());
      status = exit_unusable;
    }
  };
  for (const auto& target : c.clients.files()) {
    guarded([&] {
      if (!target.missing.empty()) throw file_error(target.missing);
      const swap_result r = each_file(target);
      put(out.text(), r, absolute(c.folder), c.dry_run);
      status = worse(status, r.what);
    });
  }
  if (auto& string = c.clients[client::mq_string]; !string.empty())
    guarded([&] {
      const secret_buffer text = read_string_or_secret(string, "string of SSLCRYP");
      const string_swap s = each_string(text.view());
      put(out.text(), s, absolute(c.folder), c.dry_run);
      status = worse(status, s.result.what);
    });
  out.flush();
  return status;
}

// Who runs the client: the user that was named, mqm for MQ where that user exists, otherwise the caller. Behind sudo the
// caller is not known to be the client's user.
std::optional<file_user> user_of(client kind, const swap_command& c) {
  if (!c.user.empty()) {
    auto named = user_named(c.user);
    if (!named) throw std::runtime_error("user " + c.user + " does not exist on this machine (check --user)");
    return named;
  }
  if (row(kind).user == runs_as::mqm)
    if (auto mqm = user_named("mqm")) return mqm;
  const char* const sudo = std::getenv("SUDO_UID");
  if (::geteuid() == 0 && sudo != nullptr && std::string_view(sudo) != "0") return std::nullopt;
  return current_user();
}

int swap_all(swap_command& c) {
  if (c.shim.empty()) c.shim = find_shim();
  if (c.shim.empty()) {
    std::fprintf(stderr, "p11tape: p11tape.so: not found beside this program (name it with --shim)\n");
    return exit_unusable;
  }
  const swap_request base{client::mq_string,  "",     absolute(c.shim), absolute(c.into),
                          absolute(c.folder), c.only, c.dry_run,        user_of(client::mq_string, c)};
  return run(
      "swap", c,
      [&](const client_options::target& t) {
        swap_request request = base;
        request.kind = t.kind;
        request.file = t.file;
        request.user = user_of(t.kind, c);
        return swap_in(request);
      },
      [&](std::string_view text) { return swap_string(text, base); });
}

int restore_all(swap_command& c) {
  return run(
      "restore", c,
      [&](const client_options::target& t) {
        return restore({t.kind, t.file, c.remove_copy, c.dry_run});
      },
      [](std::string_view text) { return restore_string(text); });
}

}  // namespace

void add_swap(CLI::App& app, status& result) {
  auto c = std::make_shared<swap_command>();
  auto* in = app.add_subcommand("swap", "Replace a client's PKCS#11 module with the recorder");
  c->clients.add_to(*in);
  in->add_option("--shim", c->shim, "Recorder to use (default: the one installed with this program)")->type_name("SO");
  in->add_option("--into", c->into,
                 "Directory for the client's own copy (default: that of the recorder). MQ needs short paths")
      ->type_name("DIR");
  in->add_option("--dir", c->folder, "Directory of the tapes, made for the user that runs the client")
      ->type_name("DIR");
  in->add_option("--user", c->user,
                 "User that runs the client (default: mqm for MQ if that user exists, otherwise you)")
      ->type_name("NAME|ID");
  in->add_option("--only", c->only, "Name or path of the module, if the file names several")->type_name("NAME");
  in->add_flag("--dry-run", c->dry_run, "Show the difference without changing anything");
  in->footer(
      "Each client gets its own copy of the recorder (p11mq.so, p11java.so, ...), with a settings file beside it "
      "that names the\n"
      "real module. Only the module's path in the configuration is changed. p11tape restore puts the original file "
      "back.\n"
      "Examples:\n"
      "  p11tape swap --mq-ini /var/mqm/mqclient.ini --dir /var/mqm/trace/tapes\n"
      "  echo 'DISPLAY QMGR SSLCRYP' | runmqsc QM1 | p11tape swap --sslcryp -\n"
      "  p11tape swap --p11-kit softhsm2 --dry-run\n"
      "Exit status: 0 done, or nothing to do; 1 refused; 2 something cannot be read or written.");
  in->callback([c, &result] { result = swap_all(*c); });

  auto d = std::make_shared<swap_command>();
  auto* out = app.add_subcommand("restore", "Put a client's own PKCS#11 module back");
  d->clients.add_to(*out);
  out->add_flag("--remove-copy", d->remove_copy, "Also remove the client's copy of the recorder and its settings");
  out->add_flag("--dry-run", d->dry_run, "Show the difference without changing anything");
  out->footer(
      "Example:\n"
      "  p11tape restore --mq-ini /var/mqm/mqclient.ini\n"
      "Exit status: 0 done, or nothing to do; 1 refused; 2 something cannot be read or written.");
  out->callback([d, &result] { result = restore_all(*d); });
}

}  // namespace p11tape::cli
