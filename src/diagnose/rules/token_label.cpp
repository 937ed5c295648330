// SPDX-License-Identifier: Apache-2.0
// P9 to P11: the token that was meant, and the tokens that there are.
#include <algorithm>

#include "clients/files.hpp"
#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/suggested_commands.hpp"
#include "text/slot_number.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

bool is_mq(const rule_input& s) noexcept {
  const auto by = speaker_of(s.d.program);
  return s.set.is_mq || by == speaker::mq || by == speaker::runmqakm;
}

std::string in_slot(const label::token& t) {
  const auto name = label::unpadded(t.label);
  return cat(name.empty() ? "a token without a label" : quoted(name), " (slot ", t.slot, ")");
}

std::vector<std::string> names_of(const std::vector<label::token>& tokens) {
  std::vector<std::string> names;
  names.reserve(tokens.size());
  for (const auto& t : tokens) names.push_back(in_slot(t));
  return names;
}

void show_what_was_read(finding& f, const rule_input& s, const std::vector<label::token>& tokens) {
  const auto& l = s.d.slot_queries;
  f.show({l.first_token_info, l.last_token_info},
         cat("the client read ", counted(tokens.size(), "token"), ": ", listed(names_of(tokens), 8)));
  if (s.d.sessions.first_open == none)
    f.show({}, "then it opened no session: it stopped looking for the token here");
  else if (s.d.logins.succeeded() != 0)
    f.show({s.d.logins.first_success()}, "it logged in nevertheless, so it may not use this label");
  else if (s.d.logins.tried() != 0)
    f.show({s.d.logins.all().front().call}, "it tried to log in nevertheless, so it may not use this label");
}

// The module to configure: where the configuration names the recorder, the one that it stands for.
std::string configured_module(const rule_input& s) {
  const auto& named = s.set.setting.module();
  const auto recorder = s.d.tape->property("shim");
  const bool is_recorder =
      !recorder.empty() && (named == recorder || (clients::exists(named) && clients::real_path(named) == recorder));
  return is_recorder && s.d.module.starts_with('/') ? s.d.module : named;
}

std::string shown_label(const rule_input& s) {
  return s.set.label_hidden ? "(not shown: it may be the PIN)" : quoted(*s.set.label);
}

// The configured label is known: what differs, and what to write instead.
void compare(const rule_input& s, const rule& r, findings& out, const std::vector<label::token>& tokens) {
  const auto v = label::check(*s.set.label, tokens, s.set.other_names);
  if (v.what == label::cause::match || v.what == label::cause::no_tokens) return;
  auto& f = add(out, s, r);
  const auto id = label::id_of(v.what);
  if (const auto* sub = find_rule(id)) {
    f.id = sub->id;
    f.slug = sub->slug;
  }
  // Who got as far as a login has found a token, by this label or another.
  if (s.d.logins.tried() != 0) f.level = severity::warning;
  f.about = topic::label;
  f.say = cat("The token was not found because of its label: ", label::title_of(v.what), ".");
  if (is_mq(s)) f.first_lines.emplace_back("IBM MQ reports this as AMQ9669E");
  const bool has_token = v.nearest != label::none;
  f.first_lines.push_back(cat("configured: ", shown_label(s), has_token ? "    on the token: " : "    tokens: ",
                              has_token ? in_slot(tokens[v.nearest]) : listed(names_of(tokens), 8)));
  label_pair pair;
  pair.configured = s.set.label_hidden ? "" : *s.set.label;
  if (has_token) pair.token = tokens[v.nearest].label;
  pair.configure = v.configure;
  pair.setting = s.set.setting.with(v.configure, configured_module(s));
  pair.byte_diff = s.set.label_hidden ? "" : v.byte_diff;
  if (!v.configure.empty()) f.first_lines.push_back(cat("configure exactly: ", label::printable(v.configure)));
  f.labels.push_back(std::move(pair));
  show_what_was_read(f, s, tokens);
  f.advice = s.set.label_hidden ? "Configure the label of one of the tokens shown." : v.advice;
  if (s.set.is_mq)
    f.advice +=
        " A queue manager: put the string, with the PIN, into ALTER QMGR SSLCRYP('...'), then run REFRESH SECURITY "
        "TYPE(SSL). A client must be restarted.";
  f.commands = {list_tokens(s)};
}

}  // namespace

