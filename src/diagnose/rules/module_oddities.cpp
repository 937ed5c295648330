// SPDX-License-Identifier: Apache-2.0
// P67 to P76: oddities of modules. None of them is a fault by itself; some explain one.
#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/rules.hpp"
#include "label/text.hpp"

namespace p11tape::diagnose::rule_functions {

void label_padding(const rule_input& s, const rule& r, findings& out) {
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || slot.token->label.find('\0') == std::string::npos) continue;
    auto& f = add(out, s, r);
    f.say = cat("The label of ", model::describe(slot), " is padded with NUL bytes, but the standard requires spaces.");
    f.show({slot.token->seen_in}, cat("label: ", label::printable(slot.token->label)));
    f.advice = "Clients that compare all 32 bytes do not find this token.";
  }
}

void token_present_flag(const rule_input& s, const rule& r, findings& out) {
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || slot.info_in == none || (slot.flags & CKF_TOKEN_PRESENT) != 0) continue;
    if (slot.token->seen_in < slot.info_in) continue;  // it may have been taken out since
    auto& f = add(out, s, r);
    f.say = cat("Slot ", id, " reports that it has no token, but describes one.");
    f.show({slot.info_in, slot.token->seen_in},
           "C_GetSlotInfo returned no CKF_TOKEN_PRESENT, then C_GetTokenInfo returned CKR_OK");
    f.advice = "Clients that check the flag skip this slot.";
  }
}

void login_outlives_session(const rule_input& s, const rule& r, findings& out) {
  if (s.d.sessions.login_kept_in == none) return;
  auto& f = add(out, s, r);
  f.say = "A user was still logged in after the last session was closed, which should have ended the login.";
  f.show({s.d.sessions.login_kept_in}, "C_GetSessionInfo shows a logged-in user");
}

void label_not_utf8(const rule_input& s, const rule& r, findings& out) {
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || label::is_utf8(label::unpadded(slot.token->label))) continue;
    auto& f = add(out, s, r);
    f.say = cat("The label of the token in slot ", id, " is not UTF-8.");
    f.show({slot.token->seen_in}, cat("label: ", quoted(label::unpadded(slot.token->label))));
    f.advice = "Configure exactly these bytes, or give the token a label of ASCII letters.";
  }
}

void finalize_argument(const rule_input& s, const rule& r, findings& out) {
  for (const auto& t : s.d.initialization.turns) {
    if (!t.finalizes || !t.reserved) continue;
    auto& f = add(out, s, r);
    f.say = "C_Finalize was called with an argument, which must be NULL.";
    f.show({t.call}, "pReserved is not NULL");
    return;
  }
}

void mechanisms_change(const rule_input& s, const rule& r, findings& out) {
  if (s.d.slot_queries.mechanisms_changed_in == none) return;
  auto& f = add(out, s, r);
  f.about = topic::mechanism;
  f.say = "A token supports other mechanisms than before.";
  f.show({s.d.slot_queries.mechanisms_changed_in}, "C_GetMechanismList returned another list than before");
  f.advice = "Another token was inserted, its mode changed, or the members of an HSM group differ.";
}

void handles_reused(const rule_input& s, const rule& r, findings& out) {
  if (s.d.sessions.reused == 0) return;
  for (const auto* i :
       s.d.failed_calls.with({CKR_SESSION_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_ACTIVE})) {
    auto& f = add(out, s, r);
    f.about = topic::session;
    f.say = cat("The module immediately reuses the handles of closed sessions (", counted(s.d.sessions.reused, "time"),
                "), and the program uses invalid handles: it may be using sessions of other parts of the program.");
    show_incident(f, *i);
    return;
  }
}

}  // namespace p11tape::diagnose::rule_functions
