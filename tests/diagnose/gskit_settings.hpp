// SPDX-License-Identifier: Apache-2.0
// The settings of the GSKit driver, from the files that MQ reads: through the program's own readers, but for the
// password, which those never give away.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clients/files.hpp"
#include "clients/formats/ams.hpp"
#include "clients/formats/mq_ini.hpp"
#include "clients/formats/mq_string.hpp"
#include "diagnose/gskit.hpp"

namespace p11tape::test {

struct gskit_settings {
  std::string module;
  gskit_job job;
};

/// A crypto-hardware string; nothing where MQ would say AMQ9629E: then it makes no call at all.
inline std::optional<gskit_settings> settings_of_string(std::string_view value, clients::mq_place where) {
  const auto parsed = clients::parse_mq_string(value, where);
  if (!parsed.sound || parsed.length > clients::mq_string_size) return std::nullopt;
  gskit_settings s;
  s.module = parsed.path;
  s.job.token_label = parsed.label;
  // Behind path and label.
  const auto rest = value.substr(parsed.path_end + 1 + parsed.label.size() + 1);
  s.job.pin = rest.substr(0, rest.find(';'));
  return s;
}

/// mqclient.ini.
inline std::optional<gskit_settings> settings_of_mq_ini(const std::string& file) {
  const auto text = clients::read_whole(file);
  const clients::ini_document ini(text.view());
  const auto* line = ini.find("SSL", "SSLCryptoHardware");
  if (line == nullptr) return std::nullopt;
  auto s = settings_of_string(clients::ini_document::unescape(line->value).view(), clients::mq_place::ini);
  if (!s) return s;
  for (const auto& label : clients::read_mq_ini(text.view()).certificate_labels) s->job.certificate_label = label;
  return s;
}

/// keystore.conf of Advanced Message Security; nothing where MQ would say AMQ9006E.
inline std::optional<gskit_settings> settings_of_keystore_conf(const std::string& file) {
  const auto text = clients::read_whole(file);
  const auto read = clients::read_keystore_conf(text.view());
  if (read.modules.empty() || !read.token_label || read.certificate_labels.empty()) return std::nullopt;
  gskit_settings s;
  s.module = read.modules[0].path;
  s.job.token_label = *read.token_label;
  s.job.certificate_label = read.certificate_labels[0];
  clients::for_each_line(text.view(), [&](std::string_view line, std::size_t, std::size_t) {
    if (line.starts_with("pkcs11.token_pin")) s.job.pin = clients::trim(line.substr(line.find('=') + 1));
  });
  return s;
}

}  // namespace p11tape::test
