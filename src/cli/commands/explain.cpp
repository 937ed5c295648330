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
      const auto near = diagnose::nearest_word(word);
      std::fprintf(stderr, "p11tape: %s: unknown code or name%s\n", label::printable(word).c_str(),
                   near.empty() ? "" : (" (did you mean " + near + "?)").c_str());
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
  auto* command = app.add_subcommand("explain", "Explain a code or a name: its meaning, its usual cause and the fix");
  auto o = std::make_shared<explain_options>();
  command
      ->add_option("WORD", o->words,
                   "Return value, message of MQ or GSKit, status word, mechanism, attribute, function or finding")
      ->required();
  command->add_flag("--json", o->json, "Output as one JSON object per line");
  command->footer(
      "Examples:\n"
      "  p11tape explain 0xA0 AMQ9669E CTGSK2137W\n"
      "  p11tape explain 2382 63C2 CKM_RSA_PKCS_PSS P9g\n"
      "Exit status: 0 all explained; 2 unknown code or name; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
