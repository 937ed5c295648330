// SPDX-License-Identifier: Apache-2.0
// p11tape metrics: what monitoring asks of tapes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/tapes.hpp"
#include "export/metrics.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

struct metrics_options {
  std::vector<std::string> paths;
  std::string file;
};

// node_exporter reads the directory at any time, so it must never see half a file; and it runs as another user.
bool replace_file(const std::string& path, const std::string& text) {
  const auto next = path + ".new" + std::to_string(::getpid());
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return false;
  bool good = true;
  for (std::size_t done = 0; good && done < text.size();) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    good = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  good = ::close(fd) == 0 && good && std::rename(next.c_str(), path.c_str()) == 0;
  if (!good) {
    const auto error = errno;
    ::unlink(next.c_str());
    errno = error;
  }
  return good;
}

int run(const metrics_options& o) {
  const auto tapes = open(o.paths);
  report(tapes);
  if (tapes.tapes.empty()) return exit_unusable;
  const auto text = exporting::metrics_of(tapes.readers());
  report_damages(tapes);
  if (o.file.empty()) {
    output out;
    out.text() = text;
    out.flush();
    return out.error() != 0 || !tapes.troubles.empty() ? exit_unusable : exit_fine;
  }
  if (!replace_file(o.file, text)) {
    std::fprintf(stderr, "p11tape: %s: cannot be written: %s\n", o.file.c_str(), std::strerror(errno));
    return exit_unusable;
  }
  return tapes.troubles.empty() ? exit_fine : exit_unusable;
}

}  // namespace

void add_metrics(CLI::App& app, status& result) {
  auto* command =
      app.add_subcommand("metrics", "Write numbers for Prometheus: calls, errors, durations, logins, losses");
  auto o = std::make_shared<metrics_options>();
  command->add_option("TAPE", o->paths, "Tapes, or directories with tapes")->required();
  command->add_option("-o,--output", o->file, "File to replace; default: standard output")->type_name("FILE");
  command->footer(
      "Example, for the textfile collector of node_exporter:\n"
      "  p11tape metrics -o /var/lib/prometheus/node-exporter/p11tape.prom /var/lib/p11tape\n"
      "Exit status: 0; 2 if a tape cannot be read or the file cannot be written; 64 for wrong usage.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
