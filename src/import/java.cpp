// SPDX-License-Identifier: Apache-2.0
// Java's SunPKCS11: no log of calls, but exceptions with a stack that begins in the call which failed.
//
//   Caused by: sun.security.pkcs11.wrapper.PKCS11Exception: CKR_PIN_INCORRECT
//       at jdk.crypto.cryptoki/sun.security.pkcs11.wrapper.PKCS11.C_Login(Native Method)
#include "import/bind.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

constexpr std::string_view exception = "PKCS11Exception: ", frame = "pkcs11.wrapper.PKCS11.C_";

struct error_code {
  u64 result = 0;
  std::string_view shown;  ///< from "PKCS11Exception: " to the end of the code
};

// The code behind "PKCS11Exception: ".
std::optional<error_code> code(std::string_view text) noexcept {
  const auto at = text.find(exception);
  if (at == std::string_view::npos) return std::nullopt;
  scanner s(text.substr(at + exception.size()));
  std::optional<u64> result;
  if (s.rest.starts_with("CKR_")) {
    result = find_constant(s.name());
  } else if (s.rest.starts_with("0x")) {
    result = s.hex();
  }
  if (!result) return std::nullopt;
  return error_code{*result, text.substr(at, text.size() - at - s.rest.size())};
}

class java_reader final : public reader {
 public:
  explicit java_reader(call_sink& to) : reader(to) { facts_.gaps = true; }

  line_use take(const line& l) override {
    if (trimmed(l.text).empty()) return line_use::used;
    if (const auto error = code(l.text)) {
      result_ = error->result;
      cleaned_ = "Caused by: " + std::string(error->shown);
      return line_use::masked;
    }
    const auto at = l.text.find(frame);
    const auto use = stack_line(l.text) ? line_use::used : line_use::unknown;
    if (at == std::string_view::npos) return use;
    scanner s(l.text.substr(at + frame.size() - 2));
    const auto f = find_function(s.name());
    if (!result_ || !f) return use;
    call c;
    c.begin(*f, l.number);
    c.result = result_;
    result_.reset();
    to_.add(c);
    return use;
  }
  void finish() override {}

 private:
  static bool stack_line(std::string_view text) noexcept {
    text = trimmed(text);
    return text.starts_with("at ") && text.ends_with(")") && text.find_first_of("\"'=") == std::string_view::npos;
  }
  std::optional<u64> result_;
};

}  // namespace

const log_kind java_log{
    "java", "Java's SunPKCS11",
    [](std::string_view text) { return code(text) || text.find(frame) != std::string_view::npos ? 2 : 0; },
    [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<java_reader>(to); },
    tape::lacks_inputs | tape::lacks_outputs | tape::lacks_failed_outputs | tape::lacks_pin_facts | tape::lacks_calls};

}  // namespace p11tape::import
