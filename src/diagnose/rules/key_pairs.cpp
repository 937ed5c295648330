// SPDX-License-Identifier: Apache-2.0
// P22, P24, P25, P84 and P85: certificates, their keys, and what pairs them.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/object_phrases.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using model::object;

constexpr u64 ms = 1000000, second = 1000 * ms, day = 86400;

bool is_nss(const rule_input& s) noexcept { return speaker_of(s.d.program) == speaker::nss; }

bool is_nss_tool(const rule_input& s) noexcept {
  for (const auto* name : {"certutil", "modutil", "cmsutil", "pk12util", "signtool"})
    if (s.d.program == name) return true;
  return false;
}

bool any_key_found(const rule_input& s) noexcept {
  const auto& all = s.d.objects.searches();
  return std::any_of(all.begin(), all.end(),
                     [](const searched& q) { return q.object_class == CKO_PRIVATE_KEY && q.found != 0; });
}

// A key was searched for by a certificate's ID, and there is none: what it may be called instead, the tape does not
// tell.
void key_missing(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    if (q.object_class != CKO_PRIVATE_KEY || !q.id || q.id->empty() || q.found != 0 || went_on(s, q.last)) continue;
    if (q.label) continue;  // the search asked for more than the ID
    if ((q.login_required && !q.logged_in) || found_otherwise(s, q)) continue;
    const auto& all = s.d.objects.known();
    const auto certificate = std::find_if(all.begin(), all.end(), [&](const object& o) {
      return o.object_class == CKO_CERTIFICATE && o.id == q.id && (o.slot == q.slot || q.slot == none);
    });
    if (certificate == all.end()) continue;
    auto& f = add(out, s, r);
    // Another certificate is the one that matters. The tools of NSS ask for a key of every certificate that they list; its
    // other programs do so to show a server a certificate, which needs at least one key.
    if (s.d.key_uses.count != 0 || (is_nss(s) && (is_nss_tool(s) || any_key_found(s)))) f.level = severity::info;
    f.about = topic::key_pair;
    f.say =
        cat("The ", model::describe_short(*certificate), " has no private key with its ID: clients pair them by ID.");
    f.show({certificate->first_seen_in}, model::describe_short(*certificate));
    f.show({q.first, q.last}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.advice =
        "If the key is on the token, it has another ID: give both the same ID. Otherwise the key is on another token, "
        "or was never imported.";
    f.commands = {list_objects(s)};
  }
}

// One certificate without a key, one key without a certificate, and no key in use: Java reads no labels of keys, so
// that nothing but the IDs can tell.
void lone_pair(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.known();
  if (s.d.key_uses.count != 0) return;
  const auto alone = [&](u64 object_class, u64 other_class) {
    std::vector<const object*> lone;
    for (const auto& o : all) {
      if (o.object_class != object_class || !o.id || o.id->empty()) continue;
      if (std::none_of(all.begin(), all.end(), [&](const object& p) {
            return p.object_class == other_class && p.slot == o.slot && p.id == o.id;
          }))
        lone.push_back(&o);
    }
    return lone;
  };
  const auto certificates = alone(CKO_CERTIFICATE, CKO_PRIVATE_KEY);
  const auto keys = alone(CKO_PRIVATE_KEY, CKO_CERTIFICATE);
  if (certificates.size() != 1 || keys.size() != 1 || keys[0]->label || keys[0]->slot != certificates[0]->slot) return;
  auto& f = add(out, s, r);
  f.level = severity::warning;
  f.about = topic::key_pair;
  f.say = cat("The ", model::describe_short(*certificates[0]), " and the ", model::describe_short(*keys[0]),
              " are unpaired: if they belong together, they must have the same ID.");
  f.show({certificates[0]->first_seen_in}, model::describe_short(*certificates[0]));
  f.show({keys[0]->first_seen_in}, model::describe_short(*keys[0]));
  f.advice = "Clients pair certificate and key by ID. Give both the same.";
  f.commands = {list_objects(s)};
}

}  // namespace

