// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/call_preconditions.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::function;

constexpr precondition_row rows[] = {
#define PRECONDITION(id, who, section, text, codes, advice) \
  {precondition::id, #id, fault::who, section, text, codes, advice},
#define NEEDS(function, ids)
#include "diagnose/tables/call_preconditions.def"
#undef PRECONDITION
#undef NEEDS
};

constexpr std::string_view needs[] = {
#define PRECONDITION(id, who, section, text, codes, advice)
#define NEEDS(function, ids) ids,
#include "diagnose/tables/call_preconditions.def"
#undef PRECONDITION
#undef NEEDS
};
static_assert(std::size(needs) == cryptoki::function_count);

struct uses_row {
  u64 type;
  std::string_view uses;
};

constexpr uses_row mechanism_uses[] = {
#define MECHANISM_USES(name, uses) {name, uses},
#include "diagnose/tables/mechanism_uses.def"
#undef MECHANISM_USES
};

struct use_row {
  std::string_view part;   // of the function's name
  std::string_view word;   // in mechanism_uses.def
  std::string_view words;  // for people
  u64 flag;
};

// The first row whose part is in the name.
constexpr use_row function_uses[] = {
    {"SignRecover", "recover", "signing with recovery", CKF_SIGN_RECOVER},
    {"VerifyRecover", "recover", "verification with recovery", CKF_VERIFY_RECOVER},
    {"SignInit", "sign", "signing", CKF_SIGN},
    {"VerifyInit", "sign", "verification", CKF_VERIFY},
    {"VerifySignatureInit", "sign", "verification", CKF_VERIFY},
    {"EncryptInit", "encrypt", "encryption", CKF_ENCRYPT},
    {"DecryptInit", "encrypt", "decryption", CKF_DECRYPT},
    {"DigestInit", "digest", "digests", CKF_DIGEST},
    {"GenerateKeyPair", "generate", "key pair generation", CKF_GENERATE_KEY_PAIR},
    {"GenerateKey", "generate", "key generation", CKF_GENERATE},
    {"UnwrapKey", "wrap", "unwrapping", CKF_UNWRAP},
    {"WrapKey", "wrap", "wrapping", CKF_WRAP},
    {"DeriveKey", "derive", "key derivation", CKF_DERIVE},
    {"EncapsulateKey", "encapsulate", "encapsulation", CKF_ENCAPSULATE},
    {"DecapsulateKey", "encapsulate", "decapsulation", CKF_DECAPSULATE},
};

const use_row* find_use(function f) noexcept {
  const auto name = cryptoki::row(f).name;
  for (const auto& u : function_uses)
    if (name.find(u.part) != std::string_view::npos) return &u;
  return nullptr;
}

bool has_word(std::string_view words, std::string_view word) noexcept {
  for (std::size_t at = 0; (at = words.find(word, at)) != std::string_view::npos; at += word.size()) {
    const bool begins = at == 0 || words[at - 1] == ' ';
    const auto end = at + word.size();
    if (begins && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

// ---- One function for each precondition

struct answer {
  diagnose::verdict verdict = verdict::unclear;
  std::string text;
};

answer held() { return {verdict::held, {}}; }
answer violated(std::string text) { return {verdict::violated, std::move(text)}; }

answer look_library(function, const sample& s) {
  if (s.initialized) return held();
  if (s.finalized_in != none) return violated(cat("C_Finalize in call ", s.finalized_in, " had finalised the module"));
  return {};
}

answer look_slot(function, const sample& s) {
  if (s.slot == none) return {};
  if (s.slot_listed) return held();
  if (!s.slots_asked) return violated("C_GetSlotList was not called before");
  std::vector<std::string> ids;
  for (const auto id : s.listed_slots) ids.push_back(std::to_string(id.value()));
  return violated(cat("C_GetSlotList had returned ", ids.empty() ? std::string("no slot") : listed(ids, 8)));
}

answer look_token(function, const sample& s) {
  if (s.token_known && s.value != CKR_TOKEN_NOT_PRESENT) return held();
  if (!s.slot_known) return {};
  return (s.slot_flags & CKF_TOKEN_PRESENT) != 0 ? held() : violated("C_GetSlotInfo reported no token in the slot");
}

answer look_token_ready(function, const sample& s) {
  if (!s.token_known) return {};
  return (s.token_flags & CKF_TOKEN_INITIALIZED) != 0 ? held() : violated("the token lacks CKF_TOKEN_INITIALIZED");
}

answer look_no_session(function, const sample& s) {
  if (s.slot == none) return {};
  if (s.sessions_on_slot == 0) return {};  // another process may have one
  return violated(cat(counted(s.sessions_on_slot, "session"), " of this process ",
                      s.sessions_on_slot == 1 ? "was" : "were", " open on the token"));
}

answer look_session(function, const sample& s) {
  if (s.session_handle == none) return {};
  if (s.session_open) return held();
  if (s.session_end) return violated(cat("call ", s.session_end->ended_in, " had ended the session"));
  return s.session_handle.value() == CK_INVALID_HANDLE ? violated("the session handle is 0, which is never valid")
                                                       : answer{};
}

answer look_writes(function f, const sample& s) {
  if (!s.session_open || s.session_flags == unknown) return {};
  const bool always = f == function::C_InitPIN || f == function::C_SetPIN;
  const bool token_object = s.values.is(CKA_TOKEN) || s.more_values.is(CKA_TOKEN) ||
                            (s.key && s.key->is(model::bit_token) && !s.values.given);
  if (!always && !token_object) return {};
  return s.session_writes ? held() : violated("the session was opened without CKF_RW_SESSION");
}

answer look_login(function, const sample& s) {
  if (s.logged_in) return held();
  if (!s.login_required || !s.login_known) return {};
  return violated("the token has CKF_LOGIN_REQUIRED, and no user was logged in");
}

answer look_so_login(function, const sample& s) {
  if (!s.login_known) return {};
  if (s.user == CKU_SO) return held();
  return violated(s.logged_in ? "the user was logged in, not the security officer" : "no user was logged in");
}

answer look_begun(function, const sample& s) {
  if (!s.session_open) return {};
  return s.operation.active ? held() : violated("no operation of this kind was active in the session");
}

answer look_idle(function, const sample& s) {
  if (!s.session_open) return {};
  return s.operation.active ? violated(cat("call ", s.operation.begun_in, " had started one that was still active"))
                            : held();
}

answer look_object(function, const sample& s) {
  if (s.object_handle == none) return {};
  if (s.object_handle.value() == CK_INVALID_HANDLE) return violated("the handle is 0, which is never valid");
  if (s.object_end) return violated(cat("call ", s.object_end->ended_in, " had destroyed the object"));
  return s.key ? held() : answer{};
}

answer look_key_class(function f, const sample& s) {
  const auto* u = find_use(f);
  if (!s.key || s.key->object_class == unknown || u == nullptr) return {};
  const auto of = s.key->object_class;
  if (of == CKO_SECRET_KEY) return held();
  const bool wants_public = u->flag == CKF_VERIFY || u->flag == CKF_VERIFY_RECOVER || u->flag == CKF_ENCRYPT ||
                            u->flag == CKF_WRAP || u->flag == CKF_ENCAPSULATE;
  const auto wanted = wants_public ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY;
  if (of == wanted) return held();
  return violated(cat(u->words, " needs a ", wants_public ? "public" : "private", " or secret key, but this is ",
                      of == CKO_PUBLIC_KEY    ? "a public key"
                      : of == CKO_PRIVATE_KEY ? "a private key"
                      : of == CKO_CERTIFICATE ? "a certificate"
                                              : "another object"));
}

struct bit_row {
  u64 flag;
  model::object_bits bit;
  std::string_view attribute;
};

constexpr bit_row bits[] = {
    {CKF_SIGN, model::bit_sign, "CKA_SIGN"},          {CKF_VERIFY, model::bit_verify, "CKA_VERIFY"},
    {CKF_ENCRYPT, model::bit_encrypt, "CKA_ENCRYPT"}, {CKF_DECRYPT, model::bit_decrypt, "CKA_DECRYPT"},
    {CKF_WRAP, model::bit_wrap, "CKA_WRAP"},          {CKF_UNWRAP, model::bit_unwrap, "CKA_UNWRAP"},
    {CKF_DERIVE, model::bit_derive, "CKA_DERIVE"},
};

answer look_key_use(function f, const sample& s) {
  const auto flag = mechanism_flag_of(f);
  if (!s.key) return {};
  for (const auto& b : bits) {
    if (b.flag != flag) continue;
    if (s.key->is(b.bit)) return held();
    if (s.key->is_not(b.bit)) return violated(cat("the key has ", b.attribute, " = CK_FALSE"));
  }
  return {};
}

answer look_key_mechanisms(function, const sample& s) {
  if (!s.key || s.key->allowed_mechanisms.empty() || s.mechanism == unknown) return {};
  const auto& all = s.key->allowed_mechanisms;
  if (std::find(all.begin(), all.end(), s.mechanism) != all.end()) return held();
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const auto m : all) names.push_back(mechanism(m));
  return violated(cat("CKA_ALLOWED_MECHANISMS of the key is ", listed(names)));
}

// The key type in a mechanism's name; `unknown` where the name has none, or more than one fits.
u64 key_type_of(std::string_view name) noexcept {
  if (name.find("_KEY_GEN") != std::string_view::npos || name.find("_PAIR_GEN") != std::string_view::npos)
    return unknown;
  if (name.find("RSA_") != std::string_view::npos) return CKK_RSA;
  if (name.starts_with("CKM_ECDSA")) return CKK_EC;
  if (name.starts_with("CKM_EDDSA")) return CKK_EC_EDWARDS;
  if (name.starts_with("CKM_AES_")) return CKK_AES;
  if (name.starts_with("CKM_DES3_")) return CKK_DES3;
  if (name.starts_with("CKM_ML_DSA")) return CKK_ML_DSA;
  if (name.starts_with("CKM_ML_KEM")) return CKK_ML_KEM;
  return unknown;
}

answer look_key_type(function, const sample& s) {
  if (!s.key || s.key->key_type == unknown || s.mechanism == unknown) return {};
  const auto wanted = key_type_of(mechanism(s.mechanism));
  if (wanted == unknown) return {};
  if (wanted == s.key->key_type) return held();
  return violated(cat(mechanism(s.mechanism), " works with keys of type ", cryptoki::display_name("key_type", wanted),
                      ", but the key is of type ", cryptoki::display_name("key_type", s.key->key_type)));
}

answer look_key_size(function, const sample& s) {
  u64 size = s.key && !s.values.given ? s.key->bits : 0;
  if (const auto n = s.values.number(CKA_MODULUS_BITS, 0); n != 0) size = n;
  const auto in_bytes = s.values.number(CKA_VALUE_LEN, 0);
  if (size == 0) size = 8 * in_bytes;
  if (!s.limits || s.limits->max_key == 0 || size == 0) return {};
  // Bits or bytes: the standard says which for each mechanism, and modules do as they like.
  const auto fits = [&](u64 n) { return n >= s.limits->min_key && n <= s.limits->max_key; };
  if (fits(size) || (size % 8 == 0 && fits(size / 8))) return held();
  return violated(cat("the token offers ", mechanism(s.mechanism), " for keys of ", s.limits->min_key, " to ",
                      s.limits->max_key, ", but this one has ", size, " bits"));
}

answer look_extractable(function, const sample& s) {
  if (!s.second_key) return {};
  if (s.second_key->is_not(model::bit_extractable))
    return violated(cat("the key to be wrapped has CKA_EXTRACTABLE = CK_FALSE: ", s.second_key_name));
  return s.second_key->is(model::bit_extractable) ? held() : answer{};
}

answer look_mechanism(function, const sample& s) {
  if (s.mechanism == unknown || !s.mechanisms_known) return {};
  return s.offered ? held() : violated(cat("C_GetMechanismList had not listed ", mechanism(s.mechanism)));
}

answer look_mechanism_use(function f, const sample& s) {
  if (s.mechanism == unknown || use_of(f).empty()) return {};
  return is_for(s.mechanism, f) ? held() : violated(cat(mechanism(s.mechanism), " is not a mechanism for ", use_of(f)));
}

answer look_mechanism_flag(function f, const sample& s) {
  const auto flag = mechanism_flag_of(f);
  if (!s.limits || flag == 0 || s.limits->flags == 0) return {};
  return (s.limits->flags & flag) != 0 ? held()
                                       : violated(cat("C_GetMechanismInfo for ", mechanism(s.mechanism), " has no ",
                                                      cryptoki::display_name("mechanism_flags", flag)));
}

answer look_parameter(function f, const sample& s) {
  if (s.mechanism == unknown || !s.parameter_known) return {};
  const auto trouble = check_parameter(f, s);
  if (!trouble) return held();
  return trouble->is_certain ? violated(trouble->seen) : answer{};
}

answer look_pin_length(function, const sample& s) {
  if (!s.pin_known || s.max_pin == 0 || s.max_pin == unknown) return {};
  if (s.pin_length >= s.min_pin && s.pin_length <= s.max_pin) return held();
  return violated(
      cat("the PIN has ", counted(s.pin_length, "byte"), ", but the token accepts ", s.min_pin, " to ", s.max_pin));
}

answer look_serial(function, const sample& s) {
  if (s.flags == unknown) return {};
  return (s.flags & CKF_SERIAL_SESSION) != 0 ? held() : violated("the flags lack CKF_SERIAL_SESSION");
}

answer look(precondition p, function f, const sample& s) {
  switch (p) {
#define PRECONDITION(id, who, section, text, codes, advice) \
  case precondition::id:                                    \
    return look_##id(f, s);
#define NEEDS(function, ids)
#include "diagnose/tables/call_preconditions.def"
#undef PRECONDITION
#undef NEEDS
  }
  return {};
}

bool reports(std::string_view codes, u64 value) {
  if (value >= CKR_VENDOR_DEFINED) return true;
  switch (value) {  // these say nothing
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED:
    case CKR_ARGUMENTS_BAD:
      return true;
    default:
      break;
  }
  const auto name = cryptoki::name_of("return_value", value);
  return name.starts_with("CKR_") && has_word(codes, name.substr(4));
}

}  // namespace

std::span<const precondition_row> preconditions() noexcept { return rows; }

std::vector<judgement> judge(function which, u64 value, const sample& s) {
  std::vector<judgement> all;
  if (which == model::unknown_function) return all;
  const auto words = needs[static_cast<std::size_t>(which)];
  for (const auto& row : rows) {
    if (!has_word(words, row.name)) continue;
    auto found = look(row.id, which, s);
    all.push_back({&row, found.verdict, std::move(found.text), reports(row.codes, value)});
  }
  return all;
}

const judgement* cause_among(const std::vector<judgement>& all) noexcept {
  for (const auto& j : all)
    if (j.verdict == verdict::violated && j.fits) return &j;
  return nullptr;
}

bool is_for(u64 type, function which) noexcept {
  const auto* use = find_use(which);
  if (use == nullptr) return true;
  for (const auto& m : mechanism_uses)
    if (m.type == type) return has_word(m.uses, use->word);
  return true;
}

bool has_uses(u64 type) noexcept {
  return std::any_of(std::begin(mechanism_uses), std::end(mechanism_uses),
                     [&](const auto& m) { return m.type == type; });
}

std::string_view use_of(function which) noexcept {
  const auto* use = find_use(which);
  return use == nullptr ? std::string_view() : use->words;
}

u64 mechanism_flag_of(function which) noexcept {
  const auto* use = find_use(which);
  return use == nullptr ? 0 : use->flag;
}

}  // namespace p11tape::diagnose
