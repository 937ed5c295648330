// SPDX-License-Identifier: Apache-2.0
// P27 to P29 and P82: objects and their attributes: used, read, created.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/object_phrases.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/attribute_templates.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

}  // namespace

void handle_stale(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID})) {
    const auto& first = i->samples.front();
    if (first.object_handle == none) continue;  // the log does not show it
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    std::string why;
    if (first.object_end)
      why = cat("it was destroyed in call ", first.object_end->ended_in);
    else if (first.object_handle.value() == CK_INVALID_HANDLE)
      why = "it is 0, which is never a valid handle: the client did not notice that a search found nothing";
    else if (first.finalized_in != none)
      why = cat("it is from before C_Finalize (call ", first.finalized_in, "), which invalidates all handles");
    else if (!first.session_open)
      why = "its session no longer exists";
    else
      why = first.key ? "the object, or the login that made it visible, no longer exists"
                      : "no search on this tape returned it: it is from another process or an earlier run";
    f.say =
        cat("The handle ", first.object_handle, " is used for ", name_of(i->which), " and is not valid: ", why, ".");
    show_incident(f, *i);
    f.advice =
        "Clients must search for handles again after each C_Login, C_Logout and C_Initialize. A handle is valid in "
        "one process only.";
    soften(f, s, *i);
  }
}

void attribute_refused(const rule_input& s, const rule& r, findings& out) {
  const auto last = s.d.objects.reads().last_refused;
  // Who lists objects, or shows what he has made, asks for all that there may be.
  if (last == none || s.d.is_inspection_tool() || s.d.objects.created() != 0) return;
  // Only where it was the last thing that the client did: asking for what there is not is normal otherwise.
  for (const auto* i : s.d.failed_calls.with({CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID})) {
    if (i->which != function::C_GetAttributeValue || i->last != last) continue;
    call_number later;
    for (std::size_t n = 0; n < cryptoki::function_count; ++n) {
      const auto which = static_cast<function>(n);
      switch (cryptoki::row(which).does) {
        case cryptoki::effect::find_end:
        case cryptoki::effect::close_session:
        case cryptoki::effect::close_all_sessions:
        case cryptoki::effect::logout:
        case cryptoki::effect::finalize:
          continue;
        default:
          later = std::max(later, s.d.tally.of(which).last);
      }
    }
    if (later > last || s.d.key_uses.count != 0) continue;
    // A log that ends here need not be where the client stopped.
    if (s.d.imported && s.d.tally.total().last == last) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say =
        cat("The last call of the client tried to read an attribute that it cannot read (", short_code(i->value), ").");
    show_incident(f, *i);
    f.advice = i->value == CKR_ATTRIBUTE_SENSITIVE
                   ? "The client tries to read a key that never leaves the token: configure it to use the key on the "
                     "token."
                   : "The module does not support an attribute that the client needs: look for a newer module, or "
                     "another client.";
  }
}