void key_not_paired(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.known();
  for (const auto& c : all) {
    if (c.object_class != CKO_CERTIFICATE || !c.id || !c.label || c.label->empty()) continue;
    const object* namesake = nullptr;
    bool paired = false;
    for (const auto& k : all) {
      if (k.object_class != CKO_PRIVATE_KEY || k.slot != c.slot || !k.id) continue;
      paired |= *k.id == *c.id;
      if (k.label && *k.label == *c.label && *k.id != *c.id) namesake = &k;
    }
    if (paired || namesake == nullptr) continue;
    const auto& searches = s.d.objects.searches();
    const auto in_vain = std::find_if(searches.begin(), searches.end(), [&](const searched& q) {
      return q.object_class == CKO_PRIVATE_KEY && q.id == c.id && q.found == 0;
    });
    // Where keys are used all the same, this certificate is not the one that matters.
    const bool used_keys = s.d.key_uses.count != 0;
    auto& f = add(out, s, r);
    if (used_keys) f.level = severity::info;
    f.about = topic::key_pair;
    f.say =
        cat("The certificate ", quoted(*c.label), " has the ID ", model::describe_id(*c.id), ", its private key has ",
            model::describe_id(*namesake->id), ": clients pair them by ID and find no key.");
    f.show({c.first_seen_in}, model::describe_short(c));
    f.show({namesake->first_seen_in}, model::describe_short(*namesake));
    if (in_vain != searches.end())
      f.show({in_vain->last}, "the search for a private key with the certificate's ID found nothing");
    f.advice = cat("Give both the same ID. Write the certificate again with the ID of the key: --id ",
                   model::describe_id(*namesake->id), ".");
    f.commands = {list_objects(s, c.slot)};
  }
  const auto told = [&] { return !out.empty() && out.back().by == &r && out.back().tape == s.d.index; };
  if (!told()) key_missing(s, r, out);
  if (!told()) lone_pair(s, r, out);
}

void id_empty(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.known();
  const auto is_empty = [](const object& o, u64 object_class) {
    return o.object_class == object_class && o.id && o.id->empty();
  };
  for (const auto& o : all) {
    const bool key = is_empty(o, CKO_PRIVATE_KEY);
    const bool certificate = is_empty(o, CKO_CERTIFICATE);
    if (!key && !certificate) continue;
    // Only where there is a counterpart that it could belong to.
    const auto other = key ? CKO_CERTIFICATE : CKO_PRIVATE_KEY;
    const auto partner = std::find_if(all.begin(), all.end(), [&](const object& p) {
      return p.object_class == other && p.slot == o.slot && (!p.label || !o.label || *p.label == *o.label);
    });
    if (partner == all.end()) continue;
    auto& f = add(out, s, r);
    f.about = topic::key_pair;
    f.say =
        cat("The ", model::describe_short(o), " has an empty ID, so clients cannot pair certificate and key by ID.");
    f.show({o.first_seen_in}, "CKA_ID is empty");
    f.advice = "Give the certificate and the key the same non-empty ID.";
    f.commands = {list_objects(s)};
    return;  // one is enough: the others are alike
  }
}

void public_key_missing(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    if (q.object_class != CKO_PUBLIC_KEY || !q.is_named() || q.found != 0) continue;
    const auto& all = s.d.objects.known();
    const auto key = std::find_if(all.begin(), all.end(), [&](const object& o) {
      const bool has_name =
          (q.id && !q.id->empty() && o.id == q.id) || (q.label && !q.label->empty() && o.label == q.label);
      return o.object_class == CKO_PRIVATE_KEY && has_name && (o.slot == q.slot || q.slot == none);
    });
    if (key == all.end() || went_on(s, q.last)) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("The token has the ", model::describe_short(*key),
                " but no public key object, which the client searches for.");
    f.show({q.first}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.advice =
        "Write the public key to the token with the same ID and label: many tools read the modulus or the curve point "
        "only from there.";
    f.commands = {list_objects(s, key->slot)};
  }
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
    f.show({}, "compared with the clock of this machine when the tape was recorded");
    f.advice = "Renew the certificate, write it to the token with the ID of the key, and delete the old one.";
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
  if (s.d.key_uses.count != 0 || s.d.objects.created() != 0 || s.d.is_inspection_tool()) return;
  // OpenSSL's engine lists the certificates whatever it is asked for: that it does says nothing.
  if (speaker_of(s.d.program) == speaker::openssl) return;
  std::vector<std::string> names;
  for (const auto& o : s.d.objects.known())
    if (o.object_class == CKO_PRIVATE_KEY) names.push_back(model::describe_short(o));
  auto& f = add(out, s, r);
  f.about = topic::key_pair;
  f.say =
      cat("The token has ", counted(keys, "private key"), " but no certificate, and the client lists certificates.");
  f.show({listing->first, listing->last}, "searched for all certificates: 0 objects");
  f.show({key_listing->first},
         names.empty() ? cat("searched for all private keys: ", keys) : cat("private keys: ", listed(names)));
  f.cause =
      "Clients such as Java keystores show a key only with its certificate: without one, the alias does not exist.";
  f.advice =
      "Write the certificate to the token with the ID of the key. If the token cannot store certificates, give the "
      "client a certificate file (jsign: --certfile).";
  f.commands = {list_objects(s)};
}

}  // namespace p11tape::diagnose::rule_functions
