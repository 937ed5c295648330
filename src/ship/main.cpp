// SPDX-License-Identifier: Apache-2.0
// p11tape-ship: sends the rows of tapes to a fleet engine.
#include <csignal>
#include <cstdio>
#include <thread>

#include "ship/round.hpp"
#include "text/exit_codes.hpp"

using namespace p11tape;

namespace {

std::atomic<bool> stop{false};

void end(int) { stop.store(true); }

void print(const ship::round_result& r, bool spans) {
  for (const auto& t : r.bad_tapes) std::fprintf(stderr, "p11tape-ship: %s\n", t.c_str());
  if (r.rows != 0 || r.trouble.empty())
    std::printf("%llu %s sent in %llu batches\n", static_cast<unsigned long long>(r.rows), spans ? "spans" : "rows",
                static_cast<unsigned long long>(r.batches));
  if (!r.trouble.empty())
    std::fprintf(stderr, "p11tape-ship: %s; %llu batches wait in the spool\n", r.trouble.c_str(),
                 static_cast<unsigned long long>(r.waiting));
  if (r.spool_full)
    std::fprintf(stderr, "p11tape-ship: the spool is full: newer calls stay on their tapes (see --spool-limit)\n");
  std::fflush(stdout);
}

int run(const ship::options& o) {
  ship::sender to(o.as_target(), stop);
  if (o.check_only) {
    const auto trouble = to.check();
    std::printf("%s\n", !trouble.empty() ? trouble.c_str()
                        : o.spans        ? "the collector takes spans"
                                         : "the server takes rows of this version");
    return trouble.empty() ? exit_fine : exit_unusable;
  }
  ship::spool box(o.spool, o.spool_bytes);
  for (;;) {
    const auto result = run_round(o, box, to, stop);
    print(result, o.spans);
    const bool good = result.trouble.empty() && result.bad_tapes.empty() && !result.spool_full;
    if (o.every == 0) return good ? exit_fine : exit_unusable;
    for (std::uint64_t tenths = 0; tenths < 10 * o.every && !stop.load(); ++tenths)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (stop.load()) return exit_fine;
  }
}

int run(int argc, char** argv) {
  CLI::App app("Sends the calls of tapes, and what is known of them, to a fleet engine (ClickHouse).", "p11tape-ship");
  app.set_version_flag("--version", "p11tape-ship " P11TAPE_VERSION);
  app.footer(
      "Rows that cannot be sent wait in the spool; each has a key, so that sending it twice changes nothing.\n"
      "Example:\n"
      "  p11tape ship --to https://clickhouse.example:8443 --user ship --password-file /etc/p11tape/ship.password \\\n"
      "    /var/lib/p11tape\n"
      "  p11tape ship --otlp --to http://127.0.0.1:4318 --spool /var/lib/p11tape-otlp /var/lib/p11tape\n"
      "Exit status: 0 everything is sent; 2 if something could not be sent or read; 64 for wrong usage.");
  ship::options o;
  o.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_fine : exit_usage;
  }
  return run(o);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, end);
  std::signal(SIGTERM, end);
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "p11tape-ship: %s\n", e.what());
    return exit_unusable;
  }
}
