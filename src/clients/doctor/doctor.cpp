// SPDX-License-Identifier: Apache-2.0
// From the configuration to the file, the module, the token, the login: each is looked at only where the one before
// allows it. A recorder that is in place is passed over and its module asked, so that an examination leaves no tape.
#include "clients/doctor/doctor.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "clients/doctor/doctor_token.hpp"
#include "clients/files.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/formats/ssh.hpp"

namespace p11tape::clients {
namespace {

probe_request request_for(const examined_module& m, const doctor_options& options) {
  probe_request r;
  r.module = m.loaded;
  r.timeout = options.timeout;
  r.program = options.program;
  r.yes_final_try = options.yes_final_try;
  r.environment = options.environment;
  if (options.user.uid != current_user().uid && can_become(options.user)) r.run_as = options.user;
  return r;
}

// Serial numbers are unique for a manufacturer and model.
std::string identity_of(const label::token& t) { return t.manufacturer + "|" + t.model + "|" + t.serial; }

// Asks with the PIN, on the one token that is meant, where its state allows it.
void log_in(findings& out, examined_module& m, std::size_t meant, const doctor_options& options) {
  if (is_placeholder(options.pin->view())) {
    out.add(
        code::CFG616,
        options.pin->empty()
            ? std::string("The PIN is empty. Use --pin prompt.")
            : "What was given as the PIN (" + std::to_string(options.pin->size()) +
                  " bytes) is a mask or a placeholder, such as *** or <password>. A PIN that really reads like this "
                  "is not plausible, and a wrong PIN brings the token closer to a lock. Use --pin prompt.");
    return;
  }
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
  const auto identity = identity_of(token);
  if (options.tried != nullptr) {
    if (std::find(options.tried->begin(), options.tried->end(), identity) != options.tried->end()) {
      out.add(code::CFG616, "A PIN was already tried on this token, and doctor never makes more than one attempt.")
          .level = severity::warning;
      return;
    }
    if (!options.pin_configured && !options.tried->empty()) {
      out.add(code::CFG616,
              "One login was already tried, and doctor never makes more than one. Check this configuration separately.")
          .level = severity::warning;
      return;
    }
    options.tried->push_back(identity);
  }
  auto request = request_for(m, options);
  request.login_slot = token.slot;
  request.pin = options.pin;
  auto again = probe_module(request);
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
  const auto request = request_for(m, options);
  m.probe = probe_module(request);
  judge_probe(e.found, *m.probe);
  if (request.run_as)
    e.found.add(code::CFG624, "User " + options.user.name + ".");
  else if (options.user.uid != current_user().uid)
    e.found.add(code::CFG622, "As " + current_user().name + ", not as " + options.user.name + ".");
  auto read = r;
  if (!read.modules.empty()) read.modules.front().path = m.loaded;  // what is to be configured: no recorder
  if (password_is_a_label(*m.probe, r)) {  // then what stands in the label's place is the password
    read.label_may_be_pin = true;
    e.shown = r.shown_without_label;
  }
  const std::size_t meant = judge_tokens(e.found, *m.probe, read, options);
  if (options.pin != nullptr && m.probe->end == probe_end::answered && !m.probe->tokens.empty())
    log_in(e.found, m, meant, options);
  check_dates(e.found, r.certificate_labels, *m.probe, std::time(nullptr));
}

// The PIN that the client would use; `problem` says why there is none.
secret_buffer configured_pin(const reading& r, const password_keeper& keeper, const file_user& user,
                             std::string& problem) {
  if (r.password.placeholder) {
    problem = "It is a mask or a placeholder.";
  } else if (r.password.is_protected) {
    problem = "It is protected, and only MQ can decrypt it.";
  } else if (r.password.given) {
    return secret_buffer(keeper.kept().view());
  } else if (r.pin_files.empty()) {
    problem = "The configuration contains none.";
  } else if (!may_read(r.pin_files.back(), user)) {
    problem = "User " + user.name + " cannot read " + label::quoted(r.pin_files.back()) + ".";
  } else {
    try {
      const auto text = read_whole(r.pin_files.back(), 4096);
      auto line = text.view().substr(0, text.view().find('\n'));
      if (line.ends_with('\r')) line.remove_suffix(1);
      return secret_buffer(line);
    } catch (const file_error& error) {
      problem = std::string(error.what()) + ".";
    }
  }
  return {};
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
  const password_keeper keeper;
  const auto r = kind == client::openssl ? read_openssl(text, options.openssl) : read_as(kind, text, file_of(path));
  e.usable = r.recognised;
  e.shown = r.shown;
  e.found = r.found;
  e.certificate_labels = r.certificate_labels;
  for (const auto& file : r.pin_files)
    if (!may_read(file, options.user)) e.found.add(code::CFG834, label::quoted(file) + ", user " + options.user.name);
  if (!path.empty() && r.password.in_clear_text()) check_readers(e.found, path);
  auto with_pin = options;
  secret_buffer pin;
  const bool has_pin = r.password.given || !r.pin_files.empty();
  const bool borrows = options.pin_configured && has_pin && (kind == client::nginx || kind == client::httpd);
  const auto& places = borrows ? options.openssl_modules : r.modules;
  if (options.pin_configured && options.load && !places.empty() && (has_pin || !options.pin_elsewhere)) {
    std::string problem;
    pin = configured_pin(r, keeper, options.user, problem);
    if (problem.empty())
      with_pin.pin = &pin;
    else
      e.found.add(code::CFG623, problem);
  }
  for (const auto& place : places) examine_place(e, place, r, with_pin);
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
  int status = all.empty() ? 2 : 0;
  for (const auto& e : all) {
    if (!e.usable) return 2;
    if (e.found.worst() == severity::error) status = 1;
  }
  return status;
}

}  // namespace p11tape::clients
