// SPDX-License-Identifier: Apache-2.0
// P12 to P20c: PINs and logins.
#include <algorithm>
#include <map>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

bool is_wrong(u64 value) noexcept { return value == CKR_PIN_INCORRECT || value == CKR_PIN_INVALID; }

bool is_login(const pin_use& u) noexcept { return u.which == function::C_Login || u.which == function::C_LoginUser; }

struct anomaly_row {
  u32 bit;
  std::string_view what, why;
};

constexpr anomaly_row anomalies[] = {
    {tape::pin_blank_at_end, "it begins or ends with a blank", "take the blank away: fields are not trimmed"},
    {tape::pin_line_break, "it holds a line break",
     "the file that it came from has Windows line ends, or its last line break was taken along"},
    {tape::pin_nul, "it holds a NUL byte", "its length counts too far"},
    {tape::pin_quote, "it holds a quote", "quotes are not taken off: they count as part of the PIN"},
    {tape::pin_semicolon, "it holds a semicolon", "a semicolon separates fields in many configurations"},
    {tape::pin_non_ascii, "it holds other than ASCII characters", "the token may want another encoding"},
    {tape::pin_protected, "it begins like a protected password (<P11>!)",
     "an encrypted password was passed as it stands: the key file to decrypt it was not found "
     "(MQS_SSLCRYP_KEYFILE), or this version does not know protected passwords"},
};

void show_pin(finding& f, const pin_use& u, const rule_input& s) {
  if (!u.card.empty()) f.show({u.call}, cat("on the card: ", u.card));
  if (!u.pin_given) {
    f.show({u.call}, "no PIN was passed: it was left to a PIN pad");
    return;
  }
  if (!u.pin_known) return;
  const auto number = u.pin.number != 0 ? cat(", PIN #", u.pin.number, " of this process") : std::string();
  f.show({u.call}, cat("the PIN that was passed is ", counted(u.pin.length, "byte"), " long", number));
  if (u.pin.length == 0)
    f.show({u.call}, "it is empty: the field was left out, or the file that holds it was not read");
  for (const auto& a : anomalies)
    if (u.pin.anomalies & a.bit) f.show({u.call}, cat(a.what, ": ", a.why));
  if (u.token_known && u.max_pin != 0 && u.max_pin != unknown && (u.pin.length < u.min_pin || u.pin.length > u.max_pin))
    f.show({u.call}, cat("the token takes ", u.min_pin, " to ", u.max_pin, " bytes"));

  const auto& set = s.set.password;
  if (!s.set.given || !set.given || set.is_protected) return;
  if (u.pin.length == set.length)
    f.show({}, "the configured PIN is as long: nothing was added or lost on the way");
  else if (u.pin.length == set.length + 1)
    f.show({}, "the configured PIN is one byte shorter: a blank or line end was added on the way");
  else if (u.pin.length == set.length + 2)
    f.show({}, "the configured PIN is two bytes shorter: quotes were added on the way");
  else
    f.show({}, cat("the configured PIN is ", counted(set.length, "byte"), " long: ",
                   u.pin.length < set.length ? "something cut it (; and # do, where they are not escaped)"
                                             : "the client uses another one"));
}

void show_flags(finding& f, const rule_input& s, u64 slot_id, u64 before) {
  const auto* slot = s.d.slot(slot_id);
  const auto now = slot != nullptr && slot->token ? slot->token->flags : before;
  if ((before | now) & CKF_USER_PIN_LOCKED)
    f.show({}, "the token says that its user PIN is locked");
  else if ((before | now) & CKF_USER_PIN_FINAL_TRY)
    f.show({}, "the token says that one more wrong PIN locks it");
  else if ((before | now) & CKF_USER_PIN_COUNT_LOW)
    f.show({}, "the token says that a wrong PIN has been tried since the last right one");
}

std::string login_command(const rule_input& s, u64 slot) {
  return cat("pkcs11-tool --module ", s.d.module, slot == unknown ? "" : cat(" --slot ", slot),
             " --login --list-objects");
}

std::string whose(const pin_use& u) { return u.user == CKU_SO ? "security officer's PIN" : "user PIN"; }

// A login on the token that worked after the call.
bool worked_later(const rule_input& s, const pin_use& u) noexcept {
  return std::any_of(s.d.logins.all().begin(), s.d.logins.all().end(), [&](const pin_use& v) {
    return is_login(v) && v.ok() && v.slot == u.slot && v.call > u.call && v.user == u.user;
  });
}

// One finding for each token and user with logins that answered one of these codes; `say` begins the sentence.
template <class Wanted, class Fill>
void for_each_token(const rule_input& s, const rule& r, findings& out, Wanted wanted, Fill fill) {
  std::map<std::pair<u64, u64>, std::vector<const pin_use*>> by_token;
  for (const auto& u : s.d.logins.all())
    if (u.ended && wanted(u)) by_token[{u.slot, u.user}].push_back(&u);
  for (const auto& [key, uses] : by_token) {
    auto& f = add(out, s, r);
    if (worked_later(s, *uses.back())) f.level = severity::warning;
    std::vector<u64> calls;
    for (const auto* u : uses)
      if (calls.size() < 8) calls.push_back(u->call);
    f.show(std::move(calls),
           cat(name_of(uses.front()->which), " for ", user_name(uses.front()->user), " on ", uses.front()->slot_name,
               " answered ", code(uses.front()->value), uses.size() > 1 ? cat(", ", uses.size(), " times") : ""));
    fill(f, uses);
    f.commands.push_back(login_command(s, uses.front()->slot));
  }
}

}  // namespace

