// SPDX-License-Identifier: Apache-2.0
// p11tape explain: what a code or name means.
#include <cstdio>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "diagnose/report/explain.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct explain_options {
  std::vector<std::string> words;
  bool json = false;
};

int run(const explain_options& o) {
  output out;
  int status = exit_fine;
  for (const auto& word : o.words) {
    const auto all = diagnose::explain(word);
    if (all.empty()) {
      std::fprintf(stderr, "p11tape explain: nothing is known of %s\n", label::printable(word).c_str());
      status = exit_unusable;
    }
    if (o.json) {
      diagnose::append_json(all, word, out.text());
      continue;
    }
    for (const auto& e : all) {
      if (!out.text().empty()) out.text() += '\n';
      diagnose::append_text(e, out.text());
    }
  }
  return status;
}

}  // namespace

void add_explain(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("explain", "Says what a code or a name means, and what usually causes it");
  auto o = std::make_shared<explain_options>();
  command
      ->add_option(
          "WORD", o->words,
          "A return value, a message of MQ or GSKit, a status word, a mechanism, an attribute, a function, a finding")
      ->required();
  command->add_flag("--json", o->json, "One JSON object a line");
  command->footer(
      "Examples:\n"
      "  p11tape explain 0xA0 AMQ9669E CTGSK2137W\n"
      "  p11tape explain 2382 63C2 CKM_RSA_PKCS_PSS P9g\n"
      "Exit status: 0; 2 where nothing is known of a word; 64 for wrong usage.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
