// SPDX-License-Identifier: Apache-2.0
// P12 to P18 and P20b: PINs, as they were passed and as the token judged them.
#include <algorithm>
#include <map>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

bool is_wrong(u64 value) noexcept { return value == CKR_PIN_INCORRECT || value == CKR_PIN_INVALID; }

// A login is judged as a login, whatever code it returned: some modules use these for a PIN that they cannot take.
bool is_refusal(u64 value) noexcept {
  return is_wrong(value) || value == CKR_PIN_LEN_RANGE || value == CKR_ARGUMENTS_BAD || value == CKR_DATA_LEN_RANGE ||
         value == CKR_DATA_INVALID || value == CKR_FUNCTION_FAILED || value == CKR_GENERAL_ERROR;
}

bool has_pad(const pin_use& u) noexcept {
  return u.token_known && (u.token_flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

// An empty PIN for a PIN pad that wants none at all.
bool is_empty_for_pad(const pin_use& u) noexcept {
  return has_pad(u) && u.pin_given && u.pin_known && u.pin.length == 0;
}

bool out_of_range(const tape::pin_facts& pin, const pin_use& u) noexcept {
  return u.token_known && u.max_pin != 0 && u.max_pin != unknown && (pin.length < u.min_pin || pin.length > u.max_pin);
}

bool is_login(const pin_use& u) noexcept { return u.which == function::C_Login || u.which == function::C_LoginUser; }

struct anomaly_row {
  u32 bit;
  std::string_view what, why;
};

constexpr anomaly_row anomalies[] = {
    {tape::pin_blank_at_end, "it starts or ends with a space", "remove the space: fields are not trimmed"},
    {tape::pin_line_break, "it contains a newline",
     "the file that it comes from has Windows line endings, or its last newline was included"},
    {tape::pin_nul, "it contains a NUL byte", "the length that was passed is too large"},
    {tape::pin_quote, "it contains a quote", "quotes are not removed: they are part of the PIN"},
    {tape::pin_semicolon, "it contains a semicolon", "a semicolon separates fields in many configurations"},
    {tape::pin_non_ascii, "it contains characters other than ASCII", "the token may expect another encoding"},
    {tape::pin_protected, "it starts like a protected password (<P11>!)",
     "an encrypted password was passed without decrypting it: the key file was not found (MQS_SSLCRYP_KEYFILE), or "
     "this version does not support protected passwords"},
};

// Bytes that nobody can have typed: not UTF-8, or with control characters. Tapes of older recorders have the single signs
// only.
bool is_not_text(const pin_use& u) noexcept {
  constexpr u32 signs = tape::pin_nul | tape::pin_non_ascii | tape::pin_line_break;
  const auto found = u.pin.anomalies & signs;
  return u.pin_known && u.pin.length != 0 &&
         ((u.pin.anomalies & tape::pin_not_text) != 0 ? found != tape::pin_line_break : (found & (found - 1)) != 0);
}

// What was passed cannot be what is configured.
void blame_encoding(finding& f, const pin_use& u, const rule_input& s) {
  const auto& set = s.set.password;
  const auto bytes = counted(u.pin.length, "byte");
  f.show({u.call}, cat("the passed PIN is ", bytes, " that are not text",
                       u.pin.anomalies & tape::pin_nul ? ", with NUL bytes" : ""));
  if (s.set.given && set.given && set.is_protected) {
    f.say =
        cat("The PIN handed to the module is not text: the configured password is protected, and was not decrypted.");
    f.show({}, cat("the configured password is protected, ", counted(set.length, "byte"),
                   set.damaged ? ", and damaged" : ""));
    f.cause =
        "likely: it was decrypted with another key file than it was protected with, or by a program that does not support it.";
    f.advice =
        "Protect the password again with runp11cred, and give the program the same key file (MQS_SSLCRYP_KEYFILE).";
    f.fault = fault::configuration;
    return;
  }
  if (s.set.given && set.given && !set.placeholder && !set.non_ascii && !set.control) {
    f.say = cat("The PIN handed to the module is not the configured one: it is ", bytes, " that are not text.");
    f.show({}, cat("the configured PIN is ", counted(set.length, "byte"), " of text"));
    f.fault = fault::client;
  } else {
    f.say = cat("The PIN handed to the module is not text: ", u.slot_name, " rejected its ", bytes, ".");
    f.fault = fault::undecidable;
  }
  f.cause =
      "likely: it is not what was configured: a protected or stashed password that was not decoded, a buffer that was not "
      "filled, or another encoding.";
  f.advice =
      "Stop everything that retries before the token locks. Configure the password again (stash file, runp11cred), and check "
      "that the program which reads it supports its form.";
}

void show_pin(finding& f, const pin_use& u, const rule_input& s) {
  if (!u.card.empty()) f.show({u.call}, cat("on the card: ", u.card));
  if (!u.pin_given) {
    f.show({u.call}, "no PIN was passed: a PIN pad was expected");
    return;
  }
  if (!u.pin_known) return;
  const auto number = u.pin.number != 0 ? cat(", PIN #", u.pin.number, " of this process") : std::string();
  f.show({u.call}, cat("the passed PIN is ", counted(u.pin.length, "byte"), " long", number));
  if (u.pin.length == 0)
    f.show({u.call}, "it is empty: the field is missing, or the file that contains it was not read");
  if (is_not_text(u)) return;
  for (const auto& a : anomalies)
    if (u.pin.anomalies & a.bit) f.show({u.call}, cat(a.what, ": ", a.why));
  if (u.token_known && u.max_pin != 0 && u.max_pin != unknown && (u.pin.length < u.min_pin || u.pin.length > u.max_pin))
    f.show({u.call}, cat("the token accepts ", u.min_pin, " to ", u.max_pin, " bytes"));

  const auto& set = s.set.password;
  if (!s.set.given || !set.given || set.is_protected) return;
  if (set.placeholder) {
    f.show({}, u.pin.length == set.length
                   ? "the configuration has a mask or placeholder of the same length: the client may have passed that"
                   : "the configuration has a mask or placeholder instead of the PIN: the lengths cannot be compared");
    return;
  }
  if (u.pin.length == set.length)
    f.show({}, "the configured PIN has the same length: nothing was added or lost");
  else if (u.pin.length == set.length + 1)
    f.show({}, "the configured PIN is one byte shorter: a space or newline was added");
  else if (u.pin.length == set.length + 2)
    f.show({}, "the configured PIN is two bytes shorter: quotes were added");
  else
    f.show({}, cat("the configured PIN is ", counted(set.length, "byte"), " long: ",
                   u.pin.length < set.length ? "it was truncated (an unescaped ; or # does this)"
                                             : "the client uses another PIN"));
}

void show_flags(finding& f, const rule_input& s, slot_id id, u64 before) {
  const auto* slot = s.d.slot(id);
  const auto now = slot != nullptr && slot->token ? slot->token->flags : before;
  if ((before | now) & CKF_USER_PIN_LOCKED)
    f.show({}, "the token reports that its user PIN is locked");
  else if ((before | now) & CKF_USER_PIN_FINAL_TRY)
    f.show({}, "the token reports that one more wrong PIN locks it");
  else if ((before | now) & CKF_USER_PIN_COUNT_LOW)
    f.show({}, "the token reports a wrong PIN since the last correct one");
}

std::string whose(const pin_use& u) { return u.user == CKU_SO ? "SO PIN" : "user PIN"; }

// A login on the token that worked after the call.
bool worked_later(const rule_input& s, const pin_use& u) noexcept {
  return std::any_of(s.d.logins.all().begin(), s.d.logins.all().end(), [&](const pin_use& v) {
    return is_login(v) && v.ok() && v.slot == u.slot && v.call > u.call && v.user == u.user;
  });
}

// One finding for each token and user with logins that answered one of these codes; `say` begins the sentence.
template <class Wanted, class Fill>
void for_each_token(const rule_input& s, const rule& r, findings& out, Wanted wanted, Fill fill) {
  std::map<std::pair<slot_id, u64>, std::vector<const pin_use*>> by_token;
  for (const auto& u : s.d.logins.all())
    if (u.ended && wanted(u)) by_token[{u.slot, u.user}].push_back(&u);
  for (const auto& [key, uses] : by_token) {
    auto& f = add(out, s, r);
    if (worked_later(s, *uses.back())) f.level = severity::warning;
    std::vector<call_number> calls;
    for (const auto* u : uses)
      if (calls.size() < 8) calls.push_back(u->call);
    f.show(std::move(calls), cat(name_of(uses.front()->which),
                                 uses.front()->user == unknown ? "" : cat(" for ", user_name(uses.front()->user)),
                                 " on ", uses.front()->slot_name, " returned ", code(uses.front()->value),
                                 uses.size() > 1 ? cat(", ", uses.size(), " times") : ""));
    fill(f, uses);
    f.commands.push_back(list_objects(s, uses.front()->slot));
  }
}

}  // namespace

void pin_wrong(const rule_input& s, const rule& r, findings& out) {
  const auto is_login_wrong = [&](const pin_use& u) {
    return is_login(u) && is_wrong(u.value) && u.pin_given && !is_empty_for_pad(u) &&
           !(u.pin_known && out_of_range(u.pin, u));
  };
  for_each_token(s, r, out, is_login_wrong, [&](finding& f, const auto& uses) {
    const auto& last = *uses.back();
    f.about = topic::pin;
    f.say = last.user == CKU_CONTEXT_SPECIFIC
                ? cat("The PIN for a single operation is wrong: ", last.slot_name, " rejected it.")
                : cat("The PIN is wrong: ", last.slot_name, " was found and rejected the ", whose(last), ".");
    show_pin(f, last, s);
    show_flags(f, s, last.slot, last.token_flags);
    f.advice =
        "Stop everything that retries (channels, services) before the token locks. Test the PIN once manually, then "
        "correct it in the configuration.";
    if (is_not_text(last)) blame_encoding(f, last, s);
    const auto* slot = s.d.slot(last.slot);
    if (s.set.label && slot != nullptr && slot->token && label::unpadded(slot->token->label) == *s.set.label)
      f.advice += " The token label is right: the client reached the PIN check.";
    for (const auto* h : habits_of(s, last.slot, last.which, last.value)) {
      f.show({}, cat("known of this module: ", h->text, " (", h->source, ")"));
      if (h->is_cause) f.cause = cat("likely: ", h->text, ".");
    }
  });
  // C_SetPIN takes the old PIN, C_InitToken the SO PIN.
  for_each_token(
      s, r, out,
      [&](const pin_use& u) {
        return !is_login(u) && is_wrong(u.value) && u.pin_given && !(u.pin_known && out_of_range(u.pin, u)) &&
               !(u.new_pin_known && out_of_range(u.new_pin, u));
      },
      [&](finding& f, const auto& uses) {
        const auto& last = *uses.back();
        f.about = topic::pin;
        const auto which = last.which == function::C_InitToken ? "the SO PIN"
                           : last.which == function::C_SetPIN  ? "the old PIN"
                                                               : "the new PIN";
        f.say = cat(name_of(last.which), " failed: ", last.slot_name, " refused ", which, " (", short_code(last.value),
                    ").");
        show_pin(f, last, s);
        show_flags(f, s, last.slot, last.token_flags);
        f.cause = last.which == function::C_InitToken
                      ? "An initialised token requires the SO PIN that it was initialised with; each wrong attempt "
                        "counts."
                      : cat(which, " does not match the PIN of the token.");
        f.advice =
            "Try again only with the correct PIN: each wrong attempt counts. If the SO PIN locks, the token must be "
            "reinitialised.";
      });
}

void pin_retried(const rule_input& s, const rule& r, findings& out) {
  std::map<u32, std::vector<const pin_use*>> by_pin;
  for (const auto& u : s.d.logins.all())
    if (is_login(u) && u.ended && is_wrong(u.value) && u.pin_known && u.pin.number != 0)
      by_pin[u.pin.number].push_back(&u);
  for (const auto& [number, uses] : by_pin) {
    if (uses.size() < 2) continue;
    std::vector<std::string> tokens;
    std::vector<call_number> calls;
    for (const auto* u : uses) {
      if (std::find(tokens.begin(), tokens.end(), u->slot_name) == tokens.end()) tokens.push_back(u->slot_name);
      if (calls.size() < 8) calls.push_back(u->call);
    }
    auto& f = add(out, s, r);
    f.about = topic::pin;
    f.say = tokens.size() > 1
                ? cat("One PIN was sent to ", tokens.size(), " tokens that rejected it: ", listed(tokens), ".")
                : cat("The same wrong PIN was sent ", uses.size(), " times to ", tokens.front(),
                      ": the next one may lock it.");
    f.show(std::move(calls), cat("PIN #", number, " of this process was rejected ", uses.size(), " times"));
    show_flags(f, s, uses.back()->slot, uses.back()->token_flags);
    f.advice =
        "Stop the retries immediately (MQ: stop the channel and check its retry interval; ssh: one PIN is sent to "
        "every token). Correct the PIN, and test it once manually.";
    f.commands = {list_objects(s, uses.front()->slot)};
  }
}

void pin_locked(const rule_input& s, const rule& r, findings& out) {
  bool told = false;
  for_each_token(
      s, r, out, [](const pin_use& u) { return u.value == CKR_PIN_LOCKED; },
      [&](finding& f, const auto& uses) {
        told = true;
        f.about = topic::pin_locked;
        f.say = cat("The ", whose(*uses.back()), " of ", uses.back()->slot_name, " is locked.");
        f.advice =
            "Find out first what sent the wrong PINs, or the PIN locks again. Then set it as security officer "
            "(C_InitPIN), or unblock it with the card's own tool and the PUK. If the SO PIN locks, the token must be "
            "reinitialised.";
        f.commands = {list_tokens(s)};
      });
  if (told) return;
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || !slot.token->has(CKF_USER_PIN_LOCKED)) continue;
    auto& f = add(out, s, r);
    f.about = topic::pin_locked;
    f.say = cat("The user PIN of ", model::describe(slot), " is locked",
                s.d.logins.tried() == 0 ? "; the client did not try it." : ".");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_LOCKED");
    f.advice = "Set it as security officer (C_InitPIN), or unblock it with the card's own tool.";
    f.commands = {list_tokens(s)};
  }
}

