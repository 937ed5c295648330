// SPDX-License-Identifier: Apache-2.0
// p11tape export: tapes in the forms of other tools. The forms are rows of export/formats.cpp.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/tapes.hpp"
#include "export/formats.hpp"
#include "text/exit_codes.hpp"
#include "text/phrase.hpp"

namespace p11tape::cli {
namespace {

struct export_options {
  std::vector<std::string> tapes;
  std::string format;
  std::string output = "-";
  exporting::format_options how;
};

std::string format_names() {
  std::string all;
  for (const auto& f : exporting::formats()) all += text::cat(all.empty() ? "" : ", ", f.name);
  return all;
}

int run_export(const export_options& o) {
  const auto* form = exporting::find_format(o.format);
  if (form == nullptr) {
    std::fprintf(stderr, "p11tape: %s is not a format (known: %s)\n", o.format.c_str(), format_names().c_str());
    return exit_usage;
  }
  if (!form->has_tables && !o.how.state_file.empty()) {
    std::fprintf(stderr, "p11tape: --state works with the formats jsonl and csv only\n");
    return exit_usage;
  }
  const auto tapes = open(o.tapes);
  report(tapes);
  if (tapes.tapes.empty()) return exit_unusable;
  std::vector<const tape::reader*> readers;
  for (const auto& t : tapes.tapes) readers.push_back(t.get());
  std::FILE* to = o.output == "-" ? stdout : std::fopen(o.output.c_str(), o.how.state_file.empty() ? "wxe" : "ae");
  if (to == nullptr) {
    std::fprintf(stderr, "p11tape: %s: cannot be created: %s\n", o.output.c_str(), std::strerror(errno));
    return exit_unusable;
  }
  bool written = form->write(readers, o.how, to);
  if (to != stdout) written &= std::fclose(to) == 0;
  report_damages(tapes);
  if (!written) std::fprintf(stderr, "p11tape: %s: cannot be written: %s\n", o.output.c_str(), std::strerror(errno));
  return written && tapes.troubles.empty() ? exit_fine : exit_unusable;
}

}  // namespace

void add_export(CLI::App& app, status& result) {
  auto o = std::make_shared<export_options>();
  auto* c = app.add_subcommand("export", "Write tapes as rows, as spans, or in the format of another tool");
  std::string known;
  for (const auto& f : exporting::formats()) known += text::cat("  ", f.name, ": ", f.title, "\n");
  c->footer(
      text::cat("Formats:\n", known,
                "Example:\n"
                "  p11tape export --format spy tapes/pkcs11-tool.4711.p11tape > spy.log\n"
                "  p11tape export --format jsonl --table all --state exported -o calls.jsonl tapes/\n"
                "Exit status: 0; 2 if a tape cannot be read or the output cannot be written; 64 for wrong usage."));
  c->add_option("TAPE", o->tapes, "Tapes, or directories of tapes")->required();
  c->add_option("--format", o->format, "Format of the output")->required();
  c->add_option("-o,--output", o->output, "File to create; - is standard output")->capture_default_str();
  c->add_option("--table", o->how.tables, "Tables of the data model to write, separated by commas, or all (jsonl, csv)")
      ->type_name("NAMES")
      ->capture_default_str();
  c->add_option("--state", o->how.state_file,
                "File that remembers what has been written; only newer rows are written, and appended (jsonl, csv)")
      ->type_name("FILE");
  c->callback([o, &result] { result = run_export(*o); });
}

}  // namespace p11tape::cli
