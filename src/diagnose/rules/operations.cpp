// SPDX-License-Identifier: Apache-2.0
// P43, P50 to P56: operations in their order, mechanisms, keys and data.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/call_preconditions.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::effect;
using cryptoki::function;

std::string key_of(const sample& s) { return s.key ? s.key_name : std::string("the key"); }

struct use_row {
  function which;
  model::object_bits bit;
  std::string_view attribute;
};

constexpr use_row uses[] = {
    {function::C_SignInit, model::bit_sign, "CKA_SIGN"},
    {function::C_Sign, model::bit_sign, "CKA_SIGN"},
    {function::C_DecryptInit, model::bit_decrypt, "CKA_DECRYPT"},
    {function::C_Decrypt, model::bit_decrypt, "CKA_DECRYPT"},
    {function::C_EncryptInit, model::bit_encrypt, "CKA_ENCRYPT"},
    {function::C_VerifyInit, model::bit_verify, "CKA_VERIFY"},
    {function::C_UnwrapKey, model::bit_unwrap, "CKA_UNWRAP"},
    {function::C_WrapKey, model::bit_wrap, "CKA_WRAP"},
    {function::C_DeriveKey, model::bit_derive, "CKA_DERIVE"},
};

// One finding for each incident with these codes outside C_Initialize.
template <class Fill>
void for_each_incident(const rule_input& s, const rule& r, findings& out, std::initializer_list<u64> values,
                       topic about, Fill fill) {
  for (const auto* i : s.d.failed_calls.with(values)) {
    if (i->which == function::C_Initialize) continue;
    auto& f = add(out, s, r);
    f.about = about;
    show_incident(f, *i);
    fill(f, *i, i->samples.front());
    soften(f, s, *i);
  }
}

// What the names of mechanisms have in them that work with keys of a type; "" for types of which that is not known.
std::string_view stem_of(u64 key_type) noexcept {
  switch (key_type) {
    case CKK_RSA:
      return "RSA_";
    case CKK_EC:
      return "ECD";
    case CKK_EC_EDWARDS:
      return "EDDSA";
    case CKK_AES:
      return "AES_";
    case CKK_DES3:
      return "DES3_";
    case CKK_ML_DSA:
      return "ML_DSA";
    default:
      return "";
  }
}

// Mechanisms that the token has for the key, or, where its type is not known, those whose names begin alike. Those that
// make keys are of no use here.
std::vector<std::string> relatives(const sample& s) {
  const auto name = mechanism(s.mechanism);
  const auto stem = name.substr(0, name.find('_', 4));  // "CKM_RSA"
  const auto of_key = s.key ? stem_of(s.key->key_type) : std::string_view();
  std::vector<std::string> found;
  for (const auto m : s.mechanisms) {
    const auto other = mechanism(m);
    const auto at = of_key.empty() ? std::string::npos : other.find(of_key);
    // "RSA_", and not the end of a longer word.
    const bool fits = of_key.empty() ? other.starts_with(stem) ||
                                           (stem.starts_with("CKM_SHA") && other.find("RSA") != std::string::npos)
                                     : at != std::string::npos && at > 0 && other[at - 1] == '_';
    if (fits && other.find("_KEY_") == std::string::npos) found.push_back(other);
  }
  return found;
}

}  // namespace

void search_not_ended(const rule_input& s, const rule& r, findings& out) {
  const auto* i = s.d.failed_calls.find(function::C_FindObjectsInit, CKR_OPERATION_ACTIVE);
  if (i == nullptr) return;
  auto& f = add(out, s, r);
  f.about = topic::object;
  f.say = "A search was started in a session before C_FindObjectsFinal ended the previous one.";
  show_incident(f, *i);
  if (i->samples.front().operation.active)
    f.show({i->samples.front().operation.begun_in}, "C_FindObjectsInit of the search that was still active");
  f.advice =
      "This is an error in the program: every C_FindObjectsInit needs a C_FindObjectsFinal, even after an error. Look "
      "for a newer version of the client or of its PKCS#11 library.";
  soften(f, s, *i);
}

void operation_order(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED})) {
    if (i->which == function::C_FindObjectsInit && i->value == CKR_OPERATION_ACTIVE) continue;
    const auto& first = i->samples.front();
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    if (i->value == CKR_OPERATION_ACTIVE) {
      f.say = cat(name_of(i->which), " was called while an earlier operation was active in the session.");
      if (first.operation.active) f.show({first.operation.begun_in}, "the earlier operation started here");
    } else {
      f.say = cat(name_of(i->which), " was called without an active operation, or after a failed call had ended it.");
    }
    show_incident(f, *i);
    f.advice =
        "This is an error in the program: an operation is started once, and ends with its last call or with any "
        "failed call (except CKR_BUFFER_TOO_SMALL).";
  }
}

