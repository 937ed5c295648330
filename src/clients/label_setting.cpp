// SPDX-License-Identifier: Apache-2.0
// Made from what a reader found out, never from the text of the file: so nothing secret can come along.
#include "clients/label_setting.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view fill_in = "<password>";

}  // namespace

label_setting::label_setting(const reading& r) : kind_(r.kind) {
  if (!r.token_label || r.label_may_be_pin || r.modules.empty()) return;
  module_ = r.modules.front().path;
  if (kind_ == client::ams) {
    known_ = true;
    return;
  }
  // "GSK_PKCS11=path;label;(*********);SYMMETRIC_CIPHER_ON;"
  const auto label = ';' + label::printable(*r.token_label) + ';';
  const auto at = r.shown.find(label);
  if ((kind_ != client::mq_ini && kind_ != client::mq_string) || at == std::string::npos) return;
  rest_ = r.shown.substr(at + label.size());
  if (rest_.starts_with(hidden)) rest_.replace(0, hidden.size(), fill_in);
  known_ = true;
}

std::string label_setting::with(std::string_view label, std::string_view module) const {
  if (!known_ || label.empty()) return "";
  if (kind_ == client::ams) return "pkcs11.token = " + std::string(label);
  if (label.find(';') != std::string_view::npos) return "";
  const auto text = "GSK_PKCS11=" + std::string(module) + ';' + std::string(label) + ';' + rest_;
  return kind_ == client::mq_ini ? "SSLCryptoHardware=" + escape(text, escaping::mq_ini) : text;
}

}  // namespace p11tape::clients
