// SPDX-License-Identifier: Apache-2.0
// p11tape import: tapes from the logs of other tools; with --clean the log itself, without its secrets.
#include "import/import.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cli/support/commands.hpp"
#include "import/tapes.hpp"
#include "p11tape/tape.hpp"
#include "text/exit_codes.hpp"
#include "text/phrase.hpp"

namespace p11tape::cli {
namespace {

using text::cat;
using text::counted;

struct import_options {
  std::vector<std::string> logs;
  std::string kind;
  std::optional<std::string> output;  ///< a directory for tapes; with `clean` a file
  bool clean = false;
  bool unknown = false;
};

void complain(const std::string& path, const std::string& what) {
  std::fprintf(stderr, "p11tape: %s: %s\n", path == "-" ? "standard input" : path.c_str(), what.c_str());
}

std::string kinds(std::string_view before_last = " and ") {
  std::string all;
  const auto list = import::log_kinds();
  for (std::size_t i = 0; i < list.size(); ++i)
    all += cat(i == 0 ? "" : i + 1 == list.size() ? before_last : ", ", list[i].name);
  return all;
}

// "spy.log.gz" -> "spy": what the tapes are named after.
std::string stem_of(const std::string& path) {
  if (path == "-") return "log";
  auto name = std::filesystem::path(path).filename().string();
  for (const std::string_view end : {".gz", ".txt", ".log", ".out", ".xml"})
    if (name.size() > end.size() && name.ends_with(end)) name.resize(name.size() - end.size());
  return name;
}

class nowhere final : public import::call_sink {
 public:
  void begin_process(const import::process_start&) override {}
  void add(import::call& c) override {
    c = {};
    ++calls;
  }
  u_int64_t calls = 0;
};

void list_unknown(const std::string& path, const import::import_result& r) {
  for (const auto& [number, line] : r.unknown)
    std::fprintf(stderr, "%s:%llu: %s\n", path.c_str(), static_cast<unsigned long long>(number), line.c_str());
}

// Where --clean writes to: standard output, or a new file that only its owner may read. A file that is not finished is
// removed.
class clean_log {
 public:
  explicit clean_log(const std::string& path) : path_(path), file_(path == "-" ? stdout : create(path)) {}
  ~clean_log() {
    if (file_ == stdout || file_ == nullptr) return;
    std::fclose(file_);
    ::unlink(path_.c_str());
  }
  clean_log(const clean_log&) = delete;
  clean_log& operator=(const clean_log&) = delete;

  bool is_empty() const noexcept { return empty_; }

  void line(std::string_view text) {
    empty_ = false;
    note(std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fputc('\n', file_) != EOF);
  }
  void finish() {
    note(std::fflush(file_) == 0);
    if (error_ != 0) fail("cannot be written", error_);
    if (file_ != stdout) note(std::fclose(std::exchange(file_, nullptr)) == 0);
    if (error_ == 0) return;
    ::unlink(path_.c_str());
    fail("cannot be written", error_);
  }

 private:
  std::FILE* create(const std::string& path) const {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    std::FILE* const file = fd < 0 ? nullptr : ::fdopen(fd, "w");
    if (file == nullptr) fail("cannot be created", errno);
    return file;
  }
  [[noreturn]] void fail(const char* what, int why) const {
    throw std::runtime_error(cat(path_ == "-" ? "standard output" : path_, ": ", what, ": ", std::strerror(why)));
  }

  void note(bool done) noexcept {
    if (!done && error_ == 0) error_ = errno;
  }

