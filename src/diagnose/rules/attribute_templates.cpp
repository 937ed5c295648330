// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/attribute_templates.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "decode/decode.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::function;

enum class how : std::uint8_t { other, create, pair, generate, derive, unwrap };
constexpr u64 any = ~u64{0};

struct required_row {
  diagnose::how how;
  u64 object_class, key_type, attribute;
};
struct forbidden_row {
  diagnose::how how;
  u64 object_class, attribute;
};

constexpr required_row required[] = {
#define REQUIRED(way, object_class, key_type, attribute) {how::way, object_class, key_type, attribute},
#define FORBIDDEN(way, object_class, attribute)
#define TOKEN_ONLY(attribute)
#include "diagnose/tables/attribute_templates.def"
#undef REQUIRED
#undef FORBIDDEN
#undef TOKEN_ONLY
};
constexpr forbidden_row forbidden[] = {
#define REQUIRED(way, object_class, key_type, attribute)
#define FORBIDDEN(way, object_class, attribute) {how::way, object_class, attribute},
#define TOKEN_ONLY(attribute)
#include "diagnose/tables/attribute_templates.def"
#undef REQUIRED
#undef FORBIDDEN
#undef TOKEN_ONLY
};
constexpr u64 token_only[] = {
#define REQUIRED(way, object_class, key_type, attribute)
#define FORBIDDEN(way, object_class, attribute)
#define TOKEN_ONLY(attribute) attribute,
#include "diagnose/tables/attribute_templates.def"
#undef REQUIRED
#undef FORBIDDEN
#undef TOKEN_ONLY
};

how how_of(function f) noexcept {
  switch (f) {
    case function::C_CreateObject:
      return how::create;
    case function::C_GenerateKeyPair:
      return how::pair;
    case function::C_GenerateKey:
      return how::generate;
    case function::C_DeriveKey:
    case function::C_EncapsulateKey:
    case function::C_DecapsulateKey:
      return how::derive;
    case function::C_UnwrapKey:
    case function::C_UnwrapKeyAuthenticated:
      return how::unwrap;
    default:
      return how::other;
  }
}

using kind = template_trouble::kind;

class checker {
 public:
  checker(function which, const sample& s) : which_(which), how_(how_of(which)), s_(s) {}

  std::vector<template_trouble> run() {
    if (!s_.values.given && !s_.more_values.given) return {};
    const bool pair = how_ == how::pair;
    key_type_ = s_.values.number(CKA_KEY_TYPE, any);
    if (s_.mechanism != unknown && (how_ == how::pair || how_ == how::generate)) {
      model::object made;
      model::learn_from_generation(made, s_.mechanism);
      if (made.key_type != unknown) generated_ = made.key_type;
    }
    one(s_.values,
        pair                    ? CKO_PUBLIC_KEY
        : how_ == how::generate ? CKO_SECRET_KEY
                                : s_.values.number(CKA_CLASS, any),
        pair ? "the public key's template" : "the template");
    if (pair) one(s_.more_values, CKO_PRIVATE_KEY, "the private key's template");
    curve();
    rights(pair ? s_.more_values : s_.values);
    return std::move(found_);
  }

 private:
  void add(kind what, bool is_certain, std::string say, std::string seen, std::string cause, std::string advice) {
    found_.push_back({what, is_certain, std::move(say), std::move(seen), std::move(cause), std::move(advice)});
  }

  void one(const given_template& t, u64 object_class, std::string_view name) {
    duplicates(t, name);
    forms(t, name);
    contradictions(t, object_class, name);
    const auto type = generated_ != any ? generated_ : key_type_;
    for (const auto& r : required) {
      if (r.how != how_ || (r.object_class != any && r.object_class != object_class)) continue;
      if ((r.key_type != any && r.key_type != type) || t.has(r.attribute)) continue;
      const auto attribute = attribute_name(r.attribute);
      add(kind::missing, true, cat(attribute, " is missing from ", name), cat(name, " has no ", attribute),
          cat(name_of(which_), " needs ", attribute, " for ",
              r.key_type == any ? std::string("this object")
                                : cat("keys of type ", cryptoki::display_name("key_type", r.key_type)),
              "."),
          cat("Add ", attribute, " to ", name, "."));
    }
    for (const auto& r : forbidden) {
      if (r.how != how_ || (r.object_class != any && r.object_class != object_class) || !t.has(r.attribute)) continue;
      const auto attribute = attribute_name(r.attribute);
      add(kind::forbidden, true, cat(attribute, " is not allowed in ", name), cat(name, " has ", attribute),
          cat(name_of(which_), " makes ", attribute, " itself, or copies it from the other template."),
          cat("Remove ", attribute, " from ", name, "."));
    }
    for (const auto type_only : token_only) {
      if (!t.has(type_only)) continue;
      const auto attribute = attribute_name(type_only);
      add(kind::forbidden, true, cat(attribute, " is in ", name, ", but only the token can set it"),
          cat(name, " has ", attribute), "According to the standard, only the token sets this attribute.",
          cat("Remove ", attribute, " from ", name, "."));
    }
  }

