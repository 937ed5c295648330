// SPDX-License-Identifier: Apache-2.0
// The tokens are listed once, without a login; only then is it decided whether a login may be tried, and on which.
#include "clients/doctor/doctor_token.hpp"

#include <algorithm>
#include <string>

#include "clients/label_setting.hpp"
#include "cryptoki/pkcs11.hpp"
#include "text/nearest.hpp"
#include "text/slot_number.hpp"

namespace p11tape::clients {
namespace {

std::string describe(const label::token& t) {
  return text::slot(t.slot) + ": " + label::quoted(label::unpadded(t.label)) + ", " +
         label::printable(label::unpadded(t.manufacturer)) + " " + label::printable(label::unpadded(t.model)) +
         ", serial " + label::printable(label::unpadded(t.serial)) +
         ((t.flags & CKF_TOKEN_INITIALIZED) == 0 ? ", not initialised" : "");
}

std::string list_of(const std::vector<label::token>& tokens) {
  constexpr std::size_t most = 20;
  std::string out;
  for (std::size_t i = 0; i < std::min(tokens.size(), most); ++i) out += (i == 0 ? "" : "\n") + describe(tokens[i]);
  if (tokens.size() > most) out += "\nand " + std::to_string(tokens.size() - most) + " more";
  return out;
}

// The label as it must be written in the file; empty where that is the label itself.
std::string as_written(client kind, const std::string& text) {
  if (text.find(';') != std::string::npos && (kind == client::mq_ini || kind == client::mq_string))
    return " However, a label that contains a semicolon cannot be configured in MQ: give the token another label.";
  if (kind != client::mq_ini) return "";
  const std::string written = escape(text, escaping::mq_ini);
  return written == text ? "" : " In mqclient.ini, write " + written + ".";
}

void judge_label(findings& out, const label::verdict& v, const reading& r, const std::vector<label::token>& tokens) {
  if (v.what == label::cause::match) {
    out.add(code::CFG612, r.label_may_be_pin ? "" : v.say);
    if (v.same.size() > 1) out.add(code::CFG613, r.label_may_be_pin ? "" : v.say);
    return;
  }
  if (r.label_may_be_pin) {
    auto& f = out.add(code::CFG605,
                      "The label field looks like a PIN and matches no token, so it is not shown.\n" + list_of(tokens));
    f.advice = "Put the label of one of these tokens there, and the PIN after it.";
    return;
  }
  auto& f = out.add(code::CFG605, v.say + (v.byte_diff.empty() ? "" : "\n\n" + v.byte_diff));
  f.title += ": " + std::string(label::title_of(v.what)) + " (" + std::string(label::id_of(v.what)) + ")";
  f.advice = v.advice + as_written(r.kind, v.configure) + " MQ reports AMQ9669E.";
  if (!v.configure.empty() && !r.modules.empty())
    f.setting = label_setting(r).with(v.configure, r.modules.front().path);
  if (r.kind != client::mq_ini && r.kind != client::mq_string && r.kind != client::ams) f.advice = v.advice;
}

void judge_state(findings& out, const label::token& t) {
  const std::string which = label::quoted(label::unpadded(t.label)) + " in slot " + std::to_string(t.slot) + ".";
  const auto flag = [&](CK_FLAGS f) { return (t.flags & f) != 0; };
  if (!flag(CKF_TOKEN_INITIALIZED)) {
    out.add(code::CFG606, which);
    return;
  }
  if (flag(CKF_LOGIN_REQUIRED) && !flag(CKF_USER_PIN_INITIALIZED)) out.add(code::CFG610, which);
  if (flag(CKF_USER_PIN_LOCKED))
    out.add(code::CFG609, which);
  else if (flag(CKF_USER_PIN_FINAL_TRY))
    out.add(code::CFG608, which);
  else if (flag(CKF_USER_PIN_COUNT_LOW))
    out.add(code::CFG607, which);
  if (flag(CKF_USER_PIN_TO_BE_CHANGED)) out.add(code::CFG618, which);
}

}  // namespace

void judge_probe(findings& out, const probe_result& probe) {
  switch (probe.end) {
    case probe_end::answered:
      if (probe.tokens.empty())
        out.add(code::CFG604, std::to_string(probe.slots) + " slots, none with a token." +
                                  (probe.trouble.empty() ? "" : " " + probe.trouble + "."));
      break;
    case probe_end::not_loaded:
      out.add(code::CFG601, label::printable(probe.trouble));
      break;
    case probe_end::not_started:
      out.add(code::CFG602, probe.trouble + ".");
      break;
    case probe_end::crashed:
      out.add(code::CFG603, "It crashed: " + probe.trouble + ".");
      break;
    case probe_end::timed_out:
      out.add(code::CFG603, "It timed out and was terminated.");
      break;
    case probe_end::no_answer:
      out.add(code::CFG603, probe.trouble + ".");
      break;
  }
}

bool password_is_a_label(const probe_result& probe, const reading& r) {
  if (r.password_text == nullptr) return false;
  const auto password = trim(r.password_text->view());
  return !password.empty() && std::any_of(probe.tokens.begin(), probe.tokens.end(),
                                          [&](const label::token& t) { return label::unpadded(t.label) == password; });
}

std::size_t judge_tokens(findings& out, const probe_result& probe, const reading& r, const doctor_options& options) {
  const auto& tokens = probe.tokens;
  if (tokens.empty()) return label::none;
  const std::string wanted = r.token_label.value_or(options.token_label);
  std::size_t meant = label::none;
  if (!wanted.empty()) {
    const auto v = label::check(wanted, tokens, r.other_names);
    judge_label(out, v, r, tokens);
    if (v.what == label::cause::match) meant = v.nearest;
  } else {
    out.add(code::CFG617, list_of(tokens));
    // Without a label only a single initialised token can be the one that is meant.
    const auto ready = [](const label::token& t) { return (t.flags & CKF_TOKEN_INITIALIZED) != 0; };
    if (std::count_if(tokens.begin(), tokens.end(), ready) == 1)
      meant = static_cast<std::size_t>(std::find_if(tokens.begin(), tokens.end(), ready) - tokens.begin());
  }
  if (meant != label::none) judge_state(out, tokens[meant]);
  return meant;
}

std::string reason_not_to_log_in(const label::token& token, const doctor_options& options) {
  const auto flag = [&](CK_FLAGS f) { return (token.flags & f) != 0; };
  if (!flag(CKF_TOKEN_INITIALIZED)) return "The token is not initialised.";
  if (flag(CKF_USER_PIN_LOCKED)) return "The PIN is locked.";
  if (flag(CKF_USER_PIN_FINAL_TRY) && !options.yes_final_try)
    return "Only one PIN try is left, and a wrong PIN would lock the token. If you are sure of the PIN, add "
           "--yes-final-try.";
  if (flag(CKF_USER_PIN_COUNT_LOW) && !options.yes_final_try)
    return "Wrong PINs were given earlier, and few tries may be left. If you are sure of the PIN, add --yes-final-try.";
  return "";
}

void check_dates(findings& out, const std::vector<std::string>& labels, const probe_result& probe, std::int64_t now) {
  constexpr std::int64_t soon = 14 * 86400;
  for (const auto& c : probe.certificates) {
    const bool expired = c.until<now, early = c.from> now;
    if (!expired && !early && c.until - now > soon) continue;
    const std::string token =
        c.token < probe.tokens.size() ? std::string(label::unpadded(probe.tokens[c.token].label)) : std::string();
    const bool configured = std::any_of(labels.begin(), labels.end(), [&](const std::string& wanted) {
      return wanted == c.label || wanted == token + ":" + c.label;
    });
    auto& f = out.add(expired ? code::CFG619
                      : early ? code::CFG620
                              : code::CFG621,
                      (c.label.empty() ? c.subject : label::quoted(c.label) + ", " + c.subject) + ": valid from " +
                          c.not_before.substr(0, 10) + " to " + c.not_after.substr(0, 10) + ".");
    if (configured && (expired || early)) f.level = severity::error;
  }
}

void check_certificates(findings& out, const std::vector<std::string>& labels,
                        const std::vector<examined_module>& modules) {
  std::vector<std::string> seen;
  bool asked = false;
  for (const auto& m : modules) {
    if (!m.probe || m.probe->end != probe_end::answered) continue;
    asked = asked || !m.probe->tokens.empty();
    for (const auto& t : m.probe->tokens) {
      // GSKit also takes a certificate's label with the token's in front of it.
      const std::string prefix = std::string(label::unpadded(t.label)) + ':';
      for (const auto& object : t.objects) {
        seen.push_back(object);
        seen.push_back(prefix + object);
      }
    }
  }
  if (!asked) return;
  for (const auto& wanted : labels) {
    if (std::find(seen.begin(), seen.end(), wanted) != seen.end()) continue;
    std::vector<std::string> others;
    for (std::size_t i = 0; i < seen.size(); i += 2)
      if (std::find(others.begin(), others.end(), seen[i]) == others.end()) others.push_back(seen[i]);
    // GSKit's form with the token's label is near no label, but what follows the colon may be.
    const auto colon = wanted.rfind(':');
    auto near = text::nearest(wanted, others);
    if (near.empty() && colon != std::string::npos) near = text::nearest(wanted.substr(colon + 1), others);
    std::string list;
    for (std::size_t i = 0; i < others.size() && i < 20; ++i)
      if (others[i] != near) list += (list.empty() ? "" : ", ") + label::quoted(others[i]);
    out.add(code::CFG611,
            label::quoted(wanted) +
                (others.empty() ? std::string(": no object is visible without a login.")
                                : (near.empty() ? std::string(".") : ". Nearest: " + label::quoted(near) + ".") +
                                      (list.empty() ? "" : " Visible: " + list + ".")));
  }
}

}  // namespace p11tape::clients
