// SPDX-License-Identifier: Apache-2.0
// Public keys: curves, points, SubjectPublicKeyInfo.
#include "decode/der.hpp"
#include "text/safe.hpp"

namespace p11tape::decode {
namespace {

/// "explicit parameters, 256-bit prime field" (ECParameters of X9.62).
std::string explicit_parameters(bytes content) {
  der::element version, field, kind, modulus;
  std::string out = "explicit parameters";
  if (!der::take(content, der::integer_tag, version) || !der::take(content, der::sequence_tag, field)) return out;
  auto rest = field.content;
  if (!der::take(rest, der::oid_tag, kind)) return out;
  const auto name = der::name_of_oid(der::dotted(kind.content));
  if (name == "prime-field" && der::take(rest, der::integer_tag, modulus))
    return out + ", " + std::to_string(der::bit_length(modulus.content)) + "-bit prime field";
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

/// The bytes of a BIT STRING of whole bytes.
bool whole_bits(const der::element& e, bytes& out) noexcept {
  if (e.content.empty() || e.content[0] != 0) return false;
  out = e.content.subspan(1);
  return true;
}

}  // namespace

meaning curve(bytes encoded) {
  auto rest = encoded;
  der::element e;
  if (!der::take(rest, e) || !rest.empty()) return {{}, {}, "not EC parameters"};
  switch (e.tag) {
    case der::oid_tag:
      return oid(encoded);
    case der::printable_string_tag:
      return {text::safe_text(e.content), {{"name", text::safe_text(e.content)}}, {}};
    case der::sequence_tag:
      return {explicit_parameters(e.content), {}, {}};
    case der::null_tag:
      return {"the issuer's parameters (implicitCurve)", {}, {}};
    default:
      return {{}, {}, "not EC parameters"};
  }
}

meaning point(bytes value) {
  // The standard wants an OCTET STRING around the point (a BIT STRING was allowed for Edwards curves); many modules
  // leave it out. Its tag is also the first byte of an uncompressed point, so the length and what is inside decide.
  der::element e;
  bytes inside;
  std::string form, wrapping;
  if (der::only(value, der::octet_string_tag, e)) {
    form = point_form(e.content);
    wrapping = "OCTET STRING";
  } else if (der::only(value, der::bit_string_tag, e) && whole_bits(e, inside)) {
    form = point_form(inside);
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
  der::element info, algorithm, type, key, sequence, modulus;
  if (!der::only(encoded, der::sequence_tag, info)) return {{}, {}, "not a SubjectPublicKeyInfo"};
  auto rest = info.content;
  if (!der::take(rest, der::sequence_tag, algorithm) || !der::take(rest, der::bit_string_tag, key) || !rest.empty())
    return {{}, {}, "not a SubjectPublicKeyInfo"};
  auto parameters = algorithm.content;
  if (!der::take(parameters, der::oid_tag, type)) return {{}, {}, "not a SubjectPublicKeyInfo"};
  const auto numbers = der::dotted(type.content);
  if (numbers.empty()) return {{}, {}, "not a SubjectPublicKeyInfo"};

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
  bytes bits;
  bool found = false;
  if (name.starts_with("RSA") && whole_bits(key, bits) && der::only(bits, der::sequence_tag, sequence)) {
    bits = sequence.content;
    found = der::take(bits, der::integer_tag, modulus);
  } else if (name == "DSA" || name.ends_with("DH")) {
    found = der::take(parameters, der::sequence_tag, sequence);
    bits = sequence.content;
    found = found && der::take(bits, der::integer_tag, modulus);
  }
  if (found) {
    const auto size = std::to_string(der::bit_length(modulus.content));
    out.text += " " + size + " bits";
    out.facts.push_back({"bits", size});
  }
  return out;
}

}  // namespace p11tape::decode
