// What a profile records of each redaction class: the one place that decides. REDACTION.md gives the reasons.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cryptoki/row.hpp"

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
  secrecy of;
  std::array<treatment, profile_count> in;  ///< default, strict, payload
};

inline constexpr redaction_row redactions[] = {
    {secrecy::scalar, {treatment::whole, treatment::whole, treatment::whole}},
    {secrecy::open, {treatment::whole, treatment::length, treatment::whole}},
    {secrecy::identity, {treatment::whole, treatment::length, treatment::whole}},
    {secrecy::parameter, {treatment::whole, treatment::length, treatment::whole}},
    {secrecy::data, {treatment::length, treatment::length, treatment::whole}},
    {secrecy::plain, {treatment::length, treatment::length, treatment::length}},
    {secrecy::cipher_in, {treatment::length, treatment::length, treatment::whole}},
    {secrecy::ciphertext, {treatment::length, treatment::length, treatment::whole}},
    {secrecy::signature, {treatment::length, treatment::length, treatment::whole}},
    {secrecy::digest, {treatment::length, treatment::length, treatment::whole}},
    {secrecy::wrapped, {treatment::length, treatment::length, treatment::length}},
    {secrecy::plain_out, {treatment::length, treatment::length, treatment::length}},
    {secrecy::random, {treatment::length, treatment::length, treatment::length}},
    {secrecy::state, {treatment::length, treatment::length, treatment::length}},
    {secrecy::password, {treatment::length, treatment::withhold, treatment::length}},
    {secrecy::pin, {treatment::pin_facts, treatment::withhold, treatment::pin_facts}},
    {secrecy::key, {treatment::length, treatment::rounded_length, treatment::length}},
    {secrecy::value, {treatment::by_certificate, treatment::by_certificate, treatment::by_certificate}},
    {secrecy::by_otp_type, {treatment::length, treatment::rounded_length, treatment::length}},
    {secrecy::by_prf_type, {treatment::length, treatment::rounded_length, treatment::length}},
    {secrecy::opaque, {treatment::withhold, treatment::withhold, treatment::withhold}},
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
constexpr treatment treat(std::size_t profile, secrecy s) noexcept {
  return detail::redaction_index[static_cast<std::size_t>(s)][profile];
}

}  // namespace p11tape::cryptoki
