// SPDX-License-Identifier: Apache-2.0
// tpm2-pkcs11 (TPM2_PKCS11_LOG_LEVEL=2):
//
//   TRACE on line: "123" in file: "src/pkcs11.c": enter "C_Login"
//   TRACE on line: "123" in file: "src/pkcs11.c": return "C_Login" value: 160
#include "import/bind.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"
#include "import/steps.hpp"

namespace p11tape::import {
namespace {

step parse(std::string_view text) {
  step s;
  const auto on = text.find(" on line: \"");
  if (on == std::string_view::npos) return s;
  const auto enter = text.find("enter \"C_", on), leave = text.find("return \"C_", on);
  const auto at = std::min(enter, leave);
  if (at == std::string_view::npos) return s;
  scanner rest(text.substr(text.find('"', at) + 1));
  const auto function = find_function(rest.name());
  if (!rest.character('"') || !function) return s;
  s.function = *function;
  const auto from = std::min(text.find_first_not_of(" \t"), on);
  const bool plain = text.substr(from, on - from).find_first_of(" =:\"'") == std::string_view::npos;  // the level alone
  const auto shown = [&] { return text.substr(plain ? 0 : on, text.size() - rest.rest.size() - (plain ? 0 : on)); };
  if (at == enter) {
    s.what = step::kind::begins;
    s.shown = shown();
    return s;
  }
  if (!rest.literal(" value: ")) return s;
  s.result = rest.number();
  if (!s.result) return s;
  s.what = step::kind::returns;
  s.shown = shown();
  return s;
}

}  // namespace

const log_kind tpm2_log{"tpm2-pkcs11", "tpm2-pkcs11",
                        [](std::string_view text) { return parse(text).what == step::kind::none ? 0 : 3; },
                        [](call_sink& to) { return make_step_reader(to, parse); }, steps_lack};

}  // namespace p11tape::import
