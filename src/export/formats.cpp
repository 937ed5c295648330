// SPDX-License-Identifier: Apache-2.0
#include "export/formats.hpp"

#include <algorithm>
#include <iterator>

#include "export/flat.hpp"
#include "export/otlp.hpp"

namespace p11tape::exporting {

std::span<const format> formats() noexcept {
  static constexpr format all[] = {
      {"oasis-xml", "the XML of the PKCS #11 Profiles' test cases", false,
       [](auto tapes, const format_options&, std::FILE* to) { return write_oasis(tapes, to); }},
      {"spy", "the text log of OpenSC's pkcs11-spy", false,
       [](auto tapes, const format_options&, std::FILE* to) { return write_spy(tapes, to); }},
      {"jsonl", "rows of the data model (p11tape query --schema), one JSON object a line", true,
       [](auto tapes, const format_options& o, std::FILE* to) {
         return write_rows(tapes, row_format::jsonl, {o.tables, o.state_file}, to);
       }},
      {"csv", "rows of one table of the data model, with one header line", true,
       [](auto tapes, const format_options& o, std::FILE* to) {
         return write_rows(tapes, row_format::csv, {o.tables, o.state_file}, to);
       }},
      {"otlp", "sessions, logins and operations as spans of OpenTelemetry, in OTLP/JSON", false,
       [](auto tapes, const format_options&, std::FILE* to) { return write_otlp(tapes, to); }},
  };
  return all;
}

const format* find_format(std::string_view name) noexcept {
  const auto all = formats();
  const auto i = std::find_if(all.begin(), all.end(), [&](const format& f) { return f.name == name; });
  return i == all.end() ? nullptr : &*i;
}

}  // namespace p11tape::exporting
