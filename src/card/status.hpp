// SPDX-License-Identifier: Apache-2.0
// What status words of cards and results of PC/SC functions mean. Rows: status.def, pcsc.def.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace p11tape::card {

/// "no such file or application", "wrong, 2 tries left", "done": for every word there is. A word without a meaning of
/// its own gets that of its class.
std::string status_meaning(std::uint16_t word);

/// True for 9000 and 61xx.
constexpr bool is_fine(std::uint16_t word) noexcept { return word == 0x9000 || word >> 8 == 0x61; }

/// True for 63Cx: x tries are left.
constexpr bool counts_tries(std::uint16_t word) noexcept { return (word & 0xfff0) == 0x63c0; }

/// The return value that PKCS#11 modules typically make of a word: what OpenSC does.
std::uint64_t typical_return_value(std::uint16_t word) noexcept;

/// The other way round: a word that typically stands behind a return value; 0 where there is none, or where there are
/// too many to name one. 63C0 stands for 63Cx.
std::uint16_t typical_status(std::uint64_t return_value) noexcept;

struct pcsc_result {
  std::uint32_t value;
  std::string_view name;       ///< "SCARD_W_REMOVED_CARD"
  std::string_view meaning;    ///< "the card has been removed"
  std::uint64_t return_value;  ///< what modules typically make of it
};

/// nullptr for a result without a row.
const pcsc_result* find_pcsc_result(std::uint32_t value) noexcept;
std::span<const pcsc_result> pcsc_results() noexcept;

/// What SCardControl is asked for; "" where the code is none of pcsc-lite's reader features.
std::string_view control_meaning(std::uint32_t code) noexcept;

}  // namespace p11tape::card
