// SPDX-License-Identifier: Apache-2.0
// Modules that write one line a call or two, of a form that other programs do not have.
//
//   4711:4712:C_Login:1234:CKR_PIN_INCORRECT(a0)            cryptoauthlib
//   C_Login called / C_Login returning CKR_OK               keychain-pkcs11
//   PKCS#11: __pkcs11h_session_login return rv=160-'CKR_PIN_INCORRECT'       pkcs11-helper (OpenVPN)
//
// pkcs11-helper names its own functions; only those that stand for one of the API's are read.
#include "import/bind.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"
#include "import/steps.hpp"

namespace p11tape::import {
namespace {

step cryptoauth(std::string_view text) {
  step s;
  scanner at(text);
  at.blanks();
  const auto process = at.decimal();
  if (!process || !at.character(':')) return s;
  const auto thread = at.number();
  if (!thread || !at.character(':')) return s;
  const auto name = at.name();
  // The number is that of a line of the source.
  if (!name.starts_with("C_") || !at.character(':') || !at.decimal() || !at.character(':')) return s;
  const auto function = find_function(name);
  if (!function) return s;
  const auto result = find_constant(at.name());
  if (!result) return s;
  s.what = step::kind::whole;
  s.function = *function;
  s.process = process;
  s.thread = thread;
  s.result = result;
  s.shown = text.substr(0, text.size() - at.rest.size());
  return s;
}

step keychain(std::string_view text) {
  step s;
  const auto at = text.find("C_");
  if (at == std::string_view::npos || (at > 0 && is_name(text[at - 1]))) return s;
  scanner rest(text.substr(at));
  const auto function = find_function(rest.name());
  if (!function) return s;
  s.function = *function;
  if (rest.literal(" called") && rest.at_end()) {
    s.what = step::kind::begins;
  } else if (rest.literal(" returning ")) {
    s.result = find_constant(rest.name());
    if (s.result) s.what = step::kind::returns;
  }
  s.shown = text.substr(at, text.size() - at - rest.rest.size());  // what stands before it is another program's
  return s;
}

step helper(std::string_view text) {
  constexpr struct {
    std::string_view name;
    cryptoki::function function;
  } known[] = {
      {"pkcs11h_addProvider", cryptoki::function::C_Initialize},
      {"pkcs11h_session_login", cryptoki::function::C_Login},
      {"pkcs11h_session_getObjectAttributes", cryptoki::function::C_GetAttributeValue},
      {"pkcs11h_session_findObjects", cryptoki::function::C_FindObjectsInit},
      {"pkcs11h_session_validate", cryptoki::function::C_GetSessionInfo},
      {"pkcs11h_session_logout", cryptoki::function::C_Logout},
  };
  step s;
  auto at = text.find("PKCS#11: ");
  if (at == std::string_view::npos) return s;
  scanner rest(text.substr(at + 9));
  auto name = rest.name();
  while (name.starts_with('_')) name.remove_prefix(1);
  if (!name.starts_with("pkcs11h")) return s;
  const auto returned = rest.rest.find("return rv=");
  const bool entry = rest.rest.starts_with(" entry");
  if (!entry && returned == std::string_view::npos) return s;
  for (const auto& k : known) {
    if (k.name != name) continue;
    s.function = k.function;
    s.what = step::kind::begins;
    // Without what stands before it, and what the function was given.
    s.shown = text.substr(at, text.size() - at - rest.rest.size() + 6);
    if (entry) return s;
    scanner code(rest.rest.substr(returned + 10));
    s.result = code.signed_decimal();
    s.what = s.result ? step::kind::returns : step::kind::none;
    s.shown = text.substr(at, text.size() - at - code.rest.size());
  }
  return s;
}

template <parse_step parse>
int recognise(std::string_view text) {
  return parse(text).what == step::kind::none ? 0 : 2;
}
template <parse_step parse>
std::unique_ptr<reader> make(call_sink& to) {
  return make_step_reader(to, parse);
}

}  // namespace

const log_kind cryptoauth_log{"cryptoauthlib", "cryptoauthlib", recognise<cryptoauth>, make<cryptoauth>, steps_lack};
const log_kind keychain_log{"keychain-pkcs11", "keychain-pkcs11", recognise<keychain>, make<keychain>, steps_lack};
const log_kind helper_log{"pkcs11-helper", "pkcs11-helper (OpenVPN)", recognise<helper>, make<helper>, steps_lack};

}  // namespace p11tape::import
