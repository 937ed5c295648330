// SPDX-License-Identifier: Apache-2.0
// P67 to P77: what modules do otherwise than the standard says. Most of it is no fault by itself; some explains one.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/tables/permitted_return_values.hpp"
#include "label/similar_characters.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

void describe_oddity(finding& f, const rule_input& s, const oddity& o) {
  const auto name = name_of(o.which);
  switch (o.what) {
    case oddity_kind::null_interface:
      f.say = cat(name, " returned CKR_OK and no interface (NULL).");
      f.show({o.call}, "*ppInterface is NULL after CKR_OK");
      f.cause = "The module reports success without returning the interface; a client that uses the pointer crashes.";
      f.advice = "Use a newer version of the module, or a client that calls C_GetFunctionList.";
      // Nothing came after it: the client died, or gave up.
      f.level = s.d.tally.total().last == o.last_call ? severity::error : severity::warning;
      f.about = topic::load;
      break;
    case oddity_kind::small_for_query:
      f.say = cat(name, " returned CKR_BUFFER_TOO_SMALL for a size query.");
      f.show({o.call}, "no buffer was passed, so the call is a size query and must return CKR_OK (section 5.2)");
      f.cause = "The module does not follow the convention for size queries.";
      f.advice = "Use a newer version of the module.";
      f.about = topic::key_use;
      break;
    case oddity_kind::small_for_own_size:
      f.say = cat(name, " returned CKR_BUFFER_TOO_SMALL for the size that it had requested.");
      f.show({o.call}, cat("it had requested ", counted(o.wanted, "byte"), " and got ", o.given));
      f.cause = "The size that the module reports is too small, often because it does not include the padding.";
      f.advice = "Use a newer version of the module, or a client that passes a larger buffer.";
      f.about = topic::key_use;
      break;
    case oddity_kind::unavailable_length:
      f.say = cat(name, " returned CKR_OK and the length CK_UNAVAILABLE_INFORMATION.");
      f.show({o.call}, "the length of the output is 0xFFFFFFFFFFFFFFFF");
      f.cause = "The module reports success without a result.";
      f.advice = "Use a newer version of the module.";
      f.about = topic::key_use;
      break;
    case oddity_kind::signature_length: {
      const bool ecdsa = cryptoki::name_of("mechanism", o.mechanism).starts_with("CKM_ECDSA");
      f.say =
          cat(name, " returned a signature of ", o.given, " bytes; ", mechanism(o.mechanism), " gives ", o.wanted, ".");
      f.show({o.call}, cat("with ", o.key));
      f.cause = ecdsa && o.given > o.wanted
                    ? "likely: the module returned r and s as a DER sequence; the standard requires them concatenated."
                : ecdsa
                    ? "likely: the module omitted leading zeros; r and s must each have the length of the curve order."
                    : "An RSA signature has the length of the modulus.";
      f.advice = "Use a newer version of the module. Some clients can be configured for the other form.";
      f.about = topic::key_use;
      break;
    }
    case oddity_kind::unlisted_answer:
      f.level = severity::info;
      f.fault = fault::undecidable;  // of the failure
      f.say = cat(name, " returned ", short_code(o.value), ", which the standard does not list for it.");
      f.show({o.call}, cat("section ", section_of(o.which)));
      f.cause = "The code may not mean what its name says: modules use such codes for their own reasons.";
      break;
  }
  if (o.count > 1) f.show({o.last_call}, cat(o.count, " times, this call is the last one"));
}

}  // namespace

void module_nonconforming(const rule_input& s, const rule& r, findings& out) {
  for (const auto& o : s.d.oddities.all()) {
    // A refusal that the client got over needs no judge.
    if (o.what == oddity_kind::unlisted_answer && s.d.succeeded_after(o.which, o.last_call)) continue;
    describe_oddity(add(out, s, r), s, o);
  }
}

// ---- What is seen of a token, a login, handles: P67 to P76 ----

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
