// SPDX-License-Identifier: Apache-2.0
// Texts that hold a PIN, in the ways in which they are written, and texts that only look like it.
#include <catch2/catch.hpp>
#include <string>

#include "cryptoki/pin_text.hpp"

using p11tape::cryptoki::holds_pin;
using p11tape::cryptoki::is_configuration_string;

namespace {

std::string utf16(std::string_view text) {
  std::string out;
  for (const char c : text) (out += c) += '\0';
  return out;
}

std::string encoded(std::string_view text, bool upper) {
  std::string out;
  for (const char c : text) {
    static constexpr char low[] = "0123456789abcdef", high[] = "0123456789ABCDEF";
    const auto* digits = upper ? high : low;
    out += '%';
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("a PIN beside its word is found, however the word is written") {
  for (const std::string word : {"pin-value", "PIN-Value", "GSK_PKCS11", "gsk_pkcs11", "<P11>!", "<p11>!"}) {
    INFO(word);
    CHECK(holds_pin(word));
    CHECK(holds_pin("pkcs11:token=x?" + word + "=1234"));
    CHECK(holds_pin(utf16("label " + word)));
    for (const bool upper : {false, true}) {
      CHECK(holds_pin(encoded(word, upper)));
      CHECK(holds_pin("x" + encoded(word, upper)));
      CHECK(holds_pin(word.substr(0, 2) + encoded(word.substr(2, 1), upper) + word.substr(3)));
      CHECK(holds_pin("%25" + encoded(word.substr(0, 1), upper).substr(1) + word.substr(1)));  // encoded twice
    }
  }
}

TEST_CASE("other texts hold none") {
  for (const std::string text :
       {"", "pin", "pin-valu", "my pin value", "pin_value", "PIN pad", "a-b-c-d-e-f", "%", "%2", "%zz", "100 % safe",
        "GSK_PKCS", "CN=Someone, O=Some-where", "<P11>", "/usr/lib/softhsm/libsofthsm2.so"}) {
    INFO(text);
    CHECK_FALSE(holds_pin(text));
  }
}

TEST_CASE("a configuration string is no path") {
  CHECK(is_configuration_string("pkcs11:token=x"));
  CHECK(is_configuration_string("/m.so;label;1234;"));
  CHECK(is_configuration_string("GSK_PKCS11=/m.so"));
  CHECK_FALSE(is_configuration_string("/opt/vendor/lib;v2/module.so"));
  CHECK_FALSE(is_configuration_string("softhsm2"));
}
