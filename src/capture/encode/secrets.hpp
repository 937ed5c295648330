// SPDX-License-Identifier: Apache-2.0
// What may be told of secrets: facts about a PIN, whether bytes are a certificate, and a fingerprint of public bytes.
#pragma once

#include <atomic>

#include "p11tape/layout.hpp"

namespace p11tape::capture {

using tape::u32;
using tape::u64;
using tape::u8;

/// Tells the PINs of one process apart without keeping them: a few bits of a keyed hash of each, with its length, in
/// memory that a child of fork does not get, a core dump leaves out, and that is not swapped out. That few bits fit so
/// many PINs that nobody learns a short PIN by trying all. Neither they nor the key are ever written.
struct pin_memory {
  static constexpr u32 most = 64;
  u64 key[2];
  std::atomic<u32> first;  ///< number of the first PIN since the last forget_pins()
  std::atomic<u32> seen[most];
};

/// The number of this PIN among those of the process, from 1; 0 when there are too many to tell apart.
u32 number_of_pin(pin_memory& memory, const u8* pin, u64 size) noexcept;

/// After C_Finalize: wipes what is known of PINs. Later ones get new numbers, the same PINs too.
void forget_pins(pin_memory& memory) noexcept;

/// tape::pin_anomaly bits.
u32 anomalies_of_pin(const u8* pin, u64 size) noexcept;

/// True if the bytes have the outline of an X.509 certificate: an outer SEQUENCE of exactly that length, holding
/// version, serial number, algorithm, names, validity, key and signature. Keys and data objects do not pass.
bool looks_like_certificate(const u8* bytes, u64 size) noexcept;

/// For the value of what its template calls a certificate: an outer SEQUENCE of exactly that length, holding a SEQUENCE, an
/// algorithm and a BIT STRING, as all that is signed is, also attribute certificates. A private key that was stored in the
/// wrong place does not pass. `cut`: only the beginning is there.
bool looks_signed(const u8* bytes, u64 size, bool cut = false) noexcept;

/// Each of the words beside which a PIN stands has one of these letters, or is percent-encoded.
inline constexpr u8 pin_letters[] = {'-', '_', '%', '<'};

/// False for text that certainly holds no PIN (cryptoki/pin_text.hpp): most text is done with at once, in place.
bool may_hold_pin(const u8* text, u64 size) noexcept;

/// Overwrites memory of ours; the compiler does not leave it out.
void wipe(u8* bytes, u64 size) noexcept;

/// SHA-256 (FIPS 180-4).
void sha256(const u8* bytes, u64 size, u8 (&digest)[32]) noexcept;

}  // namespace p11tape::capture