  std::string path_;
  std::FILE* file_;
  int error_ = 0;  // of the first failure
  bool empty_ = true;
};

// Writes the log without its secrets. Lines that are not understood may hold anything: left out.
bool clean(import::importer& log, const std::string& path, const import_options& o, clean_log& to) {
  nowhere sink;
  std::size_t run = 0;
  const auto tell_gap = [&] {
    if (run != 0) to.line(cat("[p11tape: ", counted(run, "line"), " not understood and left out]"));
    run = 0;
  };
  const auto result = log.read(
      sink,
      [&](std::string_view line, bool shown) {
        if (!shown) {
          ++run;
          return;
        }
        tell_gap();
        to.line(line);
      },
      o.unknown ? 100000 : 0);
  tell_gap();
  list_unknown(path, result);
  return sink.calls > 0;
}

const std::string& directory_of(const import_options& o) {
  static const std::string here = ".";
  return o.output ? *o.output : here;
}

bool to_tapes(import::importer& log, const std::string& path, const import_options& o) {
  import::tapes tapes(
      {directory_of(o), stem_of(path), path == "-" ? "standard input" : path, log.kind(), log.word_size()});
  const auto result = log.read(tapes, {}, o.unknown ? 100000 : 0);
  tapes.finish(result.facts);
  std::printf("%s: %s of %s, read as a log of %s\n", path == "-" ? "standard input" : path.c_str(),
              counted(tapes.calls(), "call").c_str(), counted(tapes.paths().size(), "process", "processes").c_str(),
              std::string(log.kind()->title).c_str());
  for (const auto& made : tapes.paths()) std::printf("  %s\n", made.c_str());
  if (result.facts.gaps) std::printf("  Pieces of the log are missing, so some checks are not made.\n");
  if (tapes.left_out() != 0)
    std::printf("  %s left out: the log has too many processes or threads.\n",
                counted(tapes.left_out(), "call was", "calls were").c_str());
  if (result.unknown_lines != 0)
    std::printf("  %s not understood%s\n", counted(result.unknown_lines, "line was", "lines were").c_str(),
                o.unknown ? ":" : " (--unknown lists them).");
  std::fflush(stdout);
  list_unknown(path, result);
  if (tapes.paths().empty()) complain(path, "no call was found in it");
  return !tapes.paths().empty();
}

// False if some of the logs cannot be read. `cleaned`: where they go to without their secrets, nullptr for tapes.
bool read_logs(const import_options& o, const import::log_kind* wanted, clean_log* cleaned) {
  bool all_read = true;
  for (const auto& path : o.logs) try {
      import::input lines(path);
      import::importer log(lines, wanted);
      if (log.kind() == nullptr) {
        complain(path, cat("is not a log of a known kind (tried: ", kinds(), ")"));
        all_read = false;
        continue;
      }
      all_read &= cleaned != nullptr ? clean(log, path, o, *cleaned) : to_tapes(log, path, o);
      if (lines.incomplete()) complain(path, "the packed file ends too early (what is in it was read)");
      if (lines.cut_lines())
        complain(path, cat("lines were longer than ", import::longest_line >> 20, " MiB, and cut"));
    } catch (const std::exception& e) {
      std::fprintf(stderr, "p11tape: %s\n", e.what());
      all_read = false;
    }
  return all_read;
}

int run_import(const import_options& o) {
  const import::log_kind* wanted = nullptr;
  if (!o.kind.empty() && (wanted = import::find_log_kind(o.kind)) == nullptr) {
    std::fprintf(stderr, "p11tape: %s is not a kind of log (known: %s)\n", o.kind.c_str(), kinds().c_str());
    return exit_usage;
  }
  if (o.clean) {
    clean_log to(o.output.value_or("-"));
    const bool all_read = read_logs(o, wanted, &to);
    if (all_read || !to.is_empty()) to.finish();
    return all_read ? exit_fine : exit_unusable;
  }
  if (mkdir(directory_of(o).c_str(), 0700) != 0 && errno != EEXIST) {
    complain(directory_of(o), cat("cannot be created: ", std::strerror(errno)));
    return exit_unusable;
  }
  return read_logs(o, wanted, nullptr) ? exit_fine : exit_unusable;
}

}  // namespace

void add_import(CLI::App& app, status& result) {
  auto o = std::make_shared<import_options>();
  auto* c = app.add_subcommand("import", "Make tapes from the logs of other tools");
  c->footer(cat("Reads logs of: ", kinds(),
                ". The kind is recognised. Pasted pieces, quoted mail, UTF-16 and gzip are understood.\n"
                "Writes one tape for each process; existing tapes are never overwritten. PINs, keys and data are not\n"
                "imported. A tape holds only what the log shows: show and diagnose say what is missing.\n"
                "Examples:\n"
                "  p11tape import -o tapes spy.log && p11tape diagnose tapes\n"
                "  p11tape import --clean -o spy-without-secrets.log spy.log\n"
                "Exit status: 0; 2 if a log cannot be read or is of no known kind; 64 for wrong usage."));
  c->add_option("LOG", o->logs, "Log files, or - for standard input")->required();
  c->add_option("--kind", o->kind, "Kind of the logs, if it is not recognised");
  c->add_option("-o,--output", o->output,
                "Directory for the tapes, created if it does not exist; with --clean, the file to write")
      ->default_str(".");
  c->add_flag("--clean", o->clean,
              "Write the log itself, without its secrets, to standard output or to the file of -o");
  c->add_flag("--unknown", o->unknown, "List the lines that were not understood");
  c->callback([o, &result] { result = run_import(*o); });
}

}  // namespace p11tape::cli
