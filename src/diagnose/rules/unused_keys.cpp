// SPDX-License-Identifier: Apache-2.0
// P21b: the client examined keys and used none.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/object_phrases.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;
using model::object;

// Programs that are there to use a private key: that they looked and used none is a failure.
bool signs(std::string_view program) noexcept {
  for (const std::string_view name : {"jarsigner", "osslsigncode", "openssl", "nginx", "httpd", "apache2", "stunnel",
                                      "jsign", "cosign", "sbsign", "curl", "openvpn", "wpa_supplicant"})
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

}  // namespace

// libp11 and others read through all objects of a class and choose by themselves: what they wanted is not on the tape.
void key_not_chosen(const rule_input& s, const rule& r, findings& out) {
  const auto& all = s.d.objects.searches();
  const auto tried = [&](function f) { return s.d.tally.of(f).calls != 0; };
  if (tried(function::C_SignInit) || tried(function::C_DecryptInit) || tried(function::C_SignRecoverInit) ||
      tried(function::C_DeriveKey) || s.d.key_uses.count != 0 || s.d.objects.created() != 0)
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
        "The token is empty, or it is the wrong token, or the module was still reading its objects in the background.";
    f.advice =
        "List the objects manually. If there are any, make the client wait a second after the login, or use a newer "
        "module.";
    f.commands = {list_objects(s)};
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
  f.say = cat("The client logged in, examined ", counted(seen.size(), "private key"), " and used none.");
  f.show({listing->first, listing->last}, cat("searched for all private keys and found: ", listed(seen, 20)));
  f.cause =
      cat("likely: the client needs another label, alias or ID than ", seen.size() == 1 ? "this one has" : "these have",
          "; it compares them itself, so the tape does not show which one it needs.");
  f.advice = "Compare these with the client's configuration, character by character: alias, label, object= and id=.";
  const auto by = speaker_of(s.d.program);
  const bool takes_uris = !by || by == speaker::openssl || by == speaker::gnutls;
  if (takes_uris && !address.empty())
    f.advice += cat(" The URI of the key is ", address, " (id= is percent-encoded bytes).");
  f.commands = {list_objects(s)};
}

}  // namespace p11tape::diagnose::rule_functions
