// SPDX-License-Identifier: Apache-2.0
// P21, P23, P26, P78, P79 and P83: searches, what they found, and how often they were repeated.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/object_phrases.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using model::object;

constexpr u64 ms = 1000000, second = 1000 * ms, day = 86400;

bool resembles(std::string_view a, std::string_view b) {
  const auto x = lower(a), y = lower(b);
  return x == y || (x.size() > 2 && y.find(x) != std::string::npos) || (y.size() > 2 && x.find(y) != std::string::npos);
}

// Labels or IDs on the same token that look like what was searched for, those most alike first.
void show_near(finding& f, const rule_input& s, const searched& q) {
  std::vector<std::string> near, others;
  for (const auto& o : s.d.objects.known()) {
    if (q.slot != none && o.slot != q.slot) continue;
    const bool alike = (q.label && o.label && resembles(*q.label, *o.label)) || (q.id && o.id && *q.id == *o.id) ||
                       (q.label && o.label && *q.label == *o.label);
    auto& list = alike ? near : others;
    if (list.size() < 20) list.push_back(model::describe_short(o));
  }
  if (!near.empty()) f.show({}, cat("on the token there is: ", listed(near)));
  if (near.empty() && !others.empty()) f.show({}, cat("objects of the token on the tape: ", listed(others)));
}

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

}  // namespace

void object_not_found(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.searches();
  for (const auto& q : all) {
    if (!q.is_named() || q.found != 0 || went_on(s, q.last) || found_otherwise(s, q)) continue;
    // Whether the same name was found under another class: then only a part of the pair is missing.
    const auto same_name = [&](const searched& o) {
      return &o != &q && o.found != 0 && o.last_found != none && o.label == q.label && o.id == q.id;
    };
    const bool partly = std::any_of(all.begin(), all.end(), same_name);
    if (partly && q.object_class != CKO_PRIVATE_KEY) continue;
    // A first look in one class, and a second one in another that finds it.
    if (found_in_other_class(s, q)) continue;
    // A private key without a login: that is another rule's.
    if (q.object_class == CKO_PRIVATE_KEY && q.login_required && !q.logged_in) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("The client searched ", q.slot_name, " for a ", wanted(q), " and found none.");
    f.show({q.first, q.last}, cat("searched ", counted(q.times, "time"), ", found 0 objects each time"));
    const auto& known = s.d.objects.known();
    const auto here = [&](const object& o) { return q.slot == none || o.slot == q.slot; };
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
      f.cause = cat("likely: the ID was configured as the text \"", *q.id,
                    "\"; in a PKCS#11 URI, these bytes are written id=", encoded, ".");
      f.advice = cat("Write id=", encoded, " in the pkcs11: URI (RFC 7512 requires percent-encoding).");
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
                    ? "likely: the key has this ID but another label, or none. The search requires both."
                    : "The search requires both the ID and the label: an object that differs in one of them is not "
                      "found.";
      f.advice = "Give the key the label of the certificate, or make the client search by ID only.";
    } else {
      show_near(f, s, q);
      f.advice = "Compare the label and the ID with those on the token, byte by byte.";
      if (q.label)
        for (const auto& o : known)
          if (here(o) && o.label && *o.label != *q.label && lower(*o.label) == lower(*q.label)) {
            f.cause = cat("The label on the token is ", quoted(*o.label), ": only the case differs.");
            break;
          }
    }
    // NSS looks for a certificate and a public key of every key that it meets.
    const bool is_nss = speaker_of(s.d.program) == speaker::nss;
    if (is_nss && !q.label) f.level = severity::info;
    if (q.login_required && !q.logged_in) f.show({}, "there was no login, so private objects were not visible");
    if (q.label) {
      const auto colon = q.label->find(':');
      for (const auto& [id, slot] : s.d.slots)
        if (slot.token && colon != std::string::npos &&
            q.label->substr(0, colon) == label::unpadded(slot.token->label)) {
          f.show({}, cat("the text before the colon is the token label; only the text after it is the object label"));
          break;
        }
      if (lower(*q.label).starts_with("ibmwebspheremq"))
        f.advice +=
            " This is MQ's default label: ibmwebspheremq and the name of the queue manager or user, all in lower "
            "case. Label the certificate so, or set CERTLABL.";
    }
    f.commands = {list_objects(s)};
  }
}

void object_ambiguous(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    // An ID or label with nothing else finds certificate and keys together: that is how it should be.
    if (!q.is_named() || q.object_class == unknown || q.most_found < 2) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("There are ", q.most_found, " objects for a ", wanted(q),
                ": clients use the first one that they "
                "find.");
    f.show({q.first}, cat("C_FindObjects returned ", q.most_found, " handles"));
    f.advice = "Delete or rename objects from earlier imports, and give each key its own label and ID.";
    f.commands = {list_objects(s)};
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
    f.say = cat("The client searched ", q.slot_name, " for private keys without a login and found none.");
    f.show({q.first, q.last}, cat("searched for a ", wanted(q), ": 0 objects"));
    f.show({}, "the token has CKF_LOGIN_REQUIRED, and C_Login was never called");
    f.advice =
        "Configure the PIN, or make the client log in (pkcs11-provider: pkcs11-module-login-behavior = always; "
        "PKCS#11 URI: pin-value or pin-source; libp11: PIN or PKCS11_FORCE_LOGIN).";
    f.commands = {list_objects(s)};
    return;
  }
}

void objects_late(const rule_input& s, const rule& r, findings& out) {
  for (const auto& q : s.d.objects.searches()) {
    if (q.late_found == none || q.late_gap > 60 * second) continue;
    auto& f = add(out, s, r);
    f.about = topic::object;
    f.say = cat("A search on ", q.slot_name, " found nothing, and ", duration(q.late_gap), " later it found objects.");
    f.show({q.late_vain, q.late_found}, "the same search: no objects, then some; the process created none in between");
    f.cause =
        "likely: the module reads the objects of the token in the background after the login, or another process "
        "wrote them at that time.";
    f.advice =
        "Make the client repeat the search after a while, and ask the vendor of the module for a setting or a "
        "newer version.";
    return;
  }
}

void search_incomplete(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.objects.last_open_search();
  if (!o || o->publics == 0 || o->privates != 0 || o->unclear != 0 || s.d.key_uses.count != 0) return;
  if (s.d.objects.created() != 0) return;
  auto& f = add(out, s, r);
  f.about = topic::object;
  f.say = cat("A search without a template found ", counted(o->publics, "public key"), " and no private key.");
  f.show({o->call},
         cat("C_FindObjectsInit with an empty template on ", o->slot_name, ", logged in: ", o->found, " objects"));
  f.cause =
      "Either the private keys are not on this token, or the module omits them from a search without a template. A "
      "search by class (CKO_PRIVATE_KEY) shows which.";
  f.fault = fault::undecidable;
  f.advice = "Search for private keys by class. If this finds them, use a newer version of the module.";
  f.commands = {list_objects(s)};
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
  f.say =
      cat("The client searches for the same key before each use: ", repeated, " searches for ", used, " operations.");
  f.show({worst->first, worst->last}, cat(counted(kinds, "question"), ", asked ", worst->times, " times each at most"));
  f.show({}, cat("searches and reading attributes took ", duration(time), ", ", percent(time, busy),
                 " of the time in the module"));
  f.cause = "The client does not keep the handle of the key between operations.";
  f.advice = "Make the client search for the key once and keep its handle (pkcs11-provider: pkcs11-module-cache-keys).";
}

}  // namespace p11tape::diagnose::rule_functions
