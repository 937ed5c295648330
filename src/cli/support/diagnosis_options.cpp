// SPDX-License-Identifier: Apache-2.0
#include "cli/support/diagnosis_options.hpp"

#include <stdexcept>

#include "cli/support/secret_input.hpp"
#include "clients/files.hpp"
#include "clients/formats/mq_sslcryp.hpp"

namespace p11tape::cli {

using p11tape::clients::secret_buffer;

void diagnosis_options::add_to(CLI::App& command) {
  clients.add_to(command);
  command
      .add_option("--token-label", token_label_,
                  "Token label that the client is configured with, if there is no file to name")
      ->type_name("TEXT");
}

diagnose::configured diagnosis_options::read() {
  if (auto& string = clients[p11tape::clients::client::mq_string]; !string.empty()) {
    const secret_buffer text = read_string_or_secret(string, "string of SSLCRYP");
    return diagnose::configured_by(p11tape::clients::read_pasted_mq_string(text.view()), "the crypto-hardware string");
  }
  const auto files = clients.files();
  if (!files.empty()) {
    const auto& target = files.front();
    if (!target.missing.empty()) throw std::runtime_error(target.missing);
    const secret_buffer text = p11tape::clients::read_whole(target.file);
    return diagnose::configured_by(
        p11tape::clients::read_as(target.kind, text.view(), p11tape::clients::file_of(target.file)), target.file);
  }
  if (!token_label_.empty()) return diagnose::configured_label(token_label_);
  return {};
}

}  // namespace p11tape::cli
