// SPDX-License-Identifier: Apache-2.0
// P77 to P79: what the module itself does wrong, and P82 to P85: objects and certificates over time.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/aftermath.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/tables/answers.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

constexpr u64 ms = 1000000, second = 1000 * ms, day = 86400;

std::string list_command(const rule_input& s) {
  return cat("pkcs11-tool --module ", s.d.module, " --login --list-objects");
}

void describe_oddity(finding& f, const rule_input& s, const oddity& o) {
  const auto name = name_of(o.which);
  switch (o.what) {
    case oddity_kind::null_interface:
      f.say = cat(name, " returned CKR_OK and no interface (NULL).");
      f.show({o.call}, "*ppInterface is NULL after CKR_OK");
      f.cause =
          "The module says that it has the interface and does not give it; a client that uses the pointer crashes.";
      f.advice = "Use a newer version of the module, or a client that calls C_GetFunctionList.";
      // Nothing came after it: the client died, or gave up.
      f.level = s.d.tally.total().last == o.last_call ? severity::error : severity::warning;
      f.about = topic::load;
      break;
    case oddity_kind::small_for_query:
      f.say = cat(name, " returned CKR_BUFFER_TOO_SMALL to a size query.");
      f.show({o.call}, "no buffer was passed: the call only asked for the size, and must return CKR_OK (section 5.2)");
      f.cause = "The module does not follow the convention for size queries.";
      f.advice = "Use a newer version of the module.";
      f.about = topic::key_use;
      break;
    case oddity_kind::small_for_own_size:
      f.say = cat(name, " returned CKR_BUFFER_TOO_SMALL for the size that it had asked for.");
      f.show({o.call}, cat("it had asked for ", counted(o.wanted, "byte"), ", and was given ", o.given));
      f.cause = "The module reports too small a size, often without the padding.";
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
                    ? "likely: the module returned r and s as a DER sequence; the standard wants them in a row."
                : ecdsa
                    ? "likely: the module left out leading zeros; r and s must each be as long as the curve's order."
                    : "A signature of RSA is as long as the modulus.";
      f.advice = "Use a newer version of the module; some clients can be told the form of the signature.";
      f.about = topic::key_use;
      break;
    }
    case oddity_kind::unlisted_answer:
      f.level = severity::info;
      f.say = cat(name, " returned ", short_code(o.value), ", which the standard does not list for it.");
      f.show({o.call}, cat("section ", section_of(o.which)));
      f.cause = "The code may mean something else than its name says: modules use it for refusals of their own.";
      break;
  }
  if (o.count > 1) f.show({o.last_call}, cat(o.count, " times, the last is this call"));
}

}  // namespace

void module_nonconforming(const rule_input& s, const rule& r, findings& out) {
  for (const auto& o : s.d.oddities.all()) {
    // A refusal that the client got over needs no judge.
    if (o.what == oddity_kind::unlisted_answer && s.d.succeeded_after(o.which, o.last_call)) continue;
    describe_oddity(add(out, s, r), s, o);
  }
}

void objects_late(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    if (q.late_found == 0 || q.late_gap > 60 * second) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("A search on ", q.slot_name, " found nothing, and ", duration(q.late_gap), " later it found objects.");
    f.show({q.late_vain, q.late_found}, "the same search: 0 objects, then some; the process made none between");
    f.cause =
        "likely: the module reads the token's objects in the background after the login and does not wait for them; or "
        "another process wrote them just then.";
    f.advice = "Have the client search again after a while; ask the module's vendor for a setting or a newer version.";
    return;
  }
}

void search_incomplete(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.objects.last_open_search();
  if (!o || o->publics == 0 || o->privates != 0 || o->unclear != 0 || s.d.life.used_keys != 0) return;
  if (s.d.objects.created() != 0) return;
  auto& f = add(out, s, r);
  f.about = topic::object;
  f.say = cat("A search without a template found ", counted(o->publics, "public key"), " and no private key.");
  f.show({o->call},
         cat("C_FindObjectsInit with an empty template on ", o->slot_name, ", logged in: ", o->found, " objects"));
  f.cause =
      "either the private keys are not on this token, or the module leaves them out of a search without a template; a "
      "search by class (CKO_PRIVATE_KEY) tells which.";
  f.fault = fault::undecidable;
  f.advice = "Search for private keys by class. If that finds them, the module is at fault: use a newer version.";
  f.commands = {cat("p11tool --provider ", s.d.module, " --login --list-privkeys"), list_command(s)};
}

void session_objects(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.session_objects;
  const bool ran_out =
      !s.d.failed_calls.with({CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_TOKEN_RESOURCE_EXCEEDED}).empty();
  if (o.most_alive < (ran_out ? 20u : 50u) || o.destroyed * 2 > o.created) return;
  auto& f = add(out, s, r);
  f.level = ran_out ? severity::error : severity::warning;
  f.about = topic::device;
  f.say = cat("Session objects pile up: ", o.created, " were created, ", o.destroyed, " destroyed.");
  f.show({o.first_in, o.most_alive_in}, cat(o.most_alive, " existed at the same time"));
  for (const auto* i : s.d.failed_calls.with({CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_TOKEN_RESOURCE_EXCEEDED}))
    show_incident(f, *i);
  f.cause =
      "The client creates an object for each piece of work (an imported key) and never calls C_DestroyObject; its "
      "session stays open, so the objects stay, too.";
  f.advice = "Look for a newer version of the client; restart it in time. Closing the session destroys them all.";
}