void pin_final_try(const rule_input& s, const rule& r, findings& out) {
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token) continue;
    bool before = false, tried = false;
    for (const auto& u : s.d.logins.all())
      if (u.slot == id && is_login(u)) {
        tried = true;
        before |= (u.token_flags & CKF_USER_PIN_FINAL_TRY) != 0 && !u.ok();
      }
    const bool now = slot.token->has(CKF_USER_PIN_FINAL_TRY);
    if ((!before && !now) || slot.token->has(CKF_USER_PIN_LOCKED)) continue;
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    f.say = cat("One more wrong PIN locks ", model::describe(slot),
                tried ? "." : "; this is probably why the client did not log in.");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_FINAL_TRY");
    f.advice =
        "Log in once manually with the correct PIN: this resets the counter. Some clients (pkcs11-provider) refuse to "
        "log in until then.";
    f.commands = {list_objects(s, id)};
  }
}

void pin_length(const rule_input& s, const rule& r, findings& out) {
  for_each_token(
      s, r, out,
      [&](const pin_use& u) {
        if (is_empty_for_pad(u) || (is_login(u) && !u.pin_given)) return false;
        if (u.value == CKR_PIN_LEN_RANGE) return true;
        if (!is_refusal(u.value)) return false;
        return (u.pin_known && u.pin_given && out_of_range(u.pin, u)) ||
               (u.new_pin_known && out_of_range(u.new_pin, u));
      },
      [&](finding& f, const auto& uses) {
        const auto& u = *uses.back();
        const bool new_one = u.new_pin_known && (out_of_range(u.new_pin, u) || !out_of_range(u.pin, u));
        const auto length = new_one ? u.new_pin.length : u.pin.length;
        const bool known = new_one || u.pin_known;
        const bool range_known = u.token_known && u.max_pin != 0 && u.max_pin != unknown;
        f.about = topic::pin;
        f.say = cat(name_of(u.which), " failed: the ", new_one ? "new PIN" : "PIN",
                    known ? cat(" has ", counted(length, "byte")) : " has a length that the token does not accept",
                    range_known ? cat("; ", u.slot_name, " takes ", u.min_pin, " to ", u.max_pin) : "", ".");
        show_pin(f, u, s);
        if (u.value != CKR_PIN_LEN_RANGE)
          f.cause = cat("likely: the length of the PIN, although ", short_code(u.value), " does not say so.");
        for (const auto* h : habits_of(s, u.slot, u.which, u.value))
          f.show({}, cat("known of this module: ", h->text, " (", h->source, ")"));
        f.advice =
            "Check the configuration for spaces, quotes, newlines or an empty field around the PIN. If the PIN is "
            "right, set a PIN of a length that both sides accept.";
      });
}

