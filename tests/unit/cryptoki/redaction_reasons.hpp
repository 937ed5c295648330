// SPDX-License-Identifier: Apache-2.0
// Why each redaction class is recorded as it is: the prose of REDACTION.md, one entry a class. The rest comes from the
// rows.
#pragma once

#include <string_view>

#include "p11tape/row.hpp"

namespace p11tape::test {

struct redaction_reason {
  cryptoki::redaction_class of;
  std::string_view holds;
  std::string_view why;
};

using cryptoki::redaction_class;

inline constexpr redaction_reason redaction_reasons[] = {
    {redaction_class::pin, "PINs of users, security officers and C_LoginUser",
     "What is wrong with a PIN can usually be found without it: whether one was given, how long it is, a space or "
     "newline that was included, and whether it is the one of the call before. The number of a PIN comes from keyed "
     "hashes in memory, with a key that never leaves the process. Neither key nor hash is written, because all short "
     "PINs can be tried. The length counts as part of the secret under `strict`."},
    {redaction_class::password,
     "passwords inside mechanism parameters (PBE, PBKD2, Skipjack), PINs of one-time passwords",
     "As good as the key that is made from them. Their length tells an empty one from a cut one."},
    {redaction_class::key,
     "private components, seeds, ratchet keys, data that becomes part of a key, inputs of key derivations that may be "
     "secret, IVs that are made from a password, and whatever no row describes",
     "Anyone who has it has the key, or part of it. Bytes that nobody described fall in this class, so that a mistake "
     "in a "
     "row hides too much rather than too little. The length says which kind of key it is; `strict` rounds it up to a "
     "power "
     "of two."},
    {redaction_class::value, "CKA_VALUE",
     "It is the certificate of a certificate, the key of a secret key and the content of a data object. A certificate "
     "is "
     "public, and its issuer, subject and expiry are what people look for: it is kept where the bytes pass a strict walk "
     "along the outline of an X.509 certificate, or where the same template says CKO_CERTIFICATE and the bytes have the "
     "outline of something signed (a private key that was stored as a certificate does not). All else is treated as `key`. `strict` keeps the certificate's SHA-256, which tells certificates apart without naming "
     "anyone."},
    {redaction_class::by_otp_type, "values inside CK_OTP_PARAM",
     "The field `type` beside it decides what the value is. Flags, length and format of the output are `parameter`, a "
     "PIN "
     "is `password`. A one-time password, a challenge, a time or a counter is `key`: it is secret, or makes the next "
     "password predictable."},
    {redaction_class::by_prf_type, "values inside CK_PRF_DATA_PARAM",
     "The field `type` beside it decides. The formats of counters and lengths, and handles of keys, are `scalar`; "
     "bytes are "
     "`parameter`: labels and contexts, which both sides know (SP 800-108)."},
    {redaction_class::random, "random numbers from the module, seeds, nonces that may be secret",
     "Keys and nonces are made of it, often by the application itself, outside the module."},
    {redaction_class::state, "saved operation states",
     "A state may hold the data and the keys of the operation in a form that only the module knows."},
    {redaction_class::plain, "input of encryption, and the data that authenticated wrapping protects",
     "It is encrypted because it is confidential."},
    {redaction_class::plain_out, "output of decryption and of verification with recovery", "As above."},
    {redaction_class::wrapped, "wrapped keys, out of and into the module",
     "As safe as the mechanism and the key that wrap it, and some are weak: CKM_NULL wraps by copying. Nothing is "
     "learnt "
     "from the bytes."},
    {redaction_class::ciphertext, "output of encryption and of encapsulation",
     "Public by design; but of no use to a diagnosis, so only `payload` keeps it."},
    {redaction_class::cipher_in, "input of decryption and decapsulation, signatures to be verified",
     "Public by design; the length and the result tell what went wrong. `payload` keeps it."},
    {redaction_class::signature, "signatures and MACs",
     "Public by design, but an answer of a one-time password mechanism is a password, so that those are never kept. "
     "`payload` keeps the others."},
    {redaction_class::data, "input of signing, verification and digests",
     "May be a private document. `payload` is for those who need to see it, up to the setting `payload_limit`."},
    {redaction_class::digest, "output of digests",
     "Tells the data where that is guessable; kept where the data is kept."},
    {redaction_class::identity, "labels, ids, user names, serial numbers, what a token says of itself",
     "Names persons and machines, and most failures are about finding an object by such a name. `strict` leaves the "
     "names out and keeps that there was one, and its length."},
    {redaction_class::parameter, "IVs, nonces, AAD, labels and contexts, points on curves, salts of passwords, tags",
     "Sent in the clear by the protocols that use them. Wrong lengths and repeated IVs are found by them. `strict` "
     "keeps "
     "their shape."},
    {redaction_class::open, "public attributes, module and interface names, dates",
     "The standard lets anyone read them. `strict` keeps truth values, numbers, classes, types and lengths, and no "
     "text."},
    {redaction_class::scalar, "numbers, handles, flags, lengths, codes, versions",
     "They say what was asked and what came of it, and hold no secret: object handles mean something within one "
     "process "
     "only. Excepted is the length that counts a PIN, password or key: it is recorded as its class says."},
    {redaction_class::opaque, "reserved pointers, application pointers, callbacks, pointers without a known length",
     "Nobody knows how much memory is behind it, or the standard reserves it. NSS passes a module's parameter string "
     "there, "
     "which may hold a password. Only whether it is NULL is recorded."},
};

}  // namespace p11tape::test
