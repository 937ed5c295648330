// SPDX-License-Identifier: Apache-2.0
// JSON is parsed without exceptions; members of the wrong type count as absent. Values of settings that should not be
// there are not shown: somebody may have put the whole string, password included, into one.
#include "clients/formats/ccdt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace p11tape::clients {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Names that people write in the hope that the driver could be given here.
bool looks_like_driver(std::string_view key) noexcept {
  for (const std::string_view word :
       {"cryptoHardware", "sslCryptoHardware", "sslcryp", "pkcs11", "cryptographicHardware"})
    if (same_word(key, word)) return true;
  return false;
}

void check_keys(reading& r, const json& object, const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (looks_like_driver(key))
      r.found.add(code::CFG313, label::quoted(key) + " in " + where + ". Its value is not shown.");
}

void read_channel(reading& r, const json& channel, std::size_t index) {
  if (!channel.is_object()) return;
  const std::string name = text_of(channel, "name");
  const std::string where = "channel " + (name.empty() ? std::to_string(index + 1) : label::quoted(name));
  check_keys(r, channel, where);
  const auto tls = channel.find("transmissionSecurity");
  if (tls == channel.end() || !tls->is_object()) return;
  check_keys(r, *tls, where);
  const std::string certificate = text_of(*tls, "certificateLabel");
  const std::string cipher = text_of(*tls, "cipherSpecification");
  if (certificate.empty()) return;
  r.certificate_labels.push_back(certificate);
  r.other_names.push_back({"the certificate label of " + where, certificate});
  if (cipher.empty()) r.found.add(code::CFG312, where + ", certificate label " + label::quoted(certificate) + ".");
}

std::string summary(const json& channels) {
  std::string out;
  for (const auto& channel : channels) {
    if (!channel.is_object() || !channel.contains("transmissionSecurity")) continue;
    const auto& tls = channel["transmissionSecurity"];
    if (!tls.is_object()) continue;
    if (!out.empty()) out += '\n';
    out += "channel " + label::quoted(text_of(channel, "name")) + ": cipher " +
           label::quoted(text_of(tls, "cipherSpecification"));
    const std::string certificate = text_of(tls, "certificateLabel");
    out += certificate.empty() ? ", no certificate label" : ", certificate label " + label::quoted(certificate);
  }
  return out;
}

}  // namespace

reading read_ccdt(std::string_view text, std::string_view file_name) {
  reading r;
  r.kind = client::ccdt;
  const std::string_view start = text.substr(0, 64);
  if (start.find("AMQR") != std::string_view::npos ||
      (text.find('\0') != std::string_view::npos && same_word(file_name, "AMQCLCHL.TAB"))) {
    r.found.add(code::CFG314, std::to_string(text.size()) + " bytes.");
    r.found.add(code::CFG310);
    return r;
  }
  if (text.find('\0') != std::string_view::npos || trim(text).empty()) {
    r.recognised = false;
    r.found.add(code::CFG315);
    return r;
  }
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    r.recognised = false;
    r.found.add(trim(text).starts_with('{') ? code::CFG311 : code::CFG315);
    return r;
  }
  const auto channels = document.is_object() ? document.find("channel") : document.end();
  if (channels == document.end() || !channels->is_array()) {
    r.found.add(code::CFG317);
    return r;
  }
  check_keys(r, document, "the file");
  for (std::size_t i = 0; i < channels->size(); ++i) read_channel(r, (*channels)[i], i);
  r.shown = summary(*channels);
  r.found.add(code::CFG310);
  return r;
}

}  // namespace p11tape::clients