void read_inside_search(const rule_input& s, const rule& r, findings& out) {
  const auto& reads = s.d.objects.reads();
  if (reads.in_searches == 0) return;
  for (const auto& i : s.d.failed_calls.all()) {
    if (cryptoki::row(i.which).does != effect::find_step || i.first < reads.first_in_search) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say =
        "Attributes were read during a search, and the search then failed: some modules cannot do both at the same "
        "time.";
    f.show({reads.first_in_search}, counted(reads.in_searches, "C_GetAttributeValue during a search",
                                            "calls of C_GetAttributeValue during searches"));
    show_incident(f, i);
    f.advice =
        "The standard allows it: report it to the vendor of the module. A client that fetches all handles first "
        "avoids it.";
    return;
  }
}

void mechanism_unsupported(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_MECHANISM_INVALID})) {
    if (i->which == function::C_GetMechanismInfo) continue;  // that is an answer
    const auto& first = i->samples.front();
    if (first.mechanism == unknown && stage_of(i->which) < 5) continue;  // the code does not fit the function
    auto& f = add(out, s, r);
    f.about = topic::mechanism;
    show_incident(f, *i);
    const auto near = relatives(first);
    const auto name = mechanism(first.mechanism);
    const auto use = use_of(i->which);
    const auto* limits = first.limits ? &*first.limits : nullptr;
    const auto flag = mechanism_flag_of(i->which);
    if (!is_for(first.mechanism, i->which)) {
      f.fault = fault::client;
      f.say = cat(name, " is not a mechanism for ", use, "; ", name_of(i->which), " rejected it.");
      f.cause = cat("The client requests ", use, " with a mechanism for another purpose.");
      f.advice = cat("Make the client use a mechanism for ", use, ".");
    } else if (limits != nullptr && flag != 0 && limits->flags != 0 && (limits->flags & flag) == 0) {
      f.say = cat(first.slot_name, " offers ", name, ", but not for ", use, ".");
      f.show({}, cat("C_GetMechanismInfo had no ", cryptoki::display_name("mechanism_flags", flag)));
      f.advice = "Make the client use another mechanism, or update the firmware of the token.";
    } else if (first.mechanisms_known && first.offered) {
      f.say = cat(name_of(i->which), " refused ", name, ", which ", first.slot_name, " lists.");
      f.cause = "likely: the token supports the mechanism, but not with this key, or not for this use.";
      f.fault = fault::undecidable;
      f.advice = "Try the mechanism with another key, and check the attributes of the key (CKA_ALLOWED_MECHANISMS).";
    } else if (first.mechanisms_known) {
      f.say = cat("The token ", first.slot_name, " does not support ", name, ".");
      f.show({}, "C_GetMechanismList had not listed it");
      f.advice = "Configure the client to use a supported mechanism, or update the firmware.";
    } else {
      f.say = cat(name_of(i->which), " refused ", name, " on ", first.slot_name, ".");
      f.cause = "likely: the token does not support the mechanism. Its list of mechanisms is not on the tape.";
      f.advice = "Check the list of mechanisms of the token.";
    }
    if (!near.empty())
      f.show({}, cat(first.key && first.key->key_type != unknown ? "mechanisms for this key that the token lists: "
                                                                 : "similar mechanisms that the token lists: ",
                     listed(near, 12)));
    if (first.key) f.show({}, cat("with ", first.key_name));
    if (first.mechanism == CKM_RSA_PKCS_PSS || first.mechanism == CKM_RSA_X_509 ||
        name.find("PSS") != std::string::npos)
      f.advice +=
          " TLS 1.3 needs RSA-PSS, for which OpenSSL 3.0.12 and later use CKM_RSA_X_509: limit the client to TLS 1.2, "
          "or use an EC key.";
    f.commands = {list_mechanisms(s)};
    apply_habits(f, s, *i);
    soften(f, s, *i);
    if (s.d.is_inspection_tool() && f.level == severity::warning) f.level = severity::info;
  }
}

