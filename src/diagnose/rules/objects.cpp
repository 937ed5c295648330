// SPDX-License-Identifier: Apache-2.0
// P21 to P29: objects: found, not found, paired, visible, made.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/phrase.hpp"
#include "diagnose/rules/aftermath.hpp"
#include "diagnose/rules/habits.hpp"
#include "diagnose/rules/parameters.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/rules/templates.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;
using model::object;

std::string_view kind_of(u64 object_class) noexcept {
  switch (object_class) {
    case CKO_PRIVATE_KEY:
      return "private key";
    case CKO_PUBLIC_KEY:
      return "public key";
    case CKO_CERTIFICATE:
      return "certificate";
    case CKO_SECRET_KEY:
      return "secret key";
    default:
      return "object";
  }
}

std::string wanted(const searched& q) {
  return cat(kind_of(q.object_class), q.label ? cat(" with the label ", quoted(*q.label)) : "",
             q.label && q.id ? " and"
             : q.id          ? " with"
                             : "",
             q.id ? cat(" the ID ", model::describe_id(*q.id)) : "");
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool resembles(std::string_view a, std::string_view b) {
  const auto x = lower(a), y = lower(b);
  return x == y || (x.size() > 2 && y.find(x) != std::string::npos) || (y.size() > 2 && x.find(y) != std::string::npos);
}

// The process found its way: it used a key, or made what it had not found.
bool went_on(const rule_input& s, u64 call) noexcept {
  return s.d.life.last_used_key > call || s.d.objects.last_created() > call;
}

// An object of the name that was searched for is on the token all the same, and a key was then tried: the search had
// asked for more, as OpenSSH's does (CKA_SIGN), and the client found it in another way.
bool found_otherwise(const rule_input& s, const searched& q) noexcept {
  const auto tried_later =
      std::max(s.d.tally.of(function::C_SignInit).last, s.d.tally.of(function::C_DecryptInit).last);
  const auto& all = s.d.objects.known();
  return tried_later > q.last && std::any_of(all.begin(), all.end(), [&](const object& o) {
           return o.object_class == q.object_class && o.slot == q.slot && (!q.id || o.id == q.id) &&
                  (!q.label || o.label == q.label);
         });
}

// Programs that are there to use a private key: that they looked and used none is a failure.
bool signs(std::string_view program) noexcept {
  for (const std::string_view name :
       {"jarsigner", "osslsigncode", "openssl", "nginx", "httpd", "apache2", "stunnel", "jsign", "cosign", "sbsign"})
    if (program.starts_with(name)) return true;
  return false;
}

std::vector<const object*> known_keys(const rule_input& s) {
  std::vector<const object*> keys;
  for (const auto& o : s.d.objects.known())
    if (o.object_class == CKO_PRIVATE_KEY) keys.push_back(&o);
  return keys;
}

std::string percent_encoded(std::string_view text, bool all) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!all && plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

// The key as RFC 7512 writes it.
std::string address_of(const rule_input& s, const object& o) {
  const auto* slot = s.d.slot(o.slot);
  std::string text = "pkcs11:";
  const auto part = [&](std::string_view name, const std::string& value) {
    text += cat(text.back() == ':' ? "" : ";", name, "=", value);
  };
  if (slot != nullptr && slot->token) part("token", percent_encoded(label::unpadded(slot->token->label), false));
  if (o.label && !o.label->empty()) part("object", percent_encoded(*o.label, false));
  if (o.id && !o.id->empty()) part("id", percent_encoded(*o.id, true));
  part("type", "private");
  return text;
}

std::string list_command(const rule_input& s) {
  return cat("pkcs11-tool --module ", s.d.module, " --login --list-objects");
}

bool is_searched(const searched& q, u64 object_class) noexcept {
  return q.object_class == object_class || q.object_class == unknown;
}

// Labels or IDs on the same token that look like what was searched for, those most alike first.
void show_near(finding& f, const rule_input& s, const searched& q) {
  std::vector<std::string> near, others;
  for (const auto& o : s.d.objects.known()) {
    if (q.slot != unknown && o.slot != q.slot) continue;
    const bool alike = (q.label && o.label && resembles(*q.label, *o.label)) || (q.id && o.id && *q.id == *o.id) ||
                       (q.label && o.label && *q.label == *o.label);
    auto& list = alike ? near : others;
    if (list.size() < 20) list.push_back(model::describe_short(o));
  }
  if (!near.empty()) f.show({}, cat("on the token there is: ", listed(near)));
  if (near.empty() && !others.empty()) f.show({}, cat("the tape shows these objects on the token: ", listed(others)));
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
      return o.object_class == CKO_CERTIFICATE && o.id == q.id && (o.slot == q.slot || q.slot == unknown);
    });
    if (certificate == all.end()) continue;
    auto& f = add(out, s, r);
    // Another certificate is the one that matters; NSS asks for a key of every certificate that it meets.
    speaker by{};
    const bool is_nss = speaker_of(s.d.program, by) && by == speaker::nss;
    if (s.d.life.used_keys != 0 || is_nss) f.level = severity::info;
    f.about = topic::key_pair;
    f.say =
        cat("The ", model::describe_short(*certificate), " has no private key with its ID: clients pair them by ID.");
    f.show({certificate->first_seen_in}, model::describe_short(*certificate));
    f.show({q.first, q.last}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.advice =
        "If its key is on the token, it has another ID: give both the same. Otherwise the key is on another token, or "
        "was never imported.";
    f.commands = {list_command(s)};
  }
}

