// SPDX-License-Identifier: Apache-2.0
// pkcs11-provider for OpenSSL (PKCS11_PROVIDER_DEBUG=file:F,level:N):
//
//   [2026-11-28 17:40:01.123] [interface.gen.c:123] p11prov_Login(): Calling C_Login
//   [2026-11-28 17:40:01.140] [interface.gen.c:123] p11prov_Login(): Error: 0x000000A0; Error returned by C_Login
//
// Only errors are logged behind a call, so what a call without one returned is not said.
#include "import/bind.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"
#include "import/steps.hpp"

namespace p11tape::import {
namespace {

// The words of a message, without what is behind them, and with what is before them if that is where it was written.
std::string_view shown_of(std::string_view line, std::string_view words, std::string_view behind) noexcept {
  const auto before = line.substr(0, line.size() - words.size());
  const bool place = before.empty() || (before.front() == '[' && before.ends_with("(): ") &&
                                        before.find_first_of("=\"'?") == std::string_view::npos);
  const auto from = place ? line : words;
  return from.substr(0, from.size() - behind.size());
}

step parse(std::string_view text) {
  step s;
  scanner at(text);
  at.blanks();
  if (at.rest.starts_with("[2") && at.character('[')) {
    s.time = scan_date_time(at);
    if (s.time) at.literal("] ");
  }
  const auto calling = at.rest.find("Calling C_"), by = at.rest.find("returned by C_");
  if (calling != std::string_view::npos) {
    scanner name(at.rest.substr(calling + 8));
    if (const auto function = find_function(name.name())) {
      s.function = *function;
      s.what = step::kind::begins;
    }
    s.shown = shown_of(text, at.rest.substr(calling), name.rest);
    return s;
  }
  if (by == std::string_view::npos) return s;
  scanner name(at.rest.substr(by + 12));
  const auto error = at.rest.find("Error");
  const auto function = find_function(name.name());
  if (error == std::string_view::npos || !function) return s;
  s.function = *function;
  scanner code(at.rest.substr(error + 5));
  code.character(':');
  code.blanks();
  s.result = code.number();
  if (!s.result) return s;
  s.what = step::kind::returns;
  s.shown = shown_of(text, at.rest.substr(error), name.rest);
  return s;
}

}  // namespace

const log_kind provider_log{"pkcs11-provider", "pkcs11-provider (OpenSSL)",
                            [](std::string_view text) {
                              if (parse(text).what == step::kind::none) return 0;
                              return text.find("p11prov_") != std::string_view::npos ? 3 : 1;
                            },
                            [](call_sink& to) { return make_step_reader(to, parse); }, steps_lack};

}  // namespace p11tape::import