void pin_expired(const rule_input& s, const rule& r, findings& out) {
  bool told = false;
  for_each_token(
      s, r, out, [](const pin_use& u) { return u.value == CKR_PIN_EXPIRED; },
      [&](finding& f, const auto& uses) {
        told = true;
        f.about = topic::pin_state;
        f.say = cat("The ", whose(*uses.back()), " of ", uses.back()->slot_name, " has expired.");
        f.advice = "Change it with the vendor's tool or pkcs11-tool --change-pin, and configure the new PIN.";
        f.commands = {list_tokens(s)};
      });
  // Some tokens let the user log in and refuse everything else.
  for (const auto* i : s.d.failed_calls.with({CKR_PIN_EXPIRED})) {
    if (told) break;
    const auto& first = i->samples.front();
    told = true;
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    const auto* slot = s.d.slot(first.slot);
    const bool flagged = slot != nullptr && slot->token && slot->token->has(CKF_USER_PIN_TO_BE_CHANGED);
    f.say =
        cat("The PIN of ", first.slot_name, " has expired or must be changed: ", name_of(i->which), " was rejected.");
    show_incident(f, *i);
    if (flagged) f.show({slot->token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_TO_BE_CHANGED");
    f.cause = flagged ? "The PIN is still the initial PIN; the token can be used only after it is changed."
                      : "The policy of the token requires a new PIN.";
    f.advice = "Change it with the vendor's tool or pkcs11-tool --change-pin, and configure the new PIN.";
    f.commands = {list_tokens(s)};
    apply_habits(f, s, *i);
    soften(f, s, *i);
  }
  for (const auto& [id, slot] : s.d.slots) {
    if (told || !slot.token || !slot.token->has(CKF_USER_PIN_TO_BE_CHANGED)) continue;
    const auto& opened = s.d.sessions.opened_slots;
    if (std::find(opened.begin(), opened.end(), id) == opened.end()) continue;
    auto& f = add(out, s, r);
    f.level = s.d.logins.tried() > s.d.logins.succeeded() ? severity::error : severity::warning;
    f.about = topic::pin_state;
    f.say = cat("The user PIN of ", model::describe(slot), " must be changed before it can be used.");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_TO_BE_CHANGED");
    f.advice = "Change it (C_SetPIN): it is still the PIN that the security officer set.";
    f.commands = {list_tokens(s)};
  }
}

void pin_not_set(const rule_input& s, const rule& r, findings& out) {
  for_each_token(
      s, r, out,
      [](const pin_use& u) {
        const bool cleared = u.token_known && (u.token_flags & CKF_USER_PIN_INITIALIZED) == 0;
        return u.value == CKR_USER_PIN_NOT_INITIALIZED ||
               (is_login(u) && u.user == CKU_USER && cleared && is_wrong(u.value));
      },
      [&](finding& f, const auto& uses) {
        f.about = topic::pin_state;
        f.say = cat("The token ", uses.back()->slot_name, " has no user PIN yet, so no user can log in.");
        f.advice =
            "Set one as security officer: pkcs11-tool --login --login-type so --init-pin, with the slot of this token.";
        f.commands = {list_tokens(s)};
      });
}

void pin_pad(const rule_input& s, const rule& r, findings& out) {
  for_each_token(
      s, r, out,
      [](const pin_use& u) {
        if (!is_login(u) || u.ok() || u.value == CKR_PIN_LOCKED) return false;
        if (is_empty_for_pad(u)) return is_refusal(u.value);
        return u.pin_given ? has_pad(u) && u.value == CKR_ARGUMENTS_BAD
                           : !has_pad(u) && (u.value == CKR_ARGUMENTS_BAD || is_wrong(u.value));
      },
      [&](finding& f, const auto& uses) {
        const auto& u = *uses.back();
        f.about = topic::pin;
        if (is_empty_for_pad(u)) {
          f.level = severity::error;
          f.fault = fault::client;
          f.say = cat("C_Login was given an empty PIN; ", u.slot_name, " has a PIN pad and requires NULL.");
          f.show({u.call}, "pPin is a pointer, and ulPinLen is 0");
          f.show({}, "C_GetTokenInfo shows CKF_PROTECTED_AUTHENTICATION_PATH");
          f.cause = "With a PIN pad, pPin must be NULL: an empty string is a PIN of 0 bytes, which is wrong.";
          f.advice = "Make the client pass NULL for the PIN (Pkcs11Interop: null, not an empty string).";
          return;
        }
        f.say = u.pin_given ? cat("The token ", u.slot_name, " has a PIN pad, but the program passed a PIN.")
                            : cat("No PIN was passed, but ", u.slot_name, " has no PIN pad.");
        f.advice =
            u.pin_given ? "Leave the PIN out of the configuration, if the client allows that." : "Configure the PIN.";
      });
}

}  // namespace p11tape::diagnose::rule_functions
