// SPDX-License-Identifier: Apache-2.0
// P77: what the module does that the standard forbids.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/tables/permitted_return_values.hpp"

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

}  // namespace p11tape::diagnose::rule_functions
