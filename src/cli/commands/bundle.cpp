// SPDX-License-Identifier: Apache-2.0
// p11tape bundle: everything that somebody needs who shall help, in one archive that can be mailed.
//
// Tapes are scrubbed first, and all that is said of them is said of the copies. What is gathered besides is text of our own
// commands, which never show a PIN. If a secret is named, nothing is written unless it is in none of the files.
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>

#include "bundle/archive.hpp"
#include "cli/support/amq_extract.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/diagnosis_options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/own_output.hpp"
#include "cli/support/secret_check.hpp"
#include "cli/support/tape_options.hpp"
#include "clients/files.hpp"
#include "diagnose/diagnosis.hpp"
#include "report/report.hpp"
#include "scrub/copy.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

struct bundle_options {
  tape_options tapes;
  diagnosis_options client;
  std::string out, profile = "strict", amqerr, secret_from;
  std::string string_source;  // of the crypto-hardware string, where that can be read twice
};

// A directory of our own that goes when we go.
class work_directory {
 public:
  work_directory() {
    auto name = (fs::temp_directory_path() / "p11tape-bundle.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": cannot make a temporary directory");
    path_ = name;
  }
  ~work_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  work_directory(const work_directory&) = delete;
  work_directory& operator=(const work_directory&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

struct gathered {
  std::vector<std::pair<std::string, std::string>> texts;  // name in the archive, content
  std::vector<std::pair<std::string, std::string>> files;  // name in the archive, path of the copy
  open_tapes copies;
};

// Copies under their own names; two of one name get numbers.
void scrub_all(const open_tapes& tapes, const bundle_options& o, const fs::path& work, gathered& all) {
  std::set<std::string> used;
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < tapes.tapes.size(); ++i) {
    auto name = fs::path(tapes.tapes[i]->path()).filename().string();
    if (name.size() > 60) name = std::to_string(i + 1) + ".p11tape";
    for (auto n = i + 1; !used.insert(name).second; ++n) name = std::to_string(n) + ".p11tape";
    const auto copy = (work / name).string();
    scrub::write_copy(*tapes.tapes[i], copy, scrub::profiles.at(o.profile));
    all.files.emplace_back("tapes/" + name, copy);
    paths.push_back(copy);
  }
  all.copies = open(paths);
  if (all.copies.tapes.size() != paths.size()) throw std::runtime_error("a scrubbed copy cannot be read again");
}

void examine(const bundle_options& o, const diagnose::configured& set, gathered& all) {
  const auto readers = all.copies.readers();
  auto wanted = report::wanted_for_page(readers.size());
  wanted.set = &set;
  std::vector<diagnose::amq_message> log;
  if (!o.amqerr.empty()) log = read_amq_log(o.amqerr, readers.front()->header().wall);
  for (auto& m : log) m.text = without_pins(m.text);
  wanted.windows = windows_of(log);
  const auto measured = profile::measure_all(readers, wanted);
  std::string page, text;
  report::append_page({readers, measured, set, report::source::usual_calls, log}, page);
  diagnose::append_text(measured.findings, {measured.processes, set, {}, false, true}, text);
  append_completeness(all.copies, text);
  all.texts.emplace_back("report.html", std::move(page));
  all.texts.emplace_back("diagnosis.txt", std::move(text));
  if (o.amqerr.empty()) return;
  all.texts.emplace_back("amqerr.txt", amq_extract(log, measured.processes));
}

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string versions(const open_tapes& copies) {
  utsname u{};
  ::uname(&u);
  std::string out = std::string("p11tape ") + P11TAPE_VERSION + "\nkernel " + u.sysname + " " + u.release + " " +
                    u.machine + "\nlibc " + ::gnu_get_libc_version() + "\n";
  std::ifstream release("/etc/os-release");
  for (std::string line; std::getline(release, line);)
    if (line.starts_with("PRETTY_NAME=")) out += "system " + line.substr(12) + "\n";
  if (const auto fips = first_line("/proc/sys/crypto/fips_enabled"); !fips.empty()) out += "FIPS mode " + fips + "\n";
  std::set<std::string> modules;
  for (const auto& t : copies.tapes) {
    const std::string path(t->property("module.path").empty() ? t->property("module") : t->property("module.path"));
    if (path.empty() || !modules.insert(path).second) continue;
    out += "module " + path + ", build id " + std::string(t->property("module.build_id"));
    std::error_code error;
    const auto size = fs::file_size(path, error);
    out += error ? ", not on this machine\n" : ", " + std::to_string(size) + " bytes on this machine\n";
  }
  return out;
}

// Doctor on the client that was named, otherwise on the modules of the tapes. There is no login without --pin. A tape may be
// anybody's, so a library that only a tape names is looked at and never loaded.
std::string doctor(const bundle_options& o, const open_tapes& copies) {
  std::vector<std::string> arguments = {"doctor", "--verbose"};
  if (const auto& label = o.client.token_label(); !label.empty())
    arguments.insert(arguments.end(), {"--token-label", label});
  bool named = false;
  for (const auto& row : clients::client_rows()) {
    // A crypto-hardware string contains a PIN: where it comes from may be passed on, the string itself may not.
    const auto& value = row.kind == clients::client::mq_string ? o.string_source : o.client.clients[row.kind];
    if (value.empty()) continue;
    arguments.insert(arguments.end(), {std::string(row.option), value});
    named = true;
  }
  if (named) return own_output(arguments);
  std::string out;
  std::set<std::string> modules;
  for (const auto& t : copies.tapes) {
    const std::string path(t->property("module"));
    std::error_code error;
    if (!path.starts_with('/') || !modules.insert(path).second || !fs::is_regular_file(path, error)) continue;
    auto unloaded = arguments;
    unloaded.insert(unloaded.end(), {"--no-load", "--module", path});
    out += own_output(unloaded);
  }
  return out.empty()
             ? "No client was named, and the modules of the tapes are not on this machine.\n"
             : out + "Modules that only a tape names are not loaded. Name the client to have its module loaded.\n";
}

std::string contents(const bundle_options& o, bool checked) {
  return "A case recorded with p11tape " P11TAPE_VERSION
         ".\n\n"
         "report.html    the page to begin with; open it in a browser\n"
         "diagnosis.txt  what p11tape diagnose found\n"
         "doctor.txt     the client's configuration, the module and the token, checked without a login\n"
         "settings.txt   settings of the recorder\n"
         "versions.txt   versions of the system and of the modules\n" +
         std::string(o.amqerr.empty() ? "" : "amqerr.txt     messages of MQ's error log at the time of the calls\n") +
         "tapes/         the recordings, scrubbed to the profile " + o.profile +
         "\n"
         "SHA256SUMS     checksums; sha256sum -c SHA256SUMS checks them\n\n" +
         (checked ? "A secret was named, and none of the files contains it.\n"
                  : "No secret was named (--secret-from), so none was searched for.\n");
}

bool is_clean(const gathered& all, secret_check& secret) {
  bool found = false;
  for (const auto& [name, content] : all.texts) found |= secret.in_text(content, name);
  for (std::size_t i = 0; i < all.copies.tapes.size(); ++i)
    found |= secret.in_tape(*all.copies.tapes[i], all.files[i].first);
  return !found;
}

std::string top_of(const std::string& path) {
  auto name = fs::path(path).filename().string();
  for (const auto* suffix : {".tar.gz", ".tgz", ".tar.zst"})
    if (name.ends_with(suffix)) name.resize(name.size() - std::string(suffix).size());
  return name.empty() || name.size() > 30 ? "case" : name;
}

int run(bundle_options& o) {
  if (!bundle::is_archive_name(o.out)) {
    std::fprintf(stderr, "p11tape: %s: the name must end with .tar.gz, .tgz or .tar.zst\n", o.out.c_str());
    return exit_usage;
  }
  // First what may fail or ask: nothing has been read yet.
  std::optional<secret_check> secret;
  if (!o.secret_from.empty()) secret.emplace(o.secret_from);
  if (const auto& s = o.client.clients[clients::client::mq_string]; s.starts_with("env:") || s.starts_with("file:"))
    o.string_source = s;
  const auto set = o.client.read();
  const auto tapes = o.tapes.open();
  if (tapes.tapes.empty()) return exit_unusable;
  bundle::archive archive(o.out, top_of(o.out), static_cast<std::uint64_t>(std::time(nullptr)));
  const work_directory work;
  gathered all;
  scrub_all(tapes, o, work.path(), all);
  examine(o, set, all);
  all.texts.emplace_back("doctor.txt", doctor(o, all.copies));
  all.texts.emplace_back("settings.txt", own_output({"settings"}));
  all.texts.emplace_back("versions.txt", versions(all.copies));
  all.texts.emplace_back("README.txt", contents(o, secret.has_value()));
  if (secret && !is_clean(all, *secret)) {
    std::fprintf(stderr, "p11tape: %s: not written, because it would contain the secret\n", o.out.c_str());
    return exit_findings;
  }
  for (const auto& [name, content] : all.texts) archive.add(name, content);
  for (const auto& [name, path] : all.files) archive.add_file(name, path);
  archive.finish();
  std::printf("%s: %zu tape%s, scrubbed to the profile %s\n", o.out.c_str(), all.files.size(),
              all.files.size() == 1 ? "" : "s", o.profile.c_str());
  return tapes.troubles.empty() ? exit_fine : exit_unusable;
}

}  // namespace

void add_bundle(CLI::App& app, status& result) {
  auto* command =
      app.add_subcommand("bundle", "Collect a case in one archive: scrubbed tapes, report, doctor, versions");
  auto o = std::make_shared<bundle_options>();
  command->add_option("-o,--output", o->out, "Archive to write: NAME.tar.gz or NAME.tar.zst")
      ->required()
      ->type_name("FILE");
  o->tapes.add_to(*command);
  command->add_option("--profile", o->profile, "Redaction profile of the copies")
      ->check(CLI::IsMember(scrub::profiles))
      ->capture_default_str();
  command
      ->add_option(
          "--secret-from", o->secret_from,
          "File that contains a secret, or - for standard input; if any file would contain it, nothing is written")
      ->type_name("FILE");
  command
      ->add_option("--amqerr", o->amqerr, "IBM MQ error log, of which the messages at the time of the calls are added")
      ->type_name("FILE");
  o->client.add_to(*command);
  command->footer(
      "Examples:\n"
      "  p11tape bundle -o case.tar.gz --secret-from pin.txt /var/tmp/p11tape-1000\n"
      "  p11tape bundle -o case.tar.zst --mq-ini /var/mqm/mqclient.ini --amqerr /var/mqm/errors/AMQERR01.LOG tapes\n"
      "Exit status: 0 done; 1 not written, because the secret was found; 2 unusable input, or the archive cannot be "
      "written; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
