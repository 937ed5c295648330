// Pieces of the sentences that rules write.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "diagnose/incidents.hpp"
#include "label/label.hpp"

namespace p11tape::diagnose {

inline std::string piece(std::string_view s) { return std::string(s); }
template <class N>
requires std::is_integral_v<N> std::string piece(N n) { return std::to_string(n); }

/// Texts and numbers in a row, as one text.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  ((out += piece(parts)), ...);
  return out;
}

/// "CKR_PIN_INCORRECT (0xA0)"
std::string code(u64 return_value);
/// "CKR_PIN_INCORRECT", or the number where it has no name.
std::string short_code(u64 return_value);
/// "CKM_RSA_PKCS"
std::string mechanism(u64 type);
/// "C_Login"
std::string name_of(cryptoki::function f);
/// "the user", "the security officer" ...
std::string user_name(u64 user);
/// "2.31 s", "412 ms"
std::string duration(u64 ns);
/// "1 call", "12 calls"
std::string counted(u64 n, std::string_view one, std::string_view many = {});
/// "38 %"
std::string percent(u64 part, u64 whole);
/// "a", "a and b", "a, b and 3 more"
std::string listed(const std::vector<std::string>& all, std::size_t most = 6);
/// "0x30".
std::string hex(u64 n);

/// Text of a tape, safe to print, in quotes.
inline std::string quoted(std::string_view text) { return label::quoted(text); }

/// "C_Sign answered CKR_DEVICE_ERROR (0x30)", or how many calls did.
std::string how_often(const incident& i);

}  // namespace p11tape::diagnose
