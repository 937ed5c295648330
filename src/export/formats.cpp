// SPDX-License-Identifier: Apache-2.0
#include "export/formats.hpp"

#include <algorithm>
#include <iterator>

namespace p11tape::exporting {

std::span<const format> formats() noexcept {
  static constexpr format all[] = {
      {"oasis-xml", "the XML of the PKCS #11 Profiles' test cases", write_oasis},
      {"spy", "the text log of OpenSC's pkcs11-spy", write_spy},
  };
  return all;
}

const format* find_format(std::string_view name) noexcept {
  const auto all = formats();
  const auto i = std::find_if(all.begin(), all.end(), [&](const format& f) { return f.name == name; });
  return i == all.end() ? nullptr : &*i;
}

}  // namespace p11tape::exporting
