// SPDX-License-Identifier: Apache-2.0
// What a profile records of each redaction class: the one place that decides. REDACTION.md gives the reasons.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "p11tape/row.hpp"

namespace p11tape::cryptoki {

enum class treatment : std::uint8_t {
  withhold,        ///< only whether it was given
  length,          ///< its length
  rounded_length,  ///< its length, rounded up to a power of two
  whole,           ///< the bytes, up to a limit
  pin_facts,       ///< length, anomalies, and which PIN of the process it is
  by_certificate,  ///< CKA_VALUE: whole if it is a certificate, else as key material
};

/// Profiles in the order of tape::profile, which counts from 1.
inline constexpr std::size_t profile_count = 3;

struct redaction_row {
  redaction_class of;
  std::array<treatment, profile_count> in;  ///< default, strict, payload
};

inline constexpr redaction_row redactions[] = {
    {redaction_class::scalar, {treatment::whole, treatment::whole, treatment::whole}},
    {redaction_class::open, {treatment::whole, treatment::length, treatment::whole}},
    {redaction_class::identity, {treatment::whole, treatment::length, treatment::whole}},
    {redaction_class::parameter, {treatment::whole, treatment::length, treatment::whole}},
    {redaction_class::data, {treatment::length, treatment::length, treatment::whole}},
    {redaction_class::plain, {treatment::length, treatment::length, treatment::length}},
    {redaction_class::cipher_in, {treatment::length, treatment::length, treatment::whole}},
    {redaction_class::ciphertext, {treatment::length, treatment::length, treatment::whole}},
    {redaction_class::signature, {treatment::length, treatment::length, treatment::whole}},
    {redaction_class::digest, {treatment::length, treatment::length, treatment::whole}},
    {redaction_class::wrapped, {treatment::length, treatment::length, treatment::length}},
    {redaction_class::plain_out, {treatment::length, treatment::length, treatment::length}},
    {redaction_class::random, {treatment::length, treatment::length, treatment::length}},
    {redaction_class::state, {treatment::length, treatment::length, treatment::length}},
    {redaction_class::password, {treatment::length, treatment::withhold, treatment::length}},
    {redaction_class::pin, {treatment::pin_facts, treatment::withhold, treatment::pin_facts}},
    {redaction_class::key, {treatment::length, treatment::rounded_length, treatment::length}},
    {redaction_class::value, {treatment::by_certificate, treatment::by_certificate, treatment::by_certificate}},
    {redaction_class::by_otp_type, {treatment::length, treatment::rounded_length, treatment::length}},
    {redaction_class::by_prf_type, {treatment::length, treatment::rounded_length, treatment::length}},
    {redaction_class::opaque, {treatment::withhold, treatment::withhold, treatment::withhold}},
};

namespace detail {
consteval auto index_redactions() {
  std::array<std::array<treatment, profile_count>, std::size(redactions)> index{};
  std::array<bool, std::size(redactions)> seen{};
  for (const auto& r : redactions) {
    index[static_cast<std::size_t>(r.of)] = r.in;
    seen[static_cast<std::size_t>(r.of)] = true;
  }
  for (const bool s : seen)
    if (!s) invalid_row("a redaction class has no row");
  return index;
}
inline constexpr auto redaction_index = index_redactions();
}  // namespace detail

/// What profile number `profile` (0 default, 1 strict, 2 payload) records of class `s`.
constexpr treatment treat(std::size_t profile, redaction_class s) noexcept {
  return detail::redaction_index[static_cast<std::size_t>(s)][profile];
}

}  // namespace p11tape::cryptoki
