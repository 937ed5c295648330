// SPDX-License-Identifier: Apache-2.0
#include "replay/skip_rules.hpp"

#include "cryptoki/pkcs11.hpp"

namespace p11tape::replay {
namespace {

using cryptoki::effect;
using cryptoki::function;

// An object that goes when its session does, and that this very replay makes.
bool is_ours(const step& s, const plan& p) {
  for (const auto& u : s.uses)
    if (u.kind == handle_kind::object && u.thing != no_thing) {
      const auto& o = p.objects[u.thing];
      const bool stays = o.known.is(model::bit_token) || (o.maker == no_thing && !o.known.is_not(model::bit_token));
      return !stays;
    }
  return false;  // an object that the tape does not know, or none
}

// A copy without a word on CKA_TOKEN is what the original is.
bool says_token(const step& s) {
  tape::item_view item;
  if (s.role.values < 0 || !s.call.arguments().find(static_cast<std::size_t>(s.role.values), item)) return false;
  for (const auto& a : tape::sequence<tape::attribute_view>(item.payload))
    if (a.type == CKA_TOKEN) return true;
  return false;
}

bool writes(const step& s, const plan& p, bool token_object) {
  switch (s.role.does) {
    case effect::init_token:
    case effect::init_pin:
    case effect::set_pin:
      return true;
    case effect::destroy_object:
    case effect::modify_object:
      return !is_ours(s, p);
    case effect::create_object:
      return token_object || (s.role.which == function::C_CopyObject && !says_token(s) && !is_ours(s, p));
    default:
      return false;
  }
}

// Functions that read what a key has made before: ciphertext, signatures, wrapped keys.
bool reads_what_a_key_made(function f) noexcept {
  switch (f) {
    case function::C_DecryptInit:
    case function::C_VerifyInit:
    case function::C_VerifyRecoverInit:
    case function::C_VerifySignatureInit:
    case function::C_MessageDecryptInit:
    case function::C_MessageVerifyInit:
    case function::C_UnwrapKey:
    case function::C_UnwrapKeyAuthenticated:
    case function::C_DecapsulateKey:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_failed_login(const step& s) noexcept {
  if (s.role.does != effect::login || !s.call.ended()) return false;
  switch (s.call.return_value()) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_USER_TOO_MANY_TYPES:
    case CKR_USER_TYPE_INVALID:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_READ_ONLY_EXISTS:
    case CKR_OPERATION_NOT_INITIALIZED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
      return false;
    default:
      return true;
  }
}

skip_reason possible(const step& s) {
  if (s.call.depth > 0) return {reason::nested, s.call.outer, {}};
  if (s.call.function == nullptr) return {reason::not_described, model::none, {}};
  if (!s.call.begun() || s.call.enter.body_lost) return {reason::no_arguments, model::none, {}};
  if (!s.role.same_row) return {reason::not_described, model::none, {}};
  if (s.role.does == effect::wait) return {reason::waits, model::none, {}};
  return {};
}

skip_reason unwise(const step& s, const model::call_context&, const plan& p, const choice& how, bool token_object) {
  if (is_failed_login(s) && !how.allow_failed_logins) return {reason::failed_login, model::none, {}};
  if (!how.allow_writes && writes(s, p, token_object)) return {reason::write, model::none, {}};
  return {};
}

skip_reason pointless(const step& s) {
  const bool worked = s.call.ended() && s.call.return_value() == CKR_OK;
  if (s.fresh && worked && reads_what_a_key_made(s.role.which)) return {reason::other_key, model::none, {}};
  return {};
}

pin_kind pin_of(const step& s, const model::call_context& now) {
  if (s.role.pin < 0 || !s.call.arguments().given(static_cast<std::size_t>(s.role.pin))) return pin_kind::none;
  switch (s.role.does) {
    case effect::login:
      if (is_failed_login(s)) return pin_kind::wrong;
      return now.word(s.role.user) == CKU_SO ? pin_kind::so : pin_kind::user;
    case effect::init_token:
      return pin_kind::so;
    case effect::init_pin:
      return pin_kind::user;
    case effect::set_pin:  // to itself: the new one is not on the tape
      return now.slot != nullptr && now.slot->user == CKU_SO ? pin_kind::so : pin_kind::user;
    default:
      return pin_kind::none;
  }
}

}  // namespace p11tape::replay