void mechanism_parameter(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR,
                                              CKR_FUNCTION_FAILED, CKR_DATA_INVALID})) {
    const auto& first = i->samples.front();
    if (i->which == function::C_Initialize || first.mechanism == unknown) continue;
    const auto trouble = check_parameter(i->which, first);
    // Codes that say nothing need a parameter that is known to be refused.
    if (i->value != CKR_MECHANISM_PARAM_INVALID && (!trouble || use_of(i->which).empty())) continue;
    auto& f = add(out, s, r);
    f.about = topic::mechanism;
    f.say = trouble
                ? cat(trouble->say, ".")
                : cat("The token ", first.slot_name, " rejected the parameter of ", mechanism(first.mechanism), ".");
    show_incident(f, *i);
    if (trouble) f.show({first.call}, trouble->seen);
    f.show({first.call},
           cat(mechanism(first.mechanism), ", ",
               first.parameter_known ? describe_parameter(first) : std::string("parameter not on the tape")));
    if (first.key) f.show({}, cat("with ", first.key_name));
    if (trouble) {
      f.cause = trouble->is_certain ? trouble->cause : cat("likely: ", trouble->cause);
      f.advice = trouble->advice;
      f.fault = trouble->is_certain ? fault::client : fault::module;
    } else {
      f.fault = fault::undecidable;
      f.cause = first.parameter_known
                    ? "The parameter has the form that the standard defines; the token may not support one of its "
                      "values."
                    : "The parameter is not on the tape; the token may not support its form or one of its values.";
      f.advice = "Compare the parameter with the description of the mechanism in the documentation of the token.";
    }
    apply_habits(f, s, *i);
    soften(f, s, *i);
  }
}

void key_use_forbidden(const rule_input& s, const rule& r, findings& out) {
  for_each_incident(
      s, r, out, {CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_ACTION_PROHIBITED}, topic::key_use,
      [](finding& f, const failed_call& i, const sample& first) {
        f.say = cat("The key's attributes do not allow ", name_of(i.which), ": ", key_of(first), ".");
        for (const auto& u : uses) {
          if (u.which != i.which || !first.key) continue;
          if (first.key->is_not(u.bit)) f.show({}, cat("the key has ", u.attribute, " = false"));
          if (!first.key->is(u.bit) || !first.key->allowed_mechanisms.empty()) continue;
          f.say = cat(name_of(i.which), " is not permitted with ", key_of(first), ", although the key has ",
                      u.attribute, " = true.");
          f.fault = fault::undecidable;
          f.cause = "The attributes of the key are not the reason: the module or the token has another one.";
          f.advice =
              "Check whether the module supports this type of key and this mechanism, and the token's own policy for the "
              "key. Try another key.";
          return;
        }
        if (first.key && !first.key->allowed_mechanisms.empty()) {
          std::vector<std::string> names;
          names.reserve(first.key->allowed_mechanisms.size());
          for (const auto m : first.key->allowed_mechanisms) names.push_back(mechanism(m));
          f.show({}, cat("CKA_ALLOWED_MECHANISMS: ", listed(names)));
        }
        f.advice =
            "The attributes were set when the key was created; some modules allow changes. TLS with RSA key exchange "
            "needs CKA_DECRYPT, all other TLS needs CKA_SIGN: use ECDHE cipher suites with a key that can only sign.";
      });
}

void key_unfit(const rule_input& s, const rule& r, findings& out) {
  for_each_incident(
      s, r, out, {CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT}, topic::key_use,
      [](finding& f, const failed_call& i, const sample& first) {
        f.say = i.value == CKR_KEY_SIZE_RANGE
                    ? cat("The key size is not valid for ", mechanism(first.mechanism), ": ", key_of(first), ".")
                    : cat("The key type is not valid for ", mechanism(first.mechanism), ": ", key_of(first), ".");
        if (first.limits && first.limits->max_key != 0)
          f.show({},
                 cat("the token supports keys of ", first.limits->min_key, " to ", first.limits->max_key, " for it"));
        f.advice = i.value == CKR_KEY_SIZE_RANGE
                       ? "Use a key size that the token supports (pkcs11-tool --list-mechanisms shows them)."
                       : "The client found the wrong key: check the label and ID that it searched for.";
      });
}

