// SPDX-License-Identifier: Apache-2.0
// Public keys: curves, points, SubjectPublicKeyInfo.
#include "decode/der.hpp"
#include "text/safe.hpp"

namespace p11tape::decode {
namespace {

/// "explicit parameters, 256-bit prime field" (ECParameters of X9.62).
std::string explicit_parameters(bytes content) {
  std::string out = "explicit parameters";
  const auto version = der::take(content, der::integer_tag);
  const auto field = der::take(content, der::sequence_tag);
  if (!version || !field) return out;
  auto rest = field->content;
  const auto kind = der::take(rest, der::oid_tag);
  if (!kind) return out;
  const auto name = der::name_of_oid(der::dotted(kind->content));
  if (const auto modulus = der::take(rest, der::integer_tag); modulus && name == "prime-field")
    return out + ", " + std::to_string(der::bit_length(modulus->content)) + "-bit prime field";
  return name.empty() ? out : out + ", " + std::string{name};
}

/// A point as SEC 1 writes it, or the bytes of an Edwards or Montgomery curve; "" for what cannot be one.
std::string point_form(bytes p) {
  if (p.empty()) return {};
  const auto field = [](std::size_t n) { return std::to_string(n) + "-byte field"; };
  if (p.size() == 1 && p[0] == 0) return "the point at infinity";
  // The key lengths of Curve25519 and Curve448 (RFC 8032, RFC 7748) are even or have a free first byte.
  if (p.size() == 32 || p.size() == 56) return std::to_string(p.size()) + " bytes, of an Edwards or Montgomery curve";
  if ((p[0] == 4 || p[0] == 6 || p[0] == 7) && p.size() >= 3 && p.size() % 2 == 1)
    return (p[0] == 4 ? "uncompressed, " : "hybrid, ") + field(p.size() / 2);
  if ((p[0] == 2 || p[0] == 3) && p.size() >= 2) return "compressed, " + field(p.size() - 1);
  if (p.size() == 57) return "57 bytes, of an Edwards curve";
  return {};
}

/// The bytes of a BIT STRING of whole bytes; nothing where it has other bits, or none.
bytes whole_bits(const der::element& e) noexcept {
  return e.content.empty() || e.content[0] != 0 ? bytes() : e.content.subspan(1);
}

/// The modulus or the prime that a SEQUENCE begins with.
std::optional<der::element> first_number(bytes encoded) {
  const auto sequence = der::take(encoded, der::sequence_tag);
  if (!sequence) return {};
  auto rest = sequence->content;
  return der::take(rest, der::integer_tag);
}

}  // namespace

meaning curve(bytes encoded) {
  auto rest = encoded;
  const auto e = der::take(rest);
  if (!e || !rest.empty()) return {{}, {}, "not EC parameters"};
  switch (e->tag) {
    case der::oid_tag:
      return oid(encoded);
    case der::printable_string_tag:
      return {text::safe_text(e->content), {{"name", text::safe_text(e->content)}}, {}};
    case der::sequence_tag:
      return {explicit_parameters(e->content), {}, {}};
    case der::null_tag:
      return {"the issuer's parameters (implicitCurve)", {}, {}};
    default:
      return {{}, {}, "not EC parameters"};
  }
}

meaning point(bytes value) {
  // The standard wants an OCTET STRING around the point (a BIT STRING was allowed for Edwards curves); many modules
  // leave it out. Its tag is also the first byte of an uncompressed point, so the length and what is inside decide.
  std::string form, wrapping;
  if (const auto octets = der::only(value, der::octet_string_tag)) {
    form = point_form(octets->content);
    wrapping = "OCTET STRING";
  } else if (const auto bits = der::only(value, der::bit_string_tag)) {
    form = point_form(whole_bits(*bits));
    wrapping = "BIT STRING";
  }
  if (form.empty()) {
    form = point_form(value);
    wrapping = "none";
  }
  if (form.empty()) return {{}, {}, "not an EC point"};
  meaning out;
  out.text = wrapping == "none" ? form + ", without the OCTET STRING around it"
                                : form + (wrapping == "OCTET STRING" ? "" : ", in a " + wrapping);
  out.facts = {{"form", form}, {"wrapping", wrapping}};
  return out;
}

meaning public_key(bytes encoded) {
  const auto fail = [] { return meaning{{}, {}, "not a SubjectPublicKeyInfo"}; };
  const auto info = der::only(encoded, der::sequence_tag);
  if (!info) return fail();
  auto rest = info->content;
  const auto algorithm = der::take(rest, der::sequence_tag);
  const auto key = der::take(rest, der::bit_string_tag);
  if (!algorithm || !key || !rest.empty()) return fail();
  auto parameters = algorithm->content;
  const auto type = der::take(parameters, der::oid_tag);
  const auto numbers = type ? der::dotted(type->content) : std::string();
  if (numbers.empty()) return fail();

  const auto name = der::name_of_oid(numbers);
  meaning out;
  out.text = name.empty() ? numbers : std::string{name};
  out.facts = {{"kind", out.text}};
  if (name == "EC") {
    if (const auto c = curve(parameters)) {
      const auto& named = c.facts.empty() ? c.text : c.facts.back().text;
      out.text += " " + named;
      out.facts.push_back({"curve", named});
    }
    return out;
  }
  // RSA: SEQUENCE { modulus, exponent }; DSA and DH: the prime is in the parameters.
  std::optional<der::element> modulus;
  if (name.starts_with("RSA")) {
    const auto bits = whole_bits(*key);
    if (der::only(bits, der::sequence_tag)) modulus = first_number(bits);
  } else if (name == "DSA" || name.ends_with("DH")) {
    modulus = first_number(parameters);
  }
  if (modulus) {
    const auto size = std::to_string(der::bit_length(modulus->content));
    out.text += " " + size + " bits";
    out.facts.push_back({"bits", size});
  }
  return out;
}

}  // namespace p11tape::decode
