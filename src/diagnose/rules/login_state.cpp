// SPDX-License-Identifier: Apache-2.0
// P19, P20 and P20c: who is logged in, and who must be.
#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/after_failure.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

std::string user_type(u64 user) {
  const auto name = cryptoki::display_name("user_type", user);
  return name.empty() ? cat("user type ", hex(user)) : name;
}

}  // namespace

void already_logged_in(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_USER_ALREADY_LOGGED_IN})) {
    // A client that goes on takes it for the success that it is.
    const auto after = aftermath_of(s, *i);
    const bool went_on = after != aftermath::gave_up || s.d.is_inspection_tool();
    if (!went_on && i->count == 1 && s.d.life.last_used_key != 0) continue;
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
                " needs a login for each operation, which the client does not do.");
    show_incident(f, *i);
    if (wants) f.show({}, "the key has CKA_ALWAYS_AUTHENTICATE");
    f.show({}, "there was no C_Login with CKU_CONTEXT_SPECIFIC between the start and the end of the operation");
    f.advice =
        "Use a key without CKA_ALWAYS_AUTHENTICATE (on PIV cards: slot 9A instead of 9C), or a client that supports "
        "it.";
  }
}

}  // namespace p11tape::diagnose::rule_functions
