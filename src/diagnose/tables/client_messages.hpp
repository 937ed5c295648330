// SPDX-License-Identifier: Apache-2.0
// What client programs report of a trouble: the words that a user has in front of him. Rows: words.def.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace p11tape::diagnose {

/// What went wrong, as far as clients tell it apart.
enum class topic : std::uint8_t {
  no_topic,
  load,        ///< the module could not be loaded
  setting,     ///< the configuration was not understood
  initialize,  ///< C_Initialize failed
  no_token,    ///< no slot, or no token in it
  label,       ///< no token of that label
  slot,        ///< a slot ID that does not exist
  pin,         ///< the PIN was refused
  pin_locked,
  pin_state,  ///< expired, not set, to be changed
  not_logged_in,
  object,     ///< the certificate or key was not found
  key_pair,   ///< a certificate without its private key
  key_use,    ///< signing or decrypting failed
  mechanism,  ///< the token cannot do what is asked of it
  session,    ///< session handles, sessions used up
  library,    ///< not initialised, finalised by somebody else, used after fork
  device,     ///< the token or its module failed
  write,      ///< the token may not be written to
};

/// Whose words they are.
enum class speaker : std::uint8_t { mq, runmqakm, gskit, java, openssl, nss, openssh, gnutls };

std::string_view name_of(speaker s) noexcept;

struct word_row {
  topic about;
  speaker by;
  std::string_view code;  ///< "AMQ9669E", "MQRC 2393"; may be empty
  std::string_view text;
  bool hint;  ///< general knowledge, not from the vendor's documents
};

std::span<const word_row> words() noexcept;

/// Whose words a user of this program will have seen; nothing where that cannot be told by its name.
std::optional<speaker> speaker_of(std::string_view program) noexcept;

}  // namespace p11tape::diagnose
