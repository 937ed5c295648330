// SPDX-License-Identifier: Apache-2.0
#include "card/status.hpp"

#include <algorithm>

#include "cryptoki/pkcs11.hpp"

namespace p11tape::card {
namespace {

struct status_row {
  std::uint16_t word;
  std::string_view meaning;
  std::uint64_t return_value;
};

constexpr status_row statuses[] = {
#define STATUS(word, meaning, rv) {word, meaning, rv},
#define STATUS_CLASS(...)
#include "card/status.def"
#undef STATUS
#undef STATUS_CLASS
};
static_assert(std::is_sorted(std::begin(statuses) + 1, std::end(statuses),
                             [](const status_row& a, const status_row& b) { return a.word < b.word; }));

struct class_row {
  std::uint8_t first;
  std::string_view meaning;
};

constexpr class_row classes[] = {
#define STATUS(...)
#define STATUS_CLASS(first, meaning) {first, meaning},
#include "card/status.def"
#undef STATUS
#undef STATUS_CLASS
};

constexpr pcsc_result results[] = {
#define PCSC_RESULT(value, name, meaning, rv) {value, name, meaning, rv},
#define PCSC_FEATURE(...)
#include "card/pcsc.def"
#undef PCSC_RESULT
#undef PCSC_FEATURE
};

struct feature_row {
  std::uint32_t number;
  std::string_view meaning;
};

constexpr feature_row features[] = {
#define PCSC_RESULT(...)
#define PCSC_FEATURE(number, meaning) {number, meaning},
#include "card/pcsc.def"
#undef PCSC_RESULT
#undef PCSC_FEATURE
};

const status_row* find(std::uint16_t word) noexcept {
  for (const auto& s : statuses)
    if (s.word == word) return &s;
  return nullptr;
}

// The lower byte of a word is a number; 0 means 256 where it counts bytes.
std::string with_number(std::string_view before, unsigned number, std::string_view after) {
  std::string text(before);
  text += std::to_string(number);
  text += after;
  return text;
}

}  // namespace

std::string status_meaning(std::uint16_t word) {
  const unsigned low = word & 0xff;
  if (counts_tries(word)) {
    const unsigned tries = low & 0x0f;
    if (tries == 0) return "wrong, no tries left";
    return with_number("wrong, ", tries, tries == 1 ? " try left" : " tries left");
  }
  if (word >> 8 == 0x61)
    return with_number("done, ", low == 0 ? 256 : low, low == 0 ? " or more bytes available" : " bytes available");
  if (word >> 8 == 0x6c) return with_number("wrong expected length, ", low == 0 ? 256 : low, " is correct");
  if (const auto* const row = find(word)) return std::string(row->meaning);
  for (const auto& c : classes)
    if (c.first == word >> 8) return std::string(c.meaning);
  return "not a status word of ISO/IEC 7816";
}

std::uint64_t typical_return_value(std::uint16_t word) noexcept {
  if (counts_tries(word)) return CKR_PIN_INCORRECT;
  if (word >> 8 == 0x61) return CKR_OK;
  if (word >> 8 == 0x6c) return CKR_DATA_LEN_RANGE;
  const auto* const row = find(word);
  return row != nullptr ? row->return_value : CKR_GENERAL_ERROR;
}

std::uint16_t typical_status(std::uint64_t return_value) noexcept {
  switch (return_value) {
    case CKR_PIN_INCORRECT:
      return 0x63c0;
    case CKR_PIN_LOCKED:
      return 0x6983;
    case CKR_USER_NOT_LOGGED_IN:
      return 0x6982;
    case CKR_DATA_LEN_RANGE:
      return 0x6700;
    case CKR_DATA_INVALID:
      return 0x6a80;
    case CKR_TOKEN_NOT_RECOGNIZED:
      return 0x6a81;
    case CKR_DEVICE_MEMORY:
      return 0x6a84;
    case CKR_DEVICE_ERROR:
      return 0x6581;
    case CKR_FUNCTION_FAILED:
      return 0x6985;  // of C_Sign and C_Decrypt
    default:
      return 0;
  }
}

const pcsc_result* find_pcsc_result(std::uint32_t value) noexcept {
  for (const auto& r : results)
    if (r.value == value) return &r;
  return nullptr;
}

std::span<const pcsc_result> pcsc_results() noexcept { return results; }

std::string_view control_meaning(std::uint32_t code) noexcept {
  constexpr std::uint32_t ask_features = 0x42000d48;   // SCARD_CTL_CODE(3400)
  constexpr std::uint32_t first_feature = 0x42330000;  // where Debian's CCID driver puts them
  if (code == ask_features) return "query the features of the reader";
  for (const auto& f : features)
    if (code == first_feature + f.number) return f.meaning;
  return "";
}

}  // namespace p11tape::card
