// SPDX-License-Identifier: Apache-2.0
// What commands to cards are called, and what their parameters mean to the application that gets them. Rows:
// commands.def.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "p11tape/exchange.hpp"

namespace p11tape::card {

enum class application : std::uint8_t {
  unknown,
  iso,
  vendor,
  piv,
  openpgp,
  sc_hsm,
  card_manager,
  yubikey_otp,
  yubikey_management,
  yubikey_oath,
  fido,
  pkcs15,
  muscle,
  coolkey,
  isoapplet,
  gids,
};

/// The application of an AID; unknown where it is none of ours.
application application_of(tape::byte_view aid) noexcept;

/// "PIV"; "" for those that no AID leads to.
std::string_view name_of(application a) noexcept;

/// "VERIFY"; "" where nothing is known of the instruction.
std::string_view command_name(application a, std::uint8_t cla, std::uint8_t ins) noexcept;

/// True for instructions whose data are PINs.
bool is_pin_command(std::uint8_t cla, std::uint8_t ins) noexcept;

/// True for GET DATA in the way of PIV, of an object that only PIV has.
bool is_piv_object(const tape::exchange_view& e) noexcept;

/// What the command is about: "user PIN", "application PIV", "file 2F02", "certificate of key 9A, authentication"; ""
/// where nothing is known.
std::string command_target(application a, const tape::exchange_view& e);

}  // namespace p11tape::card
