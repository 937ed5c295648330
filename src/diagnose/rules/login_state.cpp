// SPDX-License-Identifier: Apache-2.0
// P19, P20 and P20c: who is logged in, and who must be.
#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

std::string user_type(u64 user) {
  const auto name = cryptoki::display_name("user_type", user);
  return name.empty() ? cat("user type ", hex(user)) : name;
}

// True if a login that succeeded before the call must still hold, whatever token it was for: nothing on the tape ends one.
bool login_must_hold(const rule_input& s, call_number call) {
  if (s.d.logins.first_success() == none || s.d.logins.first_success() > call) return false;
  for (const auto f :
       {function::C_Logout, function::C_CloseSession, function::C_CloseAllSessions, function::C_Finalize})
    if (const auto first_end = s.d.tally.of(f).first_ok; first_end != none && first_end < call) return false;
  return true;
}

// The call that started the operation which the failed call was to continue for a user who was logged in. A log that
// does not show sessions shows at least what the thread called before.
call_number operation_begun_before(const rule_input& s, const failed_call& i) {
  const auto& first = i.samples.front();
  if (first.user == CKU_SO) return none;
  if (first.operation.active) return first.logged_in ? first.operation.begun_in : none;
  if (first.session_open || !login_must_hold(s, first.call)) return none;
  const auto& row = cryptoki::row(i.which);
  for (auto b = first.before.rbegin(); b != first.before.rend(); ++b) {
    if (!b->ended || b->value != CKR_OK) continue;
    const auto& other = cryptoki::row(b->which);
    if (other.family == row.family && other.does == cryptoki::effect::begin) return b->call;
  }
  return none;
}

// The latest login for an operation between its start and the call; nullptr for none.
const pin_use* login_for_the_operation(const rule_input& s, call_number begun, call_number call) {
  const pin_use* last = nullptr;
  for (const auto& u : s.d.logins.all())
    if (u.user == CKU_CONTEXT_SPECIFIC && u.call > begun && u.call < call) last = &u;
  return last;
}

}  // namespace

void already_logged_in(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_USER_ALREADY_LOGGED_IN})) {
    // A client that goes on takes it for the success that it is.
    const auto after = aftermath_of(s, *i);
    const bool went_on = after != aftermath::gave_up || s.d.is_inspection_tool();
    if (!went_on && i->count == 1 && s.d.key_uses.last != none) continue;
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    // Nothing after it: the client may have been done, or have taken it for an error.
    if (!went_on) f.level = severity::warning;
    f.say = went_on ? "C_Login returned CKR_USER_ALREADY_LOGGED_IN, which is as good as a success."
                    : "C_Login returned CKR_USER_ALREADY_LOGGED_IN, and the client stopped there.";
    show_incident(f, *i);
    f.advice = went_on ? ""
                       : "Two parts of one process (MQ channels and AMS, two engines) share one login. Use the module "
                         "only once per process, or a client that treats CKR_USER_ALREADY_LOGGED_IN as a success.";
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
        f.say = cat(name_of(i->which), " as ", user_type(first.user_asked), " failed: ", first.slot_name,
                    " does not support this user type.");
        if (first.user_asked == CKU_CONTEXT_SPECIFIC) {
          f.cause =
              "CKU_CONTEXT_SPECIFIC is not a user: it authorises one operation, after its start, with a key that has "
              "CKA_ALWAYS_AUTHENTICATE.";
          f.advice = "Log in as CKU_USER, or with a vendor-defined user type.";
        } else {
          f.cause = "The module does not support this user type.";
          f.advice = "Log in as CKU_USER, or with the user type that the vendor's documentation names.";
        }
        break;
      case CKR_SESSION_READ_ONLY_EXISTS:
        f.say = "The security officer cannot log in while a read-only session is open.";
        break;
      case CKR_SESSION_READ_WRITE_SO_EXISTS:
        f.say = "A read-only session cannot be opened while the security officer is logged in.";
        break;
      default:
        f.say = "Another user type is logged in: user and security officer cannot be logged in at the same time.";
    }
    show_incident(f, *i);
    if (f.advice.empty())
      f.advice = "Log out, or close the sessions of the other part of the program, before this login.";
    for (const auto* h : habits_of(s, first.slot, i->which, i->value))
      f.cause += cat(" Known of this module: ", h->text, ".");
    apply_habits(f, s, *i);
    soften(f, s, *i);
  }
  for (const auto* i : s.d.failed_calls.with({CKR_USER_NOT_LOGGED_IN})) {
    const auto& first = i->samples.front();
    if (first.user != CKU_SO) continue;
    auto& f = add(out, s, r);
    f.about = topic::pin_state;
    f.say = cat("The security officer is logged in, and ", name_of(i->which), " needs the user.");
    show_incident(f, *i);
    f.cause = "Private objects belong to the user: the security officer can set PINs, and cannot use or create them.";
    f.advice = "Log in as CKU_USER.";
    apply_habits(f, s, *i);
    soften(f, s, *i);
  }
}

void login_for_operation(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_USER_NOT_LOGGED_IN})) {
    const auto& first = i->samples.front();
    const bool wants = first.key && first.key->is(model::bit_always_authenticate);
    const auto begun = operation_begun_before(s, *i);
    if (!wants && begun == none) continue;
    const auto* consent = login_for_the_operation(s, begun, first.call);
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    if (consent == nullptr) {
      if (wants) {
        f.say = cat("The key ", first.key_name, " needs a login for each operation, which the client does not do.");
      } else {
        f.say = cat(name_of(i->which), " needs another login, although the user is logged in.");
        f.cause =
            "likely: the key needs a login for each operation (CKA_ALWAYS_AUTHENTICATE), which the client does not do.";
      }
      show_incident(f, *i);
      if (wants) f.show({}, "the key has CKA_ALWAYS_AUTHENTICATE");
      f.show({}, "there was no C_Login with CKU_CONTEXT_SPECIFIC between the start and the end of the operation");
      f.advice =
          "Use a key without CKA_ALWAYS_AUTHENTICATE (on PIV cards: slot 9A instead of 9C), or a client that supports "
          "it.";
      continue;
    }
    f.fault = fault::undecidable;
    if (!consent->ok()) {
      f.say = cat("The login for the operation failed, so ", name_of(i->which), " was not allowed.");
      f.show({consent->call}, cat("C_Login with CKU_CONTEXT_SPECIFIC returned ", code(consent->value)));
      show_incident(f, *i);
      f.advice = "Find out why that login failed: its PIN may be another one, or the card is in another state.";
      continue;
    }
    f.say = cat("The login for the operation was lost before ", name_of(i->which), ".");
    f.show({consent->call}, "C_Login with CKU_CONTEXT_SPECIFIC had succeeded");
    for (const auto& b : first.before)
      if (b.call > consent->call) f.show({b.call}, cat(name_of(b.which), " was called in between"));
    show_incident(f, *i);
    f.cause =
        "likely: a command reached the card between the PIN and the use of the key, from another call, another program "
        "or the module itself. Such keys allow nothing in between.";
    f.advice =
        "Call the function that uses the key right after C_Login with CKU_CONTEXT_SPECIFIC. If nothing is called in "
        "between, the commands in the module's own log show what it sends.";
  }
}

}  // namespace p11tape::diagnose::rule_functions