void pin_wrong(const rule_input& s, const rule& r, findings& out) {
  const auto outside = [](const pin_use& u) {
    return u.pin_known && u.token_known && u.max_pin != 0 && u.max_pin != unknown &&
           (u.pin.length < u.min_pin || u.pin.length > u.max_pin);
  };
  for_each_token(
      s, r, out, [&](const pin_use& u) { return is_login(u) && is_wrong(u.value) && u.pin_given && !outside(u); },
      [&](finding& f, const auto& uses) {
        const auto& last = *uses.back();
        f.about = topic::pin;
        f.say = cat("The PIN is wrong: the token ", last.slot_name, " was found and opened, and refused the ",
                    whose(last), ".");
        show_pin(f, last, s);
        show_flags(f, s, last.slot, last.token_flags);
        f.advice =
            "Stop everything that retries (channels, services) before the token locks; try the PIN once by hand, then "
            "correct it in the configuration. The label is right: the client got as far as the PIN.";
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
    std::vector<u64> calls;
    for (const auto* u : uses) {
      if (std::find(tokens.begin(), tokens.end(), u->slot_name) == tokens.end()) tokens.push_back(u->slot_name);
      if (calls.size() < 8) calls.push_back(u->call);
    }
    auto& f = add(out, s, r);
    f.about = topic::pin;
    f.say = tokens.size() > 1
                ? cat("One PIN was sent to ", tokens.size(), " tokens that refused it: ", listed(tokens), ".")
                : cat("The same wrong PIN was sent ", uses.size(), " times to ", tokens.front(),
                      ": the next one may lock it.");
    f.show(std::move(calls), cat("PIN #", number, " of this process was refused ", uses.size(), " times"));
    show_flags(f, s, uses.back()->slot, uses.back()->token_flags);
    f.advice =
        "Stop the retries at once (MQ: stop the channel, look at its retry interval; ssh: one PIN goes to every "
        "token). "
        "Correct the PIN, and test it once by hand.";
    f.commands = {login_command(s, uses.front()->slot)};
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
            "The security officer has to set it again (C_InitPIN), or the card's own tool has to unblock it with the "
            "PUK. "
            "Find out what sent wrong PINs first, or it locks again. A locked security officer's PIN ends the token.";
        f.commands = {cat("pkcs11-tool --module ", s.d.module, " --login --login-type so --init-pin")};
      });
  if (told) return;
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || !slot.token->has(CKF_USER_PIN_LOCKED)) continue;
    auto& f = add(out, s, r);
    f.about = topic::pin_locked;
    f.say = cat("The user PIN of ", model::describe(slot), " is locked",
                s.d.logins.tried() == 0 ? "; the client did not even try it." : ".");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_LOCKED");
    f.advice = "The security officer has to set it again (C_InitPIN), or the card's own tool has to unblock it.";
    f.commands = {cat("pkcs11-tool --module ", s.d.module, " --slot ", id, " --login --login-type so --init-pin")};
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
                tried ? "." : "; the client did not log in for that reason, it seems.");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_FINAL_TRY");
    f.advice =
        "Log in once by hand with the right PIN: that sets the counter back. Some clients (pkcs11-provider) refuse to "
        "log "
        "in until then.";
    f.commands = {login_command(s, id)};
  }
}

