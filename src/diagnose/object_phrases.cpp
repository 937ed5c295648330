// SPDX-License-Identifier: Apache-2.0
#include "diagnose/object_phrases.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"

namespace p11tape::diagnose {

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

// The process found its way: it used a key, or made what it had not found.
bool went_on(const rule_input& s, call_number call) noexcept {
  return s.d.key_uses.last > call || s.d.objects.last_created() > call;
}

bool found_otherwise(const rule_input& s, const searched& q) noexcept {
  const auto tried_later =
      std::max(s.d.tally.of(function::C_SignInit).last, s.d.tally.of(function::C_DecryptInit).last);
  const auto& all = s.d.objects.known();
  return tried_later > q.last && std::any_of(all.begin(), all.end(), [&](const object& o) {
           return o.object_class == q.object_class && o.slot == q.slot && (!q.id || o.id == q.id) &&
                  (!q.label || o.label == q.label);
         });
}

}  // namespace p11tape::diagnose