// Tokens without a label cannot be told apart by it, whatever is configured.
bool all_nameless(const std::vector<label::token>& tokens) {
  return std::all_of(tokens.begin(), tokens.end(), [](const label::token& t) {
    return label::unpadded(t.label).empty() && (t.flags & CKF_TOKEN_INITIALIZED) != 0;
  });
}

void nameless(const rule_input& s, const rule& r, findings& out, const std::vector<label::token>& tokens) {
  auto& f = add(out, s, r);
  f.about = topic::label;
  f.fault = fault::configuration;
  if (s.d.sessions.first_open != none) f.level = severity::warning;
  f.say = cat(tokens.size() == 1 ? std::string("The token has") : cat("All ", tokens.size(), " tokens have"),
              " an empty label: no configured label can match.");
  std::vector<std::string> slots;
  slots.reserve(tokens.size());
  for (const auto& t : tokens)
    slots.push_back(cat(text::slot(t.slot), ", serial number ", label::printable(label::unpadded(t.serial)), ", ",
                        label::printable(label::unpadded(t.manufacturer))));
  f.show({s.d.slot_queries.first_token_info, s.d.slot_queries.last_token_info}, listed(slots, 8));
  for (const auto& t : tokens)
    for (const auto* h : habits_of(s, slot_id(t.slot), function::C_GetTokenInfo, CKR_OK)) {
      f.show({}, cat("known of this module: ", h->text, " (", h->source, ")"));
      break;
    }
  f.cause = "likely: the module's own configuration defines no labels.";
  f.advice = "Give each token a label in the module's configuration, or select the token by slot or serial number.";
  f.commands = {list_tokens(s)};
}

void label_mismatch(const rule_input& s, const rule& r, findings& out) {
  const auto tokens = s.d.tokens();
  if (tokens.empty()) return;
  const bool looked_only = s.d.logins.tried() == 0 && s.d.key_uses.count == 0;
  if (all_nameless(tokens) && looked_only) return nameless(s, r, out, tokens);
  if (s.set.label) return compare(s, r, out, tokens);

  // No label is known to us. Who reads all tokens and uses none has found none that he was looking for.
  const auto& l = s.d.slot_queries;
  if (l.token_infos == 0 || s.d.sessions.first_open != none || s.d.logins.tried() != 0) return;
  if (s.d.tally.of(function::C_InitToken).calls != 0) return;
  auto& f = add(out, s, r);
  const bool known_mq = speaker_of(s.d.program) == speaker::mq;
  // Who asks again and again watches for cards.
  const bool watches = l.token_infos > 3 * tokens.size() + 3;
  const bool unnamed = s.d.program.empty() || s.d.imported;
  f.level = known_mq                                         ? severity::error
            : s.d.is_inspection_tool() || watches || unnamed ? severity::info
                                                             : severity::warning;
  f.about = topic::label;
  f.say = cat("The client examined ", counted(tokens.size(), "token"), " and used none",
              s.d.is_inspection_tool() ? "; it may only have been asked to list them."
                                       : ": none of them has the configured label, or the client only listed them.");
  f.first_lines.push_back(cat("token labels: ", listed(names_of(tokens), 8)));
  f.first_lines.emplace_back(
      "neither C_OpenSession nor C_Login was called, so the PIN was never tried and is not the cause");
  show_what_was_read(f, s, tokens);
  f.advice =
      "Compare the configured token label with these, including spaces and the order of words. p11tape diagnose "
      "compares it if you name the configuration (--sslcryp, --mq-ini, --token-label).";
  f.commands = {list_tokens(s), cat("p11tape diagnose --token-label 'THE LABEL' ", text::shell_word(s.d.tape->path()))};
}

