// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/client_config.hpp"

namespace p11tape::diagnose {

configured configured_by(const clients::reading& read, std::string source) {
  configured c;
  c.given = true;
  c.source = std::move(source);
  c.label = read.token_label;
  c.label_hidden = read.label_may_be_pin;
  c.setting = clients::label_setting(read);
  c.password = read.password;
  c.certificate_labels = read.certificate_labels;
  c.other_names = read.other_names;
  c.is_mq = read.kind == clients::client::mq_ini || read.kind == clients::client::mq_string ||
            read.kind == clients::client::ams;
  for (const auto& f : read.found.all())
    if (f.level != clients::severity::info) c.faults.push_back(f);
  return c;
}

configured configured_label(std::string text) {
  configured c;
  c.given = true;
  c.source = "the given token label";
  c.label = std::move(text);
  return c;
}

}  // namespace p11tape::diagnose