// One certificate without a key, one key without a certificate, and no key in use: Java reads no labels of keys, so
// that nothing but the IDs can tell.
void lone_pair(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.known();
  if (s.d.life.used_keys != 0) return;
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
              " have no partner: if they belong together, they must have the same ID.");
  f.show({certificates[0]->first_seen_in}, model::describe_short(*certificates[0]));
  f.show({keys[0]->first_seen_in}, model::describe_short(*keys[0]));
  f.advice = "Clients pair certificate and key by ID. Give both the same.";
  f.commands = {list_command(s)};
}

}  // namespace

// "01" as text, where the token has an object with the byte 01: an ID of a URI was not percent-encoded.
std::string bytes_meant(const std::string& id) {
  if (id.empty() || id.size() % 2 != 0 || id.size() > 64) return {};
  std::string bytes;
  for (std::size_t i = 0; i < id.size(); i += 2) {
    const auto digit = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    const auto high = digit(id[i]), low = digit(id[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

// The same thing was found later, or the client looked for it elsewhere and then used it.
bool found_in_other_class(const rule_input& s, const searched& q) noexcept {
  const auto& all = s.d.objects.searches();
  return std::any_of(all.begin(), all.end(), [&](const searched& o) {
    return &o != &q && o.found != 0 && o.last_found > q.last && o.slot == q.slot && o.label == q.label && o.id == q.id;
  });
}

void object_not_found(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.searches();
  for (const auto& q : all) {
    if (!q.is_named() || q.found != 0 || went_on(s, q.last) || found_otherwise(s, q)) continue;
    // Whether the same name was found under another class: then only a part of the pair is missing.
    const auto same_name = [&](const searched& o) {
      return &o != &q && o.found != 0 && o.last_found != 0 && o.label == q.label && o.id == q.id;
    };
    const bool partly = std::any_of(all.begin(), all.end(), same_name);
    if (partly && q.object_class != CKO_PRIVATE_KEY) continue;
    // A first look in one class, and a second one in another that finds it.
    if (found_in_other_class(s, q)) continue;
    // A private key without a login: that is another rule's.
    if (is_searched(q, CKO_PRIVATE_KEY) && q.object_class == CKO_PRIVATE_KEY && q.login_required && !q.logged_in)
      continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("The client searched ", q.slot_name, " for a ", wanted(q), " and found none.");
    f.show({q.first, q.last}, cat("searched ", counted(q.times, "time"), ", found 0 objects each time"));
    const auto& known = s.d.objects.known();
    const auto here = [&](const object& o) { return q.slot == unknown || o.slot == q.slot; };
    // An object with one of the two names, or with the bytes that the text of the ID stands for.
    const auto by_id = std::find_if(known.begin(), known.end(), [&](const object& o) {
      return q.label && q.id && !q.id->empty() && here(o) && o.id == q.id && o.label != q.label;
    });
    const auto id_and_label = q.label && q.id && !q.id->empty() && !q.label->empty();
    const auto bytes = q.id ? bytes_meant(*q.id) : std::string();
    const auto as_bytes = std::find_if(known.begin(), known.end(), [&](const object& o) {
      return !bytes.empty() && here(o) && o.id && *o.id == bytes;
    });
    if (as_bytes != known.end() || !bytes.empty()) {
      std::string encoded;
      for (std::size_t i = 0; i < q.id->size(); i += 2) encoded += "%" + q.id->substr(i, 2);
      if (as_bytes != known.end())
        f.show({as_bytes->first_seen_in}, cat("on the token there is: ", model::describe_short(*as_bytes)));
      f.cause = cat("likely: the ID was given as the text \"", *q.id,
                    "\"; in a PKCS#11 URI the byte is written id=", encoded, ".");
      f.advice = cat("Write id=", encoded, " in the pkcs11: URI (RFC 7512 wants percent-encoding).");
    } else if (id_and_label) {
      const bool certificate = std::any_of(known.begin(), known.end(), [&](const object& o) {
        return here(o) && o.object_class == CKO_CERTIFICATE && o.id == q.id && o.label == q.label;
      });
      f.say = cat("No ", kind_of(q.object_class), " on ", q.slot_name, " has both the ID ", model::describe_id(*q.id),
                  " and the label ", quoted(*q.label), ".");
      if (certificate) f.show({}, "a certificate with this ID and this label is on the token");
      if (by_id != known.end())
        f.show({by_id->first_seen_in}, cat("the same ID, another label: ", model::describe_short(*by_id)));
      f.cause = certificate || by_id != known.end()
                    ? "likely: the key has the same ID and another label, or none; the search asks for both."
                    : "The search asks for ID and label together; an object that differs in one of them is not found.";
      f.advice = "Give the key the certificate's label, or have the client search by ID alone.";
    } else {
      show_near(f, s, q);
      f.advice = "Compare the label and the ID with what the token holds; they are compared byte by byte.";
      if (q.label)
        for (const auto& o : known)
          if (here(o) && o.label && *o.label != *q.label && lower(*o.label) == lower(*q.label)) {
            f.cause = cat("The label on the token is ", quoted(*o.label), ": it differs in upper and lower case.");
            break;
          }
    }
    // NSS looks for a certificate and a public key of every key that it meets.
    speaker by{};
    const bool is_nss = speaker_of(s.d.program, by) && by == speaker::nss;
    if (is_nss && !q.label) f.level = severity::info;
    if (q.login_required && !q.logged_in) f.show({}, "nobody was logged in: private objects cannot be seen then");
    if (q.label) {
      const auto colon = q.label->find(':');
      for (const auto& [id, slot] : s.d.slots)
        if (slot.token && colon != std::string::npos &&
            q.label->substr(0, colon) == label::unpadded(slot.token->label)) {
          f.show({}, cat("the text before the colon is the token's label: only what follows it is the object's"));
          break;
        }
      if (lower(*q.label).starts_with("ibmwebspheremq"))
        f.advice +=
            " This is MQ's default label: ibmwebspheremq and the name of the queue manager or user, all in lower case. "
            "Label the certificate so, or set CERTLABL.";
    }
    f.commands = {list_command(s)};
  }
}

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
    const bool used_keys = s.d.life.used_keys != 0;
    auto& f = add(out, s, r);
    if (used_keys) f.level = severity::info;
    f.about = topic::key_pair;
    f.say =
        cat("The certificate ", quoted(*c.label), " has the ID ", model::describe_id(*c.id), ", its private key has ",
            model::describe_id(*namesake->id), ": clients pair them by ID and find no key.");
    f.show({c.first_seen_in}, model::describe_short(c));
    f.show({namesake->first_seen_in}, model::describe_short(*namesake));
    if (in_vain != searches.end())
      f.show({in_vain->last}, "the private key was searched for by the certificate's ID: nothing");
    f.advice = cat("Give both the same ID. Write the certificate again with the key's: --id ",
                   model::describe_id(*namesake->id), ".");
    f.commands = {cat("pkcs11-tool --module ", s.d.module, " --login --delete-object --type cert --id ",
                      model::describe_id(*c.id)),
                  cat("pkcs11-tool --module ", s.d.module, " --login --write-object cert.der --type cert --label ",
                      quoted(*c.label), " --id ", model::describe_id(*namesake->id))};
  }
  const auto told = [&] { return !out.empty() && out.back().by == &r && out.back().tape == s.d.index; };
  if (!told()) key_missing(s, r, out);
  if (!told()) lone_pair(s, r, out);
}

// libp11 and others read through all objects of a class and choose by themselves: what they wanted is not on the tape.
void key_not_chosen(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.searches();
  const auto tried = [&](function f) { return s.d.tally.of(f).calls != 0; };
  if (tried(function::C_SignInit) || tried(function::C_DecryptInit) || tried(function::C_SignRecoverInit) ||
      tried(function::C_DeriveKey) || s.d.life.used_keys != 0 || s.d.objects.created() != 0)
    return;
  // A master whose children use the key it looked at.
  for (const auto& other : s.all)
    if (other.parent == s.d.index && other.index != s.d.index) return;
  const auto is_listing = [](const searched& q) {
    return !q.is_named() &&
           (q.object_class == CKO_CERTIFICATE || q.object_class == CKO_PRIVATE_KEY || q.object_class == CKO_PUBLIC_KEY);
  };
  const bool none_found = std::all_of(all.begin(), all.end(), [](const searched& q) { return q.found == 0; });
  const auto listing = std::find_if(all.begin(), all.end(), [&](const searched& q) {
    return none_found ? !q.is_named() : is_listing(q) && q.object_class == CKO_PRIVATE_KEY && q.found != 0;
  });
  if (listing == all.end()) return;
  if (none_found) {
    // Private keys without a login, and searches by name, are for other rules.
    if (std::any_of(all.begin(), all.end(), [](const searched& q) { return q.is_named(); })) return;
    if (listing->object_class == CKO_PRIVATE_KEY && listing->login_required && !listing->logged_in) return;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.fault = fault::undecidable;
    u64 times = 0;
    for (const auto& q : all) times += q.times;
    // One search that finds nothing may be all that was wanted.
    if (times == 1 || s.d.is_inspection_tool()) f.level = severity::info;
    f.say = cat(s.d.logins.succeeded() != 0 ? "The client logged in, and " : "Without a login, ",
                times == 1 ? std::string("its search") : cat("all its ", times, " searches"), " on ",
                listing->slot_name, " found nothing.");
    f.show({listing->first, listing->last}, cat("searched for a ", wanted(*listing), ": 0 objects"));
    const auto gap = s.d.objects.first_search_after_login();
    if (gap != unknown) f.show({}, cat("the first search came ", duration(gap), " after C_Login had returned"));
    f.cause =
        "either the token is empty, or it is not the one that was meant, or the module reads the token's objects in "
        "the "
        "background and had not yet found any.";
    f.advice =
        "List the objects by hand. If there are some, have the client wait a second after the login, or use a newer "
        "module.";
    f.commands = {list_command(s)};
    return;
  }
  std::vector<std::string> seen;
  std::string address;
  for (const auto& o : known_keys(s)) {
    seen.push_back(model::describe_short(*o));
    if (address.empty()) address = address_of(s, *o);
  }
  if (seen.empty() || s.d.logins.succeeded() == 0) return;
  auto& f = add(out, s, r);
  // Only a program that is there to sign must use one: others may have listed them.
  if (!signs(s.d.program)) f.level = severity::info;
  f.about = topic::object;
  f.say = cat("The client logged in, looked at ", counted(seen.size(), "private key"), " and used none.");
  f.show({listing->first, listing->last}, cat("searched for all private keys, and saw: ", listed(seen, 20)));
  f.cause =
      cat("likely: the client wants another label, alias or ID than ", seen.size() == 1 ? "this one has" : "these have",
          "; it chooses by itself, so the tape does not tell what it wants.");
  f.advice = "Compare these with what the client is configured with, letter by letter: alias, label, object= and id=.";
  speaker by{};
  const bool takes_uris = !speaker_of(s.d.program, by) || by == speaker::openssl || by == speaker::gnutls;
  if (takes_uris && !address.empty())
    f.advice += cat(" The address of the key is ", address, " (id= is percent-encoded bytes).");
  f.commands = {list_command(s)};
}

void object_ambiguous(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    // An ID or label with nothing else finds certificate and keys together: that is how it should be.
    if (!q.is_named() || q.object_class == unknown || q.most_found < 2) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("There are ", q.most_found, " objects for a ", wanted(q), ": clients take the first.");
    f.show({q.first}, cat("C_FindObjects gave ", q.most_found, " handles"));
    f.advice = "Delete or rename what is left over from an earlier import; give each key a label and an ID of its own.";
    f.commands = {list_command(s)};
  }
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
        cat("The ", model::describe_short(o), " has an empty ID: clients that pair certificate and key by ID cannot.");
    f.show({o.first_seen_in}, "CKA_ID has no bytes");
    f.advice = "Give certificate and key the same ID, which is not empty.";
    f.commands = {list_command(s)};
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
      return o.object_class == CKO_PRIVATE_KEY && has_name && (o.slot == q.slot || q.slot == unknown);
    });
    if (key == all.end() || went_on(s, q.last)) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("The token has the ", model::describe_short(*key),
                " and no public key object beside it, which the client looks for.");
    f.show({q.first}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.advice =
        "Write the public key to the token with the same ID and label: many tools read the modulus or the curve's "
        "point only from there.";
    f.commands = {cat("pkcs11-tool --module ", s.d.module, " --login --write-object key.pub.der --type pubkey --id ",
                      key->id ? model::describe_id(*key->id) : "ID")};
  }
}

