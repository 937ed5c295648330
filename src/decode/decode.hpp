// SPDX-License-Identifier: Apache-2.0
// What the bytes of a value mean: offline decoders, from bytes to a line of text and the same facts in pieces.
//
// Every decoder is a pure function of its input, trusts none of it, and never throws for what the bytes say: bytes that
// make no sense leave `text` empty and say why in `trouble`, and the caller shows them raw. Only certificate.cpp uses
// libcrypto, and so this room is linked into the program and never into the recorder. The renderer, which both of them
// link, sees nothing of it but the type attribute_decoder below: its options hold one, and the program puts
// decode::attribute there. Without one, values are shown as text or hex.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::decode {

using bytes = std::span<const std::uint8_t>;

/// A piece of what a value means, for JSON: {"subject", "CN=Example"}.
struct fact {
  std::string name;
  std::string text;

  bool operator==(const fact&) const = default;
};

struct meaning {
  std::string text;         ///< one line for people, safe to print; "" where the bytes make no sense
  std::vector<fact> facts;  ///< the same in pieces; may be empty where the text says it all
  std::string trouble;      ///< why the bytes make no sense, for people; "" where they do

  explicit operator bool() const noexcept { return trouble.empty() && !text.empty(); }
};

/// Decodes the value of an attribute (CKA_*) by the form that its row gives; without `text` and without `trouble` where
/// nothing is known of the type. The value of CKA_VALUE is decoded where it is a certificate.
using attribute_decoder = meaning (*)(std::uint64_t type, bytes value);

meaning attribute(std::uint64_t type, bytes value);

/// DER Name (X.501) as the text of RFC 4514, most significant part last; "(empty)" for one without parts.
meaning name(bytes der);

/// An X.509 certificate: subject, issuer, serial, validity, key kind and size, SHA-256 of the whole.
meaning certificate(bytes der);

/// DER INTEGER as hex and, where it is short, decimal.
meaning integer(bytes der);

/// DER OBJECT IDENTIFIER as dotted numbers and, where it is well known, its name.
meaning oid(bytes der);

/// EC parameters (CKA_EC_PARAMS): the curve of an OID or a PrintableString, or "explicit parameters".
meaning curve(bytes der);

/// An EC point (CKA_EC_POINT), with or without the DER OCTET STRING around it: form, field size.
meaning point(bytes value);

/// SubjectPublicKeyInfo (CKA_PUBLIC_KEY_INFO): key kind and size.
meaning public_key(bytes der);

/// CK_DATE: eight digits as YYYY-MM-DD; "none" for an empty value.
meaning date(bytes value);

/// A big-endian unsigned integer: bit length, and the number in hex (shortened where it is long).
meaning big(bytes value);

/// UTF-8 in quotes, with all that could mislead a reader escaped.
meaning text(bytes value);

}  // namespace p11tape::decode
