// SPDX-License-Identifier: Apache-2.0
// From the configuration to the file, the module, the token, the login: each is looked at only where the one before
// allows it. A recorder that is in place is passed over and its module asked, so that an examination leaves no tape.
#include "clients/doctor/doctor.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "clients/doctor/doctor_token.hpp"
#include "clients/files.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/formats/ssh.hpp"

namespace p11tape::clients {
namespace {

// Asks with the PIN, on the one token that is meant, where its state allows it.
void log_in(findings& out, examined_module& m, std::size_t meant, const doctor_options& options) {
  if (meant == label::none) {
    out.add(code::CFG616, "The intended token cannot be determined.");
    return;
  }
  const auto& token = m.probe->tokens[meant];
  if (const auto why = reason_not_to_log_in(token, options); !why.empty()) {
    out.add(code::CFG616, why);
    return;
  }
  // A wrong PIN for two clients of one token would be two of the few tries that it has.
  if (options.logged_in != nullptr && std::exchange(*options.logged_in, true)) {
    out.add(code::CFG616,
            "One login was already tried, and doctor never makes more than one. Check this configuration separately.");
    return;
  }
  auto again = probe_module({m.loaded, token.slot, options.pin, options.timeout, options.program});
  if (!again.login.tried) {
    out.add(code::CFG616,
            "The module did not get that far" + (again.trouble.empty() ? "." : ": " + again.trouble + "."));
    return;
  }
  const bool fine = again.login.answer == "CKR_OK" || again.login.answer == "CKR_USER_ALREADY_LOGGED_IN";
  std::string detail = again.login.answer + ", PIN of " + std::to_string(options.pin->size()) + " bytes";
  if (!fine && meant < m.probe->min_pin.size())
    detail += "; the token accepts " + std::to_string(m.probe->min_pin[meant]) + " to " +
              std::to_string(m.probe->max_pin[meant]);
  out.add(fine ? code::CFG614 : code::CFG615, detail + ".");
  m.probe = std::move(again);  // with the private objects
}

void examine_tokens(examination& e, examined_module& m, const reading& r, const doctor_options& options) {
  m.probe = probe_module({m.loaded, std::nullopt, nullptr, options.timeout, options.program});
  judge_probe(e.found, *m.probe);
  const std::size_t meant = judge_tokens(e.found, *m.probe, r, options);
  if (options.pin != nullptr && m.probe->end == probe_end::answered && !m.probe->tokens.empty())
    log_in(e.found, m, meant, options);
}

void examine_place(examination& e, const module_place& place, const reading& r, const doctor_options& options) {
  examined_module m{place.path, place.path, place.name, std::nullopt};
  if (r.kind == client::p11_kit) m.loaded = p11_kit_module_path(place.path, exists);
  // A path that is not absolute was complained about already, and only the client knows where it would look.
  const bool findable = m.loaded.starts_with('/');
  if (findable) {
    const auto file = inspect_module(m.loaded, options.user);
    e.found.append(file.found);
    if (r.kind == client::ssh && !file.real_path.empty()) check_ssh_agent(e.found, m.loaded, file.real_path);
    if (file.recorder && !file.recorded.empty()) m.loaded = file.recorded;
    if (options.load && file.loadable && !(file.recorder && file.recorded.empty())) examine_tokens(e, m, r, options);
  }
  e.modules.push_back(std::move(m));
}

}  // namespace

examination examine_text(client kind, std::string_view text, const std::string& path, std::string title,
                         const doctor_options& options) {
  examination e;
  e.title = std::move(title);
  const auto r = kind == client::openssl ? read_openssl(text, options.openssl) : read_as(kind, text, file_of(path));
  e.usable = r.recognised;
  e.shown = r.shown;
  e.found = r.found;
  e.certificate_labels = r.certificate_labels;
  for (const auto& file : r.pin_files)
    if (::access(file.c_str(), R_OK) != 0) e.found.add(code::CFG834, label::quoted(file));
  if (!path.empty() && r.password.given && !r.password.is_protected) check_readers(e.found, path);
  for (const auto& place : r.modules) examine_place(e, place, r, options);
  if (!e.modules.empty()) check_certificates(e.found, r.certificate_labels, e.modules);
  return e;
}

examination examine_file(client kind, const std::string& path, const doctor_options& options) {
  const std::string title = std::string(name_of(kind)) + ": " + path;
  try {
    const secret_buffer text = read_whole(path);
    return examine_text(kind, text.view(), path, title, options);
  } catch (const file_error& error) {
    examination e;
    e.title = title;
    e.usable = false;
    e.found.add(code::CFG307, error.what());
    return e;
  }
}

examination examine_module(const std::string& path, const doctor_options& options) {
  examination e;
  e.title = "module: " + path;
  reading r;
  r.kind = client::mq_string;
  r.modules.push_back({path, "", 0, 0, 0, escaping::none});
  examine_place(e, r.modules[0], r, options);
  e.usable = exists(path);
  return e;
}

int status_of(const std::vector<examination>& all) noexcept {
  int status = 0;
  for (const auto& e : all) {
    if (!e.usable) return 2;
    if (e.found.worst() != severity::info) status = 1;
  }
  return status;
}

}  // namespace p11tape::clients