  void duplicates(const given_template& t, std::string_view name) {
    for (std::size_t i = 0; i < t.all.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (t.all[i].type == t.all[j].type) {
          const auto attribute = attribute_name(t.all[i].type);
          return add(kind::duplicate, true, cat(attribute, " is given twice in ", name),
                     cat(name, " has ", attribute, " at positions ", j + 1, " and ", i + 1),
                     "A template can contain an attribute only once. Some modules accept a duplicate, others reject "
                     "it.",
                     cat("Remove one ", attribute, " from ", name, "."));
        }
  }

  void forms(const given_template& t, std::string_view name) {
    for (const auto& a : t.all) {
      const auto* row = cryptoki::find_attribute(a.type);
      if (row == nullptr) continue;
      const auto attribute = attribute_name(a.type);
      const auto wrong = [&](std::string_view wanted) {
        add(kind::wrong_form, true, cat(attribute, " has the wrong form in ", name),
            cat(attribute, " has ", counted(a.length, "byte"),
                a.bytes && !a.bytes->empty() ? cat(", the first is ", hex(static_cast<unsigned char>((*a.bytes)[0])))
                                             : "",
                "; it must be ", wanted),
            cat("The value of ", attribute, " is not ", wanted, "."),
            cat("Make the client pass ", attribute, " as ", wanted, "."));
      };
      const auto begins_with = [&](std::initializer_list<unsigned char> tags) {
        return a.bytes && !a.bytes->empty() &&
               std::find(tags.begin(), tags.end(), static_cast<unsigned char>((*a.bytes)[0])) != tags.end();
      };
      switch (row->kind) {
        case cryptoki::form::flag:
          if (a.length != sizeof(CK_BBOOL)) wrong("a CK_BBOOL (1 byte)");
          break;
        case cryptoki::form::number:
          if (a.length != sizeof(CK_ULONG)) wrong(cat("a CK_ULONG (", sizeof(CK_ULONG), " bytes)"));
          break;
        case cryptoki::form::date:
          if (a.length != 0 && a.length != sizeof(CK_DATE)) wrong("a CK_DATE (8 digits)");
          break;
        case cryptoki::form::integer:
          if (a.bytes && !a.bytes->empty() && !begins_with({0x02})) wrong("a DER INTEGER");
          break;
        case cryptoki::form::name:
          if (a.bytes && !a.bytes->empty() && !begins_with({0x30})) wrong("a DER Name");
          break;
        case cryptoki::form::curve:
          if (a.bytes && (a.bytes->empty() || !begins_with({0x06, 0x13, 0x0c, 0x30, 0x05})))
            wrong("DER (the OID of a named curve)");
          break;
        default:
          break;
      }
    }
  }

  void contradictions(const given_template& t, u64 object_class, std::string_view name) {
    const auto given_class = t.number(CKA_CLASS, any);
    if (given_class != any && object_class != any && given_class != object_class)
      add(kind::contradiction, true, cat("CKA_CLASS in ", name, " is ", class_name(given_class)),
          cat("CKA_CLASS is ", class_name(given_class), ", and ", name_of(which_), " makes a ",
              class_name(object_class)),
          "The class does not match the function or the template.", "Correct CKA_CLASS, or swap the templates.");
    const auto type = t.number(CKA_KEY_TYPE, any);
    if (type != any && generated_ != any && type != generated_) {
      const bool is_class = type == given_class || type == CKO_PUBLIC_KEY || type == CKO_PRIVATE_KEY;
      add(kind::contradiction, true,
          cat("CKA_KEY_TYPE in ", name, " is ", type_name(type), ", and ", mechanism(s_.mechanism), " makes ",
              type_name(generated_)),
          cat("CKA_KEY_TYPE is ", type, " (", type_name(type), ")"),
          is_class ? cat("likely: CKA_KEY_TYPE contains an object class: ", type, " is ", class_name(type), ".")
                   : "The key type does not match the mechanism.",
          cat("Set CKA_KEY_TYPE to ", type_name(generated_), ", or leave it out."));
    }
    const auto* use = &uses_of(object_class);
    for (const auto wrong : *use)
      if (t.is(wrong))
        add(kind::contradiction, true, cat(attribute_name(wrong), " is not valid for a ", class_name(object_class)),
            cat(name, " has ", attribute_name(wrong), " = CK_TRUE"),
            cat("A ", class_name(object_class), " cannot be used for this."),
            cat("Remove ", attribute_name(wrong), " from ", name, "."));
    if ((t.is(CKA_PRIVATE) || t.is(CKA_SENSITIVE)) && s_.login_known && s_.token_known && s_.login_required &&
        !s_.logged_in)
      add(kind::contradiction, true, cat("it creates a private object without a login"),
          cat(t.is(CKA_PRIVATE) ? "CKA_PRIVATE" : "CKA_SENSITIVE", " is CK_TRUE, and no user was logged in"),
          "Private objects can only be created after a login.", "Make the client log in first.");
  }

  static const std::vector<u64>& uses_of(u64 object_class) {
    static const std::vector<u64> of_others,
        of_public{CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP, CKA_SENSITIVE, CKA_EXTRACTABLE},
        of_private{CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP};
    return object_class == CKO_PUBLIC_KEY ? of_public : object_class == CKO_PRIVATE_KEY ? of_private : of_others;
  }

  void curve() {
    const auto* a = s_.values.find(CKA_EC_PARAMS);
    if (a == nullptr) a = s_.more_values.find(CKA_EC_PARAMS);
    if (a == nullptr || !a->bytes) return;
    const auto told = decode::curve({reinterpret_cast<const std::uint8_t*>(a->bytes->data()), a->bytes->size()});
    const auto name = told ? told.facts.empty() ? told.text : told.facts.back().text
                           : std::string("parameters that are not valid DER");
    add(kind::curve, false, cat("the curve ", name, " was rejected"), cat("CKA_EC_PARAMS is ", told ? told.text : name),
        cat("likely: the token does not support the curve ", name, "."),
        "Use a curve that the token supports: P-256 and P-384 are common. Not all modules return "
        "CKR_CURVE_NOT_SUPPORTED.");
  }

  // Every right at once: some HSMs separate signing from decryption.
  void rights(const given_template& t) {
    std::vector<std::string> names;
    for (const auto right :
         {CKA_SIGN, CKA_SIGN_RECOVER, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE, CKA_ENCRYPT, CKA_WRAP, CKA_VERIFY})
      if (t.is(right)) names.push_back(attribute_name(right));
    const bool signs = t.is(CKA_SIGN) || t.is(CKA_SIGN_RECOVER), decrypts = t.is(CKA_DECRYPT) || t.is(CKA_UNWRAP);
    if (names.size() < 2 || !signs || !decrypts) return;
    add(kind::rights, false, cat("the template combines the usages ", listed(names, 8), " together"),
        cat("the template has ", listed(names, 8), " = CK_TRUE"),
        "likely: the token does not allow one key both to sign and to decrypt or unwrap (nShield, some FIPS modes).",
        "Set only the usages that are needed: CKA_SIGN for signatures, or CKA_DECRYPT and CKA_UNWRAP for encryption.");
  }

  static std::string class_name(u64 c) { return cryptoki::display_name("object_class", c); }
  static std::string type_name(u64 t) {
    const auto name = cryptoki::display_name("key_type", t);
    return name.empty() ? std::to_string(t) : name;
  }

  function which_;
  how how_;
  const sample& s_;
  u64 key_type_ = any, generated_ = any;
  std::vector<template_trouble> found_;
};

// How well a kind of trouble explains a return value; 0: not at all.
int weight(const template_trouble& t, u64 value) noexcept {
  const auto of = [&](std::initializer_list<kind> order) {
    int n = static_cast<int>(order.size());
    for (const auto k : order) {
      if (k == t.what) return n + (t.is_certain ? 10 : 0);
      --n;
    }
    return 0;
  };
  switch (value) {
    case CKR_TEMPLATE_INCOMPLETE:
      return of({kind::missing, kind::wrong_form, kind::contradiction});
    case CKR_ATTRIBUTE_READ_ONLY:
      return of({kind::forbidden});
    case CKR_ATTRIBUTE_TYPE_INVALID:
      return of({kind::forbidden, kind::duplicate, kind::curve});
    case CKR_ATTRIBUTE_VALUE_INVALID:
      return of({kind::wrong_form, kind::contradiction, kind::curve});
    case CKR_DOMAIN_PARAMS_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
      return t.what == kind::curve ? 20 : of({kind::wrong_form});
    case CKR_TEMPLATE_INCONSISTENT:
      return of({kind::duplicate, kind::contradiction, kind::wrong_form, kind::forbidden, kind::missing, kind::rights,
                 kind::curve});
    default:
      return of({kind::wrong_form, kind::duplicate, kind::contradiction, kind::missing, kind::forbidden, kind::curve});
  }
}

}  // namespace

std::string attribute_name(u64 type) {
  const auto name = cryptoki::display_name("attribute", type);
  return name.empty() ? cat("attribute ", hex(type)) : name;
}

std::vector<template_trouble> check_templates(function which, const sample& s) {
  if (how_of(which) == how::other) return {};
  return checker(which, s).run();
}

const template_trouble* cause_among(const std::vector<template_trouble>& all, u64 value) noexcept {
  const template_trouble* best = nullptr;
  for (const auto& t : all)
    if (weight(t, value) > 0 && (best == nullptr || weight(t, value) > weight(*best, value))) best = &t;
  return best;
}

}  // namespace p11tape::diagnose