void pin_length(const rule_input& s, const rule& r, findings& out) {
  const auto outside = [](const tape::pin_facts& pin, const pin_use& u) {
    return u.token_known && u.max_pin != 0 && u.max_pin != unknown &&
           (pin.length < u.min_pin || pin.length > u.max_pin);
  };
  for_each_token(
      s, r, out,
      [&](const pin_use& u) {
        if (u.value == CKR_PIN_LEN_RANGE) return true;
        if (!is_wrong(u.value)) return false;
        return (u.pin_known && outside(u.pin, u)) || (u.new_pin_known && outside(u.new_pin, u));
      },
      [&](finding& f, const auto& uses) {
        const auto& u = *uses.back();
        const bool new_one = u.new_pin_known && (outside(u.new_pin, u) || !outside(u.pin, u));
        const auto length = new_one ? u.new_pin.length : u.pin.length;
        f.about = topic::pin;
        f.say = cat("The ", new_one ? "new PIN" : "PIN", " has a length that ", u.slot_name, " does not take",
                    u.pin_known ? cat(": ", counted(length, "byte")) : "",
                    u.token_known && u.max_pin != 0 ? cat("; it takes ", u.min_pin, " to ", u.max_pin) : "", ".");
        show_pin(f, u, s);
        f.advice =
            "Look at what stands around the PIN in the configuration: blanks, quotes, line ends, an empty field.";
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
        f.advice = "Change it (C_SetPIN), and put the new one into the configuration.";
        f.commands = {cat("pkcs11-tool --module ", s.d.module, " --login --change-pin")};
      });
  for (const auto& [id, slot] : s.d.slots) {
    if (told || !slot.token || !slot.token->has(CKF_USER_PIN_TO_BE_CHANGED)) continue;
    const auto& opened = s.d.life.opened_slots;
    if (std::find(opened.begin(), opened.end(), id) == opened.end()) continue;
    auto& f = add(out, s, r);
    f.level = s.d.logins.tried() > s.d.logins.succeeded() ? severity::error : severity::warning;
    f.about = topic::pin_state;
    f.say = cat("The user PIN of ", model::describe(slot), " must be changed before it is good for anything else.");
    f.show({slot.token->seen_in}, "C_GetTokenInfo shows CKF_USER_PIN_TO_BE_CHANGED");
    f.advice = "Change it (C_SetPIN): it is still the one that the security officer set.";
    f.commands = {cat("pkcs11-tool --module ", s.d.module, " --slot ", id, " --login --change-pin")};
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
        f.say = cat("The token ", uses.back()->slot_name, " has no user PIN yet: nobody can log in to it.");
        f.advice = "The security officer has to set one (C_InitPIN).";
        f.commands = {cat("pkcs11-tool --module ", s.d.module, " --login --login-type so --init-pin")};
      });
}

void already_logged_in(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_USER_ALREADY_LOGGED_IN})) {
    // A client that goes on takes it for the success that it is.
    const bool went_on = s.d.life.last_used_key > i->last || s.d.tally.of(function::C_FindObjects).last_ok > i->last;
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    if (!went_on) f.level = severity::warning;
    f.say = went_on ? "C_Login answered that the user is logged in already, which is as good as a success."
                    : "C_Login answered that the user is logged in already, and the client gave up: it takes that for "
                      "an error.";
    show_incident(f, *i);
    f.advice = went_on
                   ? ""
                   : "Two users of the module in one process (MQ channels and AMS, two engines) share one login. Use "
                     "the module once, or a client that treats CKR_USER_ALREADY_LOGGED_IN as a success.";
  }
}

void other_user(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i :
       s.d.failed_calls.with({CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_TYPE_INVALID, CKR_SESSION_READ_ONLY_EXISTS,
                              CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_USER_TOO_MANY_TYPES})) {
    const auto& first = i->samples.front();
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    switch (i->value) {
      case CKR_USER_TYPE_INVALID:
        f.say = cat(first.slot_name, " does not know the kind of user that was to be logged in.");
        break;
      case CKR_SESSION_READ_ONLY_EXISTS:
        f.say = "The security officer cannot log in while a read-only session is open.";
        break;
      case CKR_SESSION_READ_WRITE_SO_EXISTS:
        f.say = "A read-only session cannot be opened while the security officer is logged in.";
        break;
      default:
        f.say = "Another kind of user is logged in: user and security officer cannot be at the same time.";
    }
    show_incident(f, *i);
    f.advice = "Log out, or close the sessions of the other part of the program, before this login.";
    soften(f, s, *i);
  }
}

void pin_pad(const rule_input& s, const rule& r, findings& out) {
  for_each_token(
      s, r, out,
      [](const pin_use& u) {
        if (!is_login(u) || u.ok()) return false;
        const bool pad = u.token_known && (u.token_flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
        return u.pin_given ? pad && u.value == CKR_ARGUMENTS_BAD
                           : !pad && (u.value == CKR_ARGUMENTS_BAD || is_wrong(u.value));
      },
      [&](finding& f, const auto& uses) {
        f.about = topic::pin;
        f.say = uses.back()->pin_given
                    ? cat("The token ", uses.back()->slot_name, " has a PIN pad and was given a PIN by the program.")
                    : cat("No PIN was passed, and ", uses.back()->slot_name, " has no PIN pad to ask for one.");
        f.advice = uses.back()->pin_given ? "Leave the PIN out of the configuration, where the client allows that."
                                          : "Put the PIN into the configuration.";
      });
}

void login_for_operation(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_USER_NOT_LOGGED_IN})) {
    const auto& first = i->samples.front();
    const bool wants = first.key && first.key->is(model::bit_always_authenticate);
    const bool in_operation = first.operation.active && first.logged_in;
    if (!wants && !(in_operation && s.d.logins.context_specific() == 0)) continue;
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    f.say = cat("The key ", first.key ? first.key_name : std::string("that is used"),
                " wants a login of its own for each operation, and the client does not do that.");
    show_incident(f, *i);
    if (wants) f.show({}, "the key has CKA_ALWAYS_AUTHENTICATE");
    f.show({}, "no C_Login with CKU_CONTEXT_SPECIFIC came between the operation's begin and its end");
    f.advice =
        "Use a key without CKA_ALWAYS_AUTHENTICATE (on PIV cards: slot 9A instead of 9C), or a client that knows it.";
  }
}

}  // namespace p11tape::diagnose::rule_functions
