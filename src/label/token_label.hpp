// SPDX-License-Identifier: Apache-2.0
// Why a token is not found by its label: the configured text against the labels that a module shows.
//
// A label is 32 bytes, padded with blanks, and clients compare bytes. People compare what they see. The check closes
// that gap: each *step* below undoes one thing that goes unnoticed (case, a blank, quotes, the order of words, ...).
// The smallest set of steps after which both texts are the same bytes is the explanation; its first step gives the
// sub-class.
//
// Pure: text in, verdict out. It knows nothing of files or tapes, so that `doctor` and `diagnose` say the same words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::label {

inline constexpr std::size_t label_size = 32;  ///< bytes of CK_TOKEN_INFO.label
inline constexpr std::size_t none = static_cast<std::size_t>(-1);

/// One token as its module shows it. Texts are the raw bytes of the fixed-size fields; padding may be left on.
struct token {
  std::uint64_t slot = 0;  ///< slot ID
  std::string label;       ///< raw, normally 32 bytes
  std::string manufacturer = {};
  std::string model = {};
  std::string serial = {};
  std::string slot_description = {};
  std::uint64_t flags = 0;                ///< CK_TOKEN_INFO.flags
  bool flags_known = false;               ///< false: nothing is concluded from flags
  std::vector<std::string> objects = {};  ///< labels of objects seen on it
};

/// A name that is configured elsewhere for the same client, such as Java's `name` or MQ's certificate label.
struct other_name {
  std::string what;  ///< "the certificate label CERTLABL"
  std::string text;
};

/// What the comparison came to. The names a..l are the sub-classes of a label mismatch.
enum class cause : std::uint8_t {
  match,
  no_tokens,  ///< the module shows no token at all
  empty,      ///< no label is configured
  different,  ///< nothing explains it; the nearest token is only the nearest
  misspelt,   ///< a few characters away from a token
  a_case,
  b_blanks,
  c_quotes,
  d_too_long,  ///< longer than 32 bytes: can never match
  e_other_field,
  f_other_name,
  g_order,
  h_bracket,
  i_colon,
  j_pin_suffix,
  k_encoding,
  l_nul,
};

/// "P9a".."P9l"; "P9" for the causes without a sub-class; "" for a match.
std::string_view id_of(cause c) noexcept;

/// A few words: "upper and lower case differ".
std::string_view title_of(cause c) noexcept;

struct verdict {
  cause what = cause::different;
  std::vector<cause> also;        ///< further differences, where one does not explain everything
  std::size_t nearest = none;     ///< index of the token meant; none where there is no token
  std::vector<std::size_t> same;  ///< all tokens that show the label of `nearest`, itself included
  bool uninitialised = false;     ///< the token meant has CKF_TOKEN_INITIALIZED clear
  std::string say;                ///< one or two sentences
  std::string advice;             ///< what to do
  std::string configure;          ///< the exact bytes to configure; empty where no text can work
  std::string byte_diff;          ///< both byte strings under each other, the difference marked; several lines
};

/// Compares a configured label with all tokens that a module shows.
verdict check(std::string_view configured, std::span<const token> tokens, std::span<const other_name> others = {});

/// A label without its padding: blanks at the end, and what follows a NUL.
std::string_view unpadded(std::string_view raw) noexcept;

/// The text with bytes that cannot be shown as \xNN; valid UTF-8 is left as it is.
std::string printable(std::string_view text);

/// The same in double quotes.
std::string quoted(std::string_view text);

/// Both byte strings under each other, aligned, sixteen columns a row; `^^` under what differs.
std::string byte_diff(std::string_view configured, std::string_view raw);

}  // namespace p11tape::label