void private_invisible(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    if (q.object_class != CKO_PRIVATE_KEY || q.found != 0 || !q.login_required || q.logged_in) continue;
    // A login came later, or was tried and failed: then that is the story.
    if (s.d.logins.succeeded() != 0 || s.d.logins.tried() != 0 || went_on(s, q.last)) continue;
    auto& f = add(out, s, r);
    // Programs that list what there is do so without a PIN, too.
    if (s.d.is_inspection_tool()) f.level = severity::info;
    f.about = topic::not_logged_in;
    f.say = cat("The client searched ", q.slot_name, " for private keys without logging in, and saw none.");
    f.show({q.first, q.last}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.show({}, "the token has CKF_LOGIN_REQUIRED, and C_Login was never called");
    f.advice =
        "Give the client the PIN, or tell it to log in (pkcs11-provider: pkcs11-module-login-behavior = always; "
        "PKCS#11 URI: pin-value or pin-source; libp11: PIN or PKCS11_FORCE_LOGIN).";
    f.commands = {list_command(s)};
    return;
  }
}

void handle_stale(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID})) {
    const auto& first = i->samples.front();
    auto& f = add(out, s, r);
    f.about = topic::key_use;
    std::string why;
    if (first.object_end)
      why = cat("it was destroyed in call ", first.object_end->ended_in);
    else if (first.object_handle == 0)
      why = "it is 0, which no object ever has: a search that found nothing was not noticed";
    else if (first.finalized_in != 0)
      why = cat("it is from before C_Finalize (call ", first.finalized_in, "), which ends all handles");
    else if (!first.session_open)
      why = "its session is gone";
    else
      why = first.key ? "the token knows it no longer: the object, or the login that made it visible, is gone"
                      : "it comes from no search of this tape: another process or an earlier run had it";
    f.say =
        cat("The handle ", first.object_handle, " is used for ", name_of(i->which), " and is not valid: ", why, ".");
    show_incident(f, *i);
    f.advice =
        "Handles must be looked up again after each C_Login, C_Logout and C_Initialize; they are good in one process "
        "only.";
    soften(f, s, *i);
  }
}