void label_twice(const rule_input& s, const rule& r, findings& out) {
  const auto tokens = s.d.tokens();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto name = label::unpadded(tokens[i].label);
    if (name.empty() || (tokens[i].flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    std::vector<std::string> slots;
    bool used = s.set.label && *s.set.label == name;
    bool is_first = true;
    for (std::size_t j = 0; j < tokens.size(); ++j) {
      if (label::unpadded(tokens[j].label) != name || (tokens[j].flags & CKF_TOKEN_INITIALIZED) == 0) continue;
      is_first &= j >= i;
      slots.push_back(
          cat(text::slot(tokens[j].slot), ", serial number ", label::printable(label::unpadded(tokens[j].serial))));
      const auto& opened = s.d.sessions.opened_slots;
      used |= std::find(opened.begin(), opened.end(), slot_id(tokens[j].slot)) != opened.end();
    }
    if (!is_first || slots.size() < 2 || !used) continue;
    // One serial number in two slots is one token, as after C_InitToken in SoftHSM; a client that makes tokens sees
    // both.
    bool one_token = true;
    for (std::size_t j = 0; j < tokens.size(); ++j)
      if (label::unpadded(tokens[j].label) == name && (tokens[j].flags & CKF_TOKEN_INITIALIZED) != 0)
        one_token &= tokens[j].serial == tokens[i].serial;
    if (one_token || s.d.tally.of(function::C_InitToken).last_ok != none) continue;
    auto& f = add(out, s, r);
    f.about = topic::label;
    f.say = cat(slots.size(), " tokens have the label ", quoted(name), ": clients use the first one that they find.");
    f.show({s.d.slot_queries.last_token_info}, listed(slots, 8));
    f.advice = "Give each token its own label, or select the token by serial number or slot if the client supports it.";
    f.commands = {list_tokens(s)};
  }
}

void token_not_initialised(const rule_input& s, const rule& r, findings& out) {
  if (s.d.tally.of(function::C_InitToken).last_ok != none) return;
  // Clients that look at every slot open sessions on blank ones, too: what counts is where a login was tried.
  const auto& logins = s.d.logins.all();
  const auto tried_at = [&](slot_id id) {
    return std::any_of(logins.begin(), logins.end(), [&](const pin_use& u) { return u.slot == id; });
  };
  bool any_initialised = false;
  const model::slot* blank = nullptr;
  const model::slot* used = nullptr;
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token) continue;
    if (slot.token->has(CKF_TOKEN_INITIALIZED)) {
      any_initialised = true;
      continue;
    }
    blank = &slot;
    if (tried_at(id)) used = &slot;
  }
  // SoftHSM always shows one blank token more: only one that is used, or all that there is, is a fault.
  // NSS opens a session on every slot that there is: what counts is where it tried to log in.
  const auto& tried = s.d.logins.all();
  const bool elsewhere = std::any_of(tried.begin(), tried.end(), [](const pin_use& p) {
    return p.token_known && (p.token_flags & CKF_TOKEN_INITIALIZED) != 0;
  });
  const bool login_failed = s.d.logins.tried() != 0 && s.d.logins.succeeded() == 0 && !elsewhere;
  const auto* meant = used != nullptr && login_failed ? used : !any_initialised ? blank : nullptr;
  if (meant == nullptr) return;
  auto& f = add(out, s, r);
  f.about = topic::no_token;
  f.say = any_initialised ? cat("The client uses ", model::describe(*meant), ", which has not been initialised.")
                          : "The only token has not been initialised.";
  f.show({meant->token->seen_in}, cat(text::slot(meant->id.value()), " lacks CKF_TOKEN_INITIALIZED"));
  f.advice =
      "Configure the slot of an initialised token. If this token was already initialised, the module uses another user, "
      "configuration or device than the tool that initialised it. Initialise it only if it is really new: that deletes "
      "everything on it.";
  f.commands = {list_tokens(s)};
}

}  // namespace p11tape::diagnose::rule_functions