void lookup_per_operation(const rule_input& s, const rule& r, findings& out) {
  const auto used = s.d.pace.operations.total();
  if (used < 10) return;
  const searched* worst = nullptr;
  u64 repeated = 0, kinds = 0;
  for (const auto& q : s.d.objects.searches()) {
    if (!q.is_named() || q.times < 10 || q.times * 10 < used * 8) continue;
    repeated += q.times;
    ++kinds;
    if (worst == nullptr || q.times > worst->times) worst = &q;
  }
  if (worst == nullptr) return;
  const auto time = s.d.pace.searches_time + s.d.objects.reads().time;
  const auto busy = std::max<u64>(s.d.pace.busy, 1);
  if (time < 100 * ms || time * 5 < busy) return;
  auto& f = add(out, s, r);
  f.say = cat("The same key is searched for again before each use: ", repeated, " searches for ", used, " operations.");
  f.show({worst->first, worst->last}, cat(counted(kinds, "question"), ", asked ", worst->times, " times each at most"));
  f.show({}, cat("searches and reading attributes took ", duration(time), ", ", percent(time, busy),
                 " of the time in the module"));
  f.cause = "The client does not keep the key's handle between operations.";
  f.advice = "Have the client look up the key once and keep its handle (pkcs11-provider: pkcs11-module-cache-keys).";
}

void certificate_dates(const rule_input& s, const rule& r, findings& out) {
  constexpr std::int64_t soon = 14 * static_cast<std::int64_t>(day);
  for (const auto& c : s.d.certificates.all()) {
    const auto now = static_cast<std::int64_t>(c.wall / second);
    const bool expired = c.until<now, early = c.from> now;
    if (!expired && !early && c.until - now > soon) continue;
    // A certificate that was asked for by its name matters; of others on the token, one may have been left behind.
    const bool named = c.label && std::find(s.set.certificate_labels.begin(), s.set.certificate_labels.end(),
                                            *c.label) != s.set.certificate_labels.end();
    const bool matters = c.sought || named;
    auto& f = add(out, s, r);
    f.about = topic::object;
    if (expired || early)
      f.level = matters ? severity::error : severity::info;
    else
      f.level = severity::info;
    const auto name = c.label ? quoted(*c.label) : cat("of ", c.subject);
    f.say = expired ? cat("The certificate ", name, " expired on ", c.not_after.substr(0, 10), ".")
            : early ? cat("The certificate ", name, " is not valid before ", c.not_before.substr(0, 10), ".")
                    : cat("The certificate ", name, " expires in ", (c.until - now) / static_cast<std::int64_t>(day),
                          " days.");
    f.show({c.call}, cat("subject ", c.subject, "; valid ", c.not_before, " to ", c.not_after));
    f.show({}, "compared with this machine's clock at the time of the recording");
    f.advice = "Renew the certificate, write it to the token with the key's ID, and delete the old one.";
  }
}

void key_without_certificate(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.searches();
  const searched* listing = nullptr;
  const searched* key_listing = nullptr;
  u64 certificates = 0, keys = 0;
  for (const auto& q : all) {
    if (q.object_class == CKO_CERTIFICATE) {
      certificates += q.found;
      if (!q.is_named()) listing = &q;
    }
    if (q.object_class != CKO_PRIVATE_KEY || q.is_named() || q.most_found <= keys) continue;
    keys = q.most_found;
    key_listing = &q;
  }
  if (listing == nullptr || key_listing == nullptr || certificates != 0 || keys == 0 || s.d.logins.succeeded() == 0)
    return;
  if (s.d.life.used_keys != 0 || s.d.objects.created() != 0 || s.d.is_inspection_tool()) return;
  std::vector<std::string> names;
  for (const auto& o : s.d.objects.known())
    if (o.object_class == CKO_PRIVATE_KEY) names.push_back(model::describe_short(o));
  auto& f = add(out, s, r);
  f.about = topic::key_pair;
  f.say =
      cat("The token has ", counted(keys, "private key"), " and no certificate, and the client lists certificates.");
  f.show({listing->first, listing->last}, "searched for all certificates: 0 objects");
  f.show({key_listing->first},
         names.empty() ? cat("searched for all private keys: ", keys) : cat("private keys: ", listed(names)));
  f.cause =
      "Clients such as Java's key store show a key only with its certificate: without one the alias does not exist.";
  f.advice =
      "Write the certificate to the token with the key's ID. If the token cannot hold certificates, the client needs a "
      "certificate file beside the key (jsign: --certfile).";
  f.commands = {
      cat("pkcs11-tool --module ", s.d.module, " --login --write-object cert.der --type cert --id ID --label LABEL")};
}

}  // namespace p11tape::diagnose::rule_functions