void attribute_refused(const rule_input& s, const rule& r, findings& out) {
  const auto last = s.d.objects.reads().last_refused;
  // Who lists objects, or shows what he has made, asks for all that there may be.
  if (last == 0 || s.d.is_inspection_tool() || s.d.objects.created() != 0) return;
  // Only where it was the last thing that the client did: asking for what there is not is normal otherwise.
  for (const auto* i : s.d.failed_calls.with({CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID})) {
    if (i->which != function::C_GetAttributeValue || i->last != last) continue;
    u64 later = 0;
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
    if (later > last || s.d.life.used_keys != 0) continue;
    // A log that ends here need not be where the client stopped.
    if (s.d.imported && s.d.tally.total().last == last) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("The last thing that the client did was to read an attribute that it may not have (",
                short_code(i->value), ").");
    show_incident(f, *i);
    f.advice = i->value == CKR_ATTRIBUTE_SENSITIVE
                   ? "The client wants the value of a key that never leaves the token: have it use the key there."
                   : "The module does not know an attribute that the client depends on: look for a newer module, or "
                     "another client.";
  }
}

void template_refused(const rule_input& s, const rule& r, findings& out) {
  for (const auto& i : s.d.failed_calls.all()) {
    const auto does = i.which == model::unknown_function ? cryptoki::effect::none : cryptoki::row(i.which).does;
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
                : cat(name_of(i.which), " failed: the token refused the attributes of the ",
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
      for (const auto& a : t.all) names.push_back(attribute_name(a.type));
      if (!names.empty()) f.show({i.first}, cat(which, " has ", listed(names, 16)));
    };
    show_names(first.values, first.more_values.given ? "the public key's template" : "the template");
    show_names(first.more_values, "the private key's template");
    speaker by{};
    const bool is_mq = s.set.is_mq || (speaker_of(s.d.program, by) && by == speaker::mq);
    if (!f.advice.empty() && session_key && is_mq)
      f.advice += " A session key on the token: MQ can keep them off it, SYMMETRIC_CIPHER_OFF.";
    if (f.advice.empty())
      f.advice = session_key && is_mq
                     ? "A session key was to be made on the token, which cannot do that: MQ: SYMMETRIC_CIPHER_OFF."
                 : session_key && by == speaker::java
                     ? "A session key was to be made on the token, which cannot do that: Java: disabledMechanisms."
                     : "Compare the template with the token's documentation: an attribute is missing, not allowed, or "
                       "has a value that this token does not take.";
    apply_habits(f, s, i);
    soften(f, s, i);
    if (is_nss) {
      f.level = severity::info;
      f.harmless = true;
      f.fault = fault::client;
      f.say = cat(name_of(i.which), ": the token refused an object of NSS's own, and NSS goes on without it.");
      f.cause = "NSS stores trust settings and vendor attributes in tokens, which most refuse.";
      f.advice = "";
    }
  }
}

}  // namespace p11tape::diagnose::rule_functions