void data_length(const rule_input& s, const rule& r, findings& out) {
  // Some modules do not say that it is the length: then it counts only where the key's size proves it.
  const auto proven = [](const sample& x) {
    return x.mechanism == CKM_RSA_PKCS && x.key && x.key->bits >= 128 && x.input_length != unknown &&
           x.input_length > x.key->bits / 8 - 11;
  };
  for (const auto* i : s.d.failed_calls.with(
           {CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED})) {
    const auto& first = i->samples.front();
    const bool says_so = i->value == CKR_DATA_LEN_RANGE || i->value == CKR_ENCRYPTED_DATA_LEN_RANGE;
    if (!says_so && !(cryptoki::row(i->which).does == effect::single && proven(first))) continue;
    if (stage_of(i->which) < 5) continue;  // the length of a PIN, or a code that does not fit the function
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    const auto bytes = first.input_length == unknown ? std::string() : cat(": ", counted(first.input_length, "byte"));
    f.say = cat(name_of(i->which), " was called with a data length that is not valid for ", mechanism(first.mechanism),
                "", bytes, ".");
    show_incident(f, *i);
    if (first.key) f.show({}, cat("with ", first.key_name));
    if (first.mechanism == CKM_RSA_PKCS && first.key && first.key->bits >= 128)
      f.show({}, cat("CKM_RSA_PKCS accepts at most ", first.key->bits / 8 - 11,
                     " bytes with this key: a DigestInfo with the hash, not the data"));
    if (first.mechanism == CKM_ECDSA)
      f.show({}, "CKM_ECDSA signs a hash; some modules require the length of the curve");
    f.advice = "Hash the data first, or use a mechanism that hashes it (CKM_SHA256_RSA_PKCS, CKM_ECDSA_SHA256).";
    soften(f, s, *i);
  }
}

void function_unsupported(const rule_input& s, const rule& r, findings& out) {
  std::vector<std::string> names;
  std::vector<call_number> calls;
  bool needed = false;
  for (const auto* i : s.d.failed_calls.with({CKR_FUNCTION_NOT_SUPPORTED})) {
    names.push_back(name_of(i->which));
    calls.push_back(i->first);
    switch (cryptoki::row(i->which).does) {
      case effect::login:
      case effect::open_session:
      case effect::find_begin:
      case effect::find_step:
      case effect::begin:
      case effect::single:
        needed |= cryptoki::row(i->which).since == cryptoki::version::v2_40 &&
                  !s.d.succeeded_after(i->which, i->last) && s.d.key_uses.last < i->last;
        break;
      default:
        break;
    }
  }
  if (names.empty()) return;
  auto& f = add(out, s, r);
  if (needed) f.level = severity::warning;
  f.about = topic::mechanism;
  f.say = cat("The module does not support ", listed(names), ".");
  f.show(std::move(calls), "returned CKR_FUNCTION_NOT_SUPPORTED");
  f.advice = needed ? "The client cannot work without it: use another module or another client."
                    : "The function is optional, or belongs to a newer version of the standard. pkcs11-provider: "
                      "quirk no-operation-state.";
}

void buffer_too_small(const rule_input& s, const rule& r, findings& out) {
  const auto& p = s.d.pace;
  // The module said how much it needs, and refused that, too; or it never said.
  for (const auto* i : s.d.failed_calls.with({CKR_BUFFER_TOO_SMALL}))
    for (const auto& x : i->samples) {
      if (x.after.empty() || x.after.front().which != i->which || x.after.front().value == CKR_OK ||
          !x.after.front().ended || x.after.front().value == CKR_BUFFER_TOO_SMALL)
        continue;
      auto& f = add(out, s, r);
      f.level = severity::error;
      f.fault = fault::undecidable;
      f.about = topic::key_use;
      f.say =
          cat(name_of(i->which), " returned CKR_BUFFER_TOO_SMALL, and then ", short_code(x.after.front().value), ".");
      f.show({x.call, x.after.front().call}, "the same function on the same thread, one after the other");
      f.cause = "likely: the module did not return the required size, or the client ignored it.";
      f.advice = "Compare the length that the first call returned with the length that the second call passed.";
      return;
    }
  for (const auto* i : s.d.failed_calls.with({CKR_BUFFER_TOO_SMALL})) {
    if (i->which != function::C_GetAttributeValue || aftermath_of(s, *i) != aftermath::gave_up) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.fault = fault::undecidable;
    f.say = "C_GetAttributeValue returned CKR_BUFFER_TOO_SMALL, and the client gave up.";
    show_incident(f, *i);
    f.cause = "likely: the client passed a buffer that is shorter than the attribute, or did not ask for its length.";
    f.advice = "The length of each attribute comes from a call with NULL as its buffer. Compare both calls.";
  }
  if (p.small_buffers < 2) return;
  auto& f = add(out, s, r);
  f.about = topic::key_use;
  f.say = cat("The client passed a buffer that is too small ", p.small_buffers, " times in a row.");
  f.show({p.small_buffers_in}, "returned CKR_BUFFER_TOO_SMALL again");
  f.advice = "Once is normal: the call returns the required size. Repeating it is an error in the program.";
}

}  // namespace p11tape::diagnose::rule_functions