void template_refused(const rule_input& s, const rule& r, findings& out) {
  for (const auto& i : s.d.failed_calls.all()) {
    const auto does = cryptoki::row(i.which).does;
    const bool makes = does == cryptoki::effect::create_object || does == cryptoki::effect::modify_object;
    if (!makes) continue;
    const auto& first = i.samples.front();
    const auto troubles = check_templates(i.which, first);
    const auto* cause = cause_among(troubles, i.value);
    switch (i.value) {
      case CKR_TEMPLATE_INCOMPLETE:
      case CKR_TEMPLATE_INCONSISTENT:
      case CKR_ATTRIBUTE_VALUE_INVALID:
      case CKR_ATTRIBUTE_READ_ONLY:
      case CKR_ATTRIBUTE_TYPE_INVALID:
      case CKR_DOMAIN_PARAMS_INVALID:
      case CKR_CURVE_NOT_SUPPORTED:
      case CKR_PARAMETER_SET_NOT_SUPPORTED:
        break;
      case CKR_GENERAL_ERROR:  // these say nothing: what is wrong with the template does
      case CKR_FUNCTION_FAILED:
      case CKR_ARGUMENTS_BAD:
        if (cause == nullptr) continue;
        break;
      default:
        continue;
    }
    // NSS stores trust and its own attributes on any token, and goes on without.
    const bool is_nss =
        std::any_of(first.values.all.begin(), first.values.all.end(),
                    [](const given_attribute& a) { return (a.type >> 16) == 0xCE53 || (a.type >> 16) == 0xCE54; }) ||
        (first.object_class != unknown && (first.object_class >> 16) == 0xCE53);
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    const bool session_key = first.object_class == CKO_SECRET_KEY && first.session_object;
    f.say = cause != nullptr
                ? cat(name_of(i.which), " failed: ", cause->say, ".")
                : cat(name_of(i.which), " failed: the token rejected the attributes of the ",
                      i.which == function::C_SetAttributeValue ? "" : "new ", kind_of(first.object_class), ".");
    show_incident(f, i);
    if (cause != nullptr) {
      f.show({first.call}, cause->seen);
      f.cause = cause->cause;
      f.advice = cause->advice;
      if (!cause->is_certain) f.fault = fault::undecidable;
    }
    if (first.mechanism != unknown)
      f.show({}, cat("mechanism ", mechanism(first.mechanism), ", ", describe_parameter(first)));
    for (const auto& t : troubles)
      if (&t != cause) f.show({}, cat(t.is_certain ? "also: " : "also possible: ", t.seen));
    const auto show_names = [&](const given_template& t, std::string_view which) {
      std::vector<std::string> names;
      names.reserve(t.all.size());
      for (const auto& a : t.all) names.push_back(attribute_name(a.type));
      if (!names.empty()) f.show({i.first}, cat(which, " has ", listed(names, 16)));
    };
    show_names(first.values, first.more_values.given ? "the public key's template" : "the template");
    show_names(first.more_values, "the private key's template");
    const auto by = speaker_of(s.d.program);
    const bool is_mq = s.set.is_mq || by == speaker::mq;
    if (!f.advice.empty() && session_key && is_mq)
      f.advice += " This is a session key. MQ can keep session keys off the token: SYMMETRIC_CIPHER_OFF.";
    if (f.advice.empty())
      f.advice = session_key && is_mq
                     ? "The token cannot create this session key. MQ can keep session keys off the token: "
                       "SYMMETRIC_CIPHER_OFF."
                 : session_key && by == speaker::java
                     ? "The token cannot create this session key. Java can keep session keys off the token: "
                       "disabledMechanisms."
                     : "Compare the template with the token's documentation: an attribute is missing, not allowed, or "
                       "has a value that this token does not accept.";
    apply_habits(f, s, i);
    soften(f, s, i);
    if (is_nss) {
      f.level = severity::info;
      f.harmless = true;
      f.fault = fault::client;
      f.say = cat(name_of(i.which), ": the token rejected an NSS-specific object; NSS continues without it.");
      f.cause = "NSS stores trust settings and vendor-defined attributes in tokens; most tokens reject them.";
      f.advice = "";
    }
  }
}

void session_objects(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.session_objects;
  const bool ran_out =
      !s.d.failed_calls.with({CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_TOKEN_RESOURCE_EXCEEDED}).empty();
  if (o.most_alive < (ran_out ? 20u : 50u) || o.destroyed * 2 > o.created) return;
  auto& f = add(out, s, r);
  f.level = ran_out ? severity::error : severity::warning;
  f.about = topic::device;
  f.say = cat("Session objects accumulate: ", o.created, " were created, ", o.destroyed, " destroyed.");
  f.show({o.first_in, o.most_alive_in}, cat(o.most_alive, " existed at the same time"));
  for (const auto* i : s.d.failed_calls.with({CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_TOKEN_RESOURCE_EXCEEDED}))
    show_incident(f, *i);
  f.cause =
      "The client creates an object for each operation (for example, imports a key) and never calls C_DestroyObject. "
      "Its session stays open, so the objects remain.";
  f.advice =
      "Look for a newer version of the client, or restart it before the token is full. Closing the session "
      "destroys its session objects.";
}

}  // namespace p11tape::diagnose::rule_functions
