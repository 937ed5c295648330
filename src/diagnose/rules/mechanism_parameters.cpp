// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/mechanism_parameters.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"

namespace p11tape::diagnose {
namespace {

struct hash_row {
  u64 type, mask, size;
  std::string_view word;
};

constexpr hash_row hashes[] = {
#define HASH(type, mask, size, word) {type, mask, size, word},
#include "diagnose/tables/hash_mechanisms.def"
#undef HASH
};

const hash_row* find_hash(u64 type) noexcept {
  for (const auto& h : hashes)
    if (h.type == type) return &h;
  return nullptr;
}

// The hash in the name of a mechanism that has one: CKM_SHA256_RSA_PKCS_PSS.
const hash_row* hash_in(std::string_view name) noexcept {
  const hash_row* found = nullptr;
  for (const auto& h : hashes)
    if (name.starts_with("CKM_") && name.substr(4).starts_with(h.word) &&
        name.substr(4 + h.word.size()).starts_with("_"))
      found = &h;
  return found;
}

// The layouts of mechanisms.def that apply to the function: `message` and `wrap` mark those of other calls.
std::vector<std::string_view> layouts_for(std::string_view all, cryptoki::function which) {
  const auto name = cryptoki::row(which).name;
  const bool is_message = name.find("Message") != std::string_view::npos;
  const bool is_wrap = name.find("Authenticated") != std::string_view::npos;
  std::vector<std::string_view> plain, message, wrap;
  auto* to = &plain;
  for (std::size_t at = 0; at < all.size();) {
    const auto end = std::min(all.find(' ', at), all.size());
    const auto word = all.substr(at, end - at);
    at = end + 1;
    if (word == "message") {
      to = &message;
    } else if (word == "wrap") {
      to = &wrap;
    } else {
      to->push_back(word);
      to = &plain;
    }
  }
  if (is_message && !message.empty()) return message;
  if (is_wrap && !wrap.empty()) return wrap;
  return plain;
}

bool is_struct(std::string_view layout) noexcept { return layout.starts_with("CK_"); }

std::string struct_names(const std::vector<std::string_view>& layouts) {
  std::vector<std::string> names;
  names.reserve(layouts.size());
  for (const auto l : layouts)
    names.emplace_back(l == "iv" ? "an initialisation vector" : l == "number" ? "a CK_ULONG" : l);
  return listed(names);
}

parameter_trouble certain(std::string say, std::string seen, std::string cause, std::string advice) {
  return {true, std::move(say), std::move(seen), std::move(cause), std::move(advice)};
}
parameter_trouble likely(std::string say, std::string seen, std::string cause, std::string advice) {
  return {false, std::move(say), std::move(seen), std::move(cause), std::move(advice)};
}

// Missing, not wanted, or of a size that no layout has.
std::optional<parameter_trouble> check_form(cryptoki::function which, const sample& s) {
  const auto* row = cryptoki::find_mechanism(s.mechanism);
  if (row == nullptr || which == model::unknown_function) return {};
  const auto name = mechanism(s.mechanism);
  const auto layouts = layouts_for(row->layouts, which);
  const bool may_be_none = std::find(layouts.begin(), layouts.end(), "none") != layouts.end();
  const bool none_at_all = layouts.size() == 1 && may_be_none;
  if (!s.parameter_given) {
    if (may_be_none || layouts.empty()) return {};
    return certain(cat(name, " was used without its parameter"),
                   cat("pParameter is NULL: no parameter; the standard requires ", struct_names(layouts)),
                   cat("The client did not set the parameter of ", name, "."),
                   cat("Make the client pass ", struct_names(layouts), " as the mechanism parameter."));
  }
  if (none_at_all) {
    if (s.parameter_length == 0) return {};
    return certain(cat(name, " was used with a parameter, but has none"),
                   cat("a parameter of ", counted(s.parameter_length, "byte"), "; the standard allows none"),
                   "The client passed the parameter of another mechanism.",
                   "Make the client pass NULL and length 0 as the mechanism parameter.");
  }
  if (layouts.empty() || !std::all_of(layouts.begin(), layouts.end(), is_struct)) return {};
  const bool known_size = std::any_of(layouts.begin(), layouts.end(), [&](std::string_view l) {
    const auto at = cryptoki::record_named(l);
    return at < cryptoki::record_count && cryptoki::records[at].size == s.parameter_length;
  });
  if (s.parameter_struct == "CK_GCM_PARAMS_WITHOUT_IV_BITS" ||
      (s.mechanism == CKM_AES_GCM && s.parameter_length == sizeof(CK_GCM_PARAMS) - sizeof(CK_ULONG)))
    return certain(
        cat(name, " has the old parameter without ulIvBits, ", s.parameter_length, " bytes"),
        cat("the parameter has ", s.parameter_length,
            " bytes: CK_GCM_PARAMS as in the text of PKCS#11 2.40, without the field ulIvBits; with it, as in the "
            "header, it has ",
            sizeof(CK_GCM_PARAMS), " bytes"),
        "The client was built with CK_GCM_PARAMS without ulIvBits; the module expects the struct of the header.",
        "Use a client that was built with a header whose CK_GCM_PARAMS has ulIvBits (PKCS#11 2.40 errata, 3.0).");
  if (known_size) return {};
  return certain(cat(name, " has a parameter of ", s.parameter_length, " bytes, which is not the size of its struct"),
                 cat("the parameter has ", s.parameter_length, " bytes; ", struct_names(layouts), " has ",
                     cryptoki::record_named(layouts.front()) < cryptoki::record_count
                         ? std::to_string(cryptoki::records[cryptoki::record_named(layouts.front())].size)
                         : std::string("another size")),
                 "The client passes another struct, or was built with another layout (packing, version).",
                 "Compare the client's struct with the one in the standard, field by field.");
}

std::optional<parameter_trouble> check_pss(const sample& s) {
  const auto name = mechanism(s.mechanism);
  const auto hash_type = s.field("hashAlg"), mask = s.field("mgf"), salt = s.field("sLen");
  if (!hash_type || !mask || !salt) return {};
  const auto* hash = find_hash(*hash_type);
  const auto* of_name = hash_in(name);
  if (hash == nullptr)
    return certain(cat(name, " has a hashAlg that is not a hash"), cat("hashAlg is ", mechanism(*hash_type)),
                   "hashAlg must be the mechanism of a hash (CKM_SHA256).", "Make the client set hashAlg to the hash.");
  if (of_name != nullptr && of_name != hash)
    return certain(cat(name, " has a different hash in its parameter: ", mechanism(hash->type)),
                   cat("the mechanism hashes with ", mechanism(of_name->type), ", hashAlg is ", mechanism(hash->type)),
                   "The mechanism and its parameter must name the same hash.",
                   "Make the client set hashAlg to the hash of the mechanism.");
  if (*mask != hash->mask)
    return likely(cat(name, " has a mask function with a different hash than hashAlg"),
                  cat("hashAlg is ", mechanism(hash->type), ", mgf is ", cryptoki::display_name("mgf", *mask)),
                  "The standard allows this, but many modules support only a mask function with the same hash.",
                  "Make the client use the same hash for both.");
  if (s.key && s.key->bits >= 512) {
    const auto room = (s.key->bits - 1 + 7) / 8;
    if (*salt + hash->size + 2 > room)
      return certain(cat("The PSS salt of ", *salt, " bytes is too long for a key of ", s.key->bits, " bits"),
                     cat("hash of ", hash->size, " bytes and salt of ", *salt, " bytes need ", *salt + hash->size + 2,
                         " bytes; the key has ", room),
                     "The salt is too long for the key.", "Use a shorter salt, or a longer key.");
  }
  if (*salt != hash->size)
    return likely(cat(name, " has a salt of ", *salt, " bytes; the hash has ", hash->size),
                  cat("sLen is ", *salt, ", the hash has ", hash->size, " bytes"),
                  "The standard allows any salt length, but some modules support only the length of the hash.",
                  cat("Use a salt of the length of the hash (OpenSSL: rsa_pss_saltlen:digest; pkcs11-tool: "
                      "--salt-len -1)."));
  return {};
}

std::optional<parameter_trouble> check_oaep(const sample& s) {
  const auto name = mechanism(s.mechanism);
  const auto hash_type = s.field("hashAlg"), mask = s.field("mgf"), source = s.field("source");
  if (!hash_type || !mask) return {};
  const auto* hash = find_hash(*hash_type);
  if (hash == nullptr)
    return certain(cat(name, " has a hashAlg that is not a hash"), cat("hashAlg is ", mechanism(*hash_type)),
                   "hashAlg must be the mechanism of a hash (CKM_SHA_1).", "Make the client set hashAlg to the hash.");
  const auto length = s.field("ulSourceDataLen").value_or(0);
  if (source && *source == 0 && length != 0)
    return certain(cat(name, " has a label, but its source is not CKZ_DATA_SPECIFIED"),
                   cat("source is 0, ulSourceDataLen is ", length),
                   "With a label, source must be CKZ_DATA_SPECIFIED (1).",
                   "Make the client set source to CKZ_DATA_SPECIFIED.");
  if (*mask != hash->mask)
    return likely(cat(name, " has a mask function with a different hash than hashAlg"),
                  cat("hashAlg is ", mechanism(hash->type), ", mgf is ", cryptoki::display_name("mgf", *mask)),
                  "The standard allows this, but many modules support only a mask function with the same hash.",
                  "Make the client use the same hash for both.");
  if (hash->type != CKM_SHA_1)
    return likely(
        cat("RSA-OAEP with ", mechanism(hash->type), " (", hash->word, ") was rejected"),
        cat("hashAlg is ", mechanism(hash->type), ", mgf is ", cryptoki::display_name("mgf", *mask)),
        "Some modules support CKM_RSA_PKCS_OAEP only with CKM_SHA_1.",
        "Use OAEP with SHA-1, which is safe in OAEP, or another module. Or use CKM_RSA_X_509 and let the client do "
        "the padding.");
  if (length != 0)
    return likely(cat(name, " has a label of ", counted(length, "byte")), cat("ulSourceDataLen is ", length),
                  "Some modules do not support a label.", "Use OAEP without a label.");
  if (source && *source == 0)
    return likely(cat(name, " has source = 0"), "source is 0, not CKZ_DATA_SPECIFIED (1)",
                  "Some modules require CKZ_DATA_SPECIFIED even without a label; others require 0.",
                  "Make the client set source to CKZ_DATA_SPECIFIED.");
  return {};
}

std::optional<parameter_trouble> check_gcm(const sample& s) {
  const auto name = mechanism(s.mechanism);
  const auto iv = s.field("ulIvLen"), bits = s.field("ulIvBits"), tag = s.field("ulTagBits");
  if (iv && *iv == 0)
    return certain(cat(name, " has an empty IV"), "ulIvLen is 0", "GCM needs an IV; 12 bytes is the usual length.",
                   "Make the client pass an IV of 12 bytes.");
  if (tag && (*tag > 128 || *tag % 8 != 0 || *tag < 32))
    return certain(cat(name, " has ulTagBits = ", *tag), cat("ulTagBits is ", *tag),
                   *tag <= 16 ? "ulTagBits counts bits: 128 is a tag of 16 bytes."
                              : "A GCM tag has 128, 120, 112, 104, 96, 64 or 32 bits.",
                   "Make the client set ulTagBits to 128.");
  if (iv && bits && *bits != 0 && *bits != 8 * *iv)
    return certain(cat(name, " has ulIvBits = ", *bits, " for an IV of ", *iv, " bytes"),
                   cat("ulIvLen is ", *iv, ", ulIvBits is ", *bits), "ulIvBits must be 8 times ulIvLen.",
                   "Make the client set ulIvBits to 8 times ulIvLen.");
  if (iv && bits && *bits == 0)
    return likely(cat(name, " has ulIvBits = 0"), cat("ulIvLen is ", *iv, ", ulIvBits is 0"),
                  "Some modules check ulIvBits.", "Make the client set ulIvBits to 8 times ulIvLen.");
  if (iv && *iv != 12)
    return likely(cat(name, " has an IV of ", *iv, " bytes"), cat("ulIvLen is ", *iv),
                  "The standard allows other lengths, but many modules support only 12 bytes.",
                  "Use an IV of 12 bytes.");
  return {};
}

// An initialisation vector alone is the whole parameter.
std::optional<parameter_trouble> check_iv(const sample& s) {
  const auto name = mechanism(s.mechanism);
  const bool aes = name.starts_with("CKM_AES_CBC") || name == "CKM_AES_OFB" || name == "CKM_AES_CTS";
  const bool des = name.starts_with("CKM_DES_CBC") || name.starts_with("CKM_DES3_CBC");
  if ((!aes && !des) || name.find("ENCRYPT_DATA") != std::string::npos || name.find("MAC") != std::string::npos)
    return {};
  const u64 wanted = aes ? 16 : 8;
  if (!s.parameter_given || s.parameter_length == wanted) return {};
  return certain(cat(name, " has an IV of ", s.parameter_length, " bytes"),
                 cat("the parameter has ", s.parameter_length, " bytes; the IV must have ", wanted),
                 "The IV must have the length of a block.", cat("Make the client pass an IV of ", wanted, " bytes."));
}

}  // namespace

std::optional<parameter_trouble> check_parameter(cryptoki::function which, const sample& s) {
  if (s.mechanism == unknown || !s.parameter_known) return {};
  if (auto t = check_form(which, s)) return t;
  if (s.parameter_struct == "CK_RSA_PKCS_PSS_PARAMS") return check_pss(s);
  if (s.parameter_struct == "CK_RSA_PKCS_OAEP_PARAMS") return check_oaep(s);
  if (s.parameter_struct.starts_with("CK_GCM_") || s.parameter_struct == "CK_AES_GCM_PARAMS") return check_gcm(s);
  return check_iv(s);
}

std::string describe_parameter(const sample& s) {
  if (!s.parameter_given) return "no parameter";
  auto text = cat("parameter of ", counted(s.parameter_length, "byte"));
  if (!s.parameter_struct.empty()) text += cat(", ", s.parameter_struct);
  if (!s.parameter.empty()) text += cat(": ", s.parameter);
  return text;
}

}  // namespace p11tape::diagnose
