// SPDX-License-Identifier: Apache-2.0
// Yubico's modules: ykcs11 (YKCS11_DBG) and yubihsm_pkcs11.
//
//   DBG ykcs11.c:1234 (C_Login): In               2.x
//   debug: ykcs11.c:1234 (C_Login): In            1.x
//   [P11 - INF 17:40:01.123456] yubihsm_pkcs11.c:1234 (C_Login): In
//
// Other lines of a function are free text, and can hold anything.
#include "import/bind.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"
#include "import/steps.hpp"

namespace p11tape::import {
namespace {

step parse(std::string_view text) {
  step s;
  scanner at(text);
  at.blanks();
  if (at.literal("[P11 - ")) {
    at.name();
    at.blanks();
    s.time = scan_time(at);
  } else if (!at.literal("DBG ") && !at.literal("debug: ") && !at.literal("ERR ") && !at.literal("INF ")) {
    return s;
  }
  const auto open = at.rest.find(" (C_");
  if (open == std::string_view::npos) return s;
  // "ykcs11.c:1234", after the time and "] " of the other form.
  auto place = at.rest.substr(0, open);
  if (place.starts_with("] ")) place.remove_prefix(2);
  if (place.find_first_of(" \t=\"'") != std::string_view::npos) return s;
  at.rest.remove_prefix(open + 2);
  const auto function = find_function(at.name());
  if (!at.literal("): ") || !function) return s;
  s.function = *function;
  const auto rest = trimmed(at.rest);
  if (rest == "In") s.what = step::kind::begins;
  if (rest == "Out") s.what = step::kind::returns;
  return s;
}

}  // namespace

const log_kind ykcs11_log{"ykcs11", "Yubico's modules (ykcs11, yubihsm_pkcs11)",
                          [](std::string_view text) { return parse(text).what == step::kind::none ? 0 : 2; },
                          [](call_sink& to) { return make_step_reader(to, parse); }, steps_lack};

}  // namespace p11tape::import
