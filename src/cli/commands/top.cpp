// SPDX-License-Identifier: Apache-2.0
// p11tape top: what all recorded processes of this machine do just now. It reads their tapes; they do not notice.
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/live_tape.hpp"
#include "cli/support/output.hpp"
#include "cli/support/processes.hpp"
#include "render/words.hpp"
#include "text/exit_codes.hpp"
#include "text/numbers.hpp"
#include "text/phrase.hpp"
#include "text/times.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;
using u64 = tape::u64;

struct top_options {
  bool once = false;
  unsigned interval = 1;  // s
};

u64 now_of(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<u64>(t.tv_sec) * 1000000000 + static_cast<u64>(t.tv_nsec);
}

struct watched {
  int pid = 0;
  std::string program;
  std::unique_ptr<live_tape> tape;
  live_tape::counts before;
  u64 looked = 0;   // CLOCK_MONOTONIC
  double rate = 0;  // calls/s
  bool gone = false;
};

class board {
 public:
  /// Takes up the tapes that are written now, and reads what has come.
  void look() {
    std::map<std::string, bool> seen;
    hidden_ = for_each_process([&](int pid, const std::string& program) {
      if (pid == ::getpid()) return;
      const auto key_of = [&](const std::string& path) { return std::to_string(pid) + " " + path; };
      for (auto& t : written_tapes(pid, [&](const std::string& path) { return all_.contains(key_of(path)); })) {
        const auto key = key_of(t.path);
        seen[key] = true;
        if (t.reader) take_up(key, pid, program, std::move(t));
      }
    });
    std::erase_if(all_, [&](const auto& w) { return !seen.contains(w.first); });
    for (auto& [key, w] : all_) refresh(w);
    std::erase_if(all_, [](const auto& w) { return w.second.gone; });
  }

  std::size_t hidden() const noexcept { return hidden_; }

  /// A line for each tape, the busiest first; at most `lines`, each at most `width` wide.
  void append(std::size_t lines, std::size_t width, std::string& out) const {
    std::vector<const watched*> order;
    double rate = 0;
    u64 failed = 0;
    for (const auto& [key, w] : all_) {
      order.push_back(&w);
      rate += w.rate;
      failed += w.tape->so_far().failed;
    }
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->rate > b->rate; });
    std::string time;
    text::append_local_time(now_of(CLOCK_REALTIME), time);
    add(text::cat("p11tape top  ", time.substr(11, 8), "  ", text::counted(order.size(), "tape"), ", ", rounded(rate),
                  " calls/s, ", text::counted(failed, "call"), " failed"),
        width, out);
    if (order.empty()) return add("No process is being recorded.", width, out);
    add("    PID  PROGRAM          CALLS/S       CALLS   ERRORS   LOGINS  FAILED  SLOWEST IN FLIGHT", width, out);
    std::size_t left = lines > 3 ? lines - 3 : 1;
    for (const auto* w : order) {
      if (left-- == 0) break;
      add(line_of(*w), width, out);
    }
  }

 private:
  void take_up(const std::string& key, int pid, const std::string& program, written_tape t) {
    try {
      watched w;
      w.pid = pid;
      render::append_safe(fs::path(program).filename().string(), w.program);
      w.tape = std::make_unique<live_tape>(std::move(t.reader));
      w.before = w.tape->so_far();
      w.looked = now_of(CLOCK_MONOTONIC);
      all_.emplace(key, std::move(w));
    } catch (const tape::tape_error&) {
      // It ended while we looked.
    }
  }

  static void refresh(watched& w) {
    try {
      w.tape->look();
    } catch (const tape::tape_error&) {
      w.gone = true;
      return;
    }
    const auto now = now_of(CLOCK_MONOTONIC);
    const auto added = w.tape->so_far().calls - w.before.calls;
    w.rate = now > w.looked ? static_cast<double>(added) * 1e9 / static_cast<double>(now - w.looked) : 0;
    w.before = w.tape->so_far();
    w.looked = now;
  }

  static std::string rounded(double n) {
    char text[32];
    std::snprintf(text, sizeof text, n < 10 ? "%.1f" : "%.0f", n);
    return text;
  }

  static std::string line_of(const watched& w) {
    const auto& c = w.tape->so_far();
    char text[160];
    std::snprintf(text, sizeof text, "%7d  %-15.15s %8s  %10llu %8llu %8llu %7llu  ", w.pid, w.program.c_str(),
                  rounded(w.rate).c_str(), static_cast<unsigned long long>(c.calls),
                  static_cast<unsigned long long>(c.failed), static_cast<unsigned long long>(c.logins),
                  static_cast<unsigned long long>(c.failed_logins));
    std::string line = text;
    if (const auto& flying = w.tape->in_flight(); !flying.empty()) {
      const auto now = now_of(CLOCK_MONOTONIC);
      line += flying.front().function + " ";
      text::append_duration(now > flying.front().start ? now - flying.front().start : 0, line);
      if (flying.size() > 1) line += text::cat(" and ", flying.size() - 1, " more");
    }
    if (w.tape->reader().header().stopped != 0) line += "  recording has stopped";
    return line;
  }

  // The texts are ASCII but for a µ, which is one column of two bytes.
  static void add(std::string_view line, std::size_t width, std::string& out) {
    std::size_t columns = 0;
    for (const char c : line) {
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++columns > width) break;
      out += c;
    }
    out += '\n';
  }

  std::map<std::string, watched> all_;  // by process and tape
  std::size_t hidden_ = 0;
};

volatile std::sig_atomic_t stop = 0;

// Keys come one by one, and unseen, until it goes.
class quiet_terminal {
 public:
  quiet_terminal() {
    wanted_ = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!wanted_) return;
    auto raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~quiet_terminal() {
    if (wanted_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  quiet_terminal(const quiet_terminal&) = delete;
  quiet_terminal& operator=(const quiet_terminal&) = delete;
  bool has_keys() const noexcept { return wanted_; }

 private:
  termios before_{};
  bool wanted_ = false;
};

// Waits; false where it is time to go.
bool wait_for(unsigned seconds, bool keys) {
  for (auto left = static_cast<int>(seconds * 1000); left > 0 && stop == 0;) {
    const int slice = std::min(left, 100);
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (keys && ::poll(&in, 1, slice) > 0) {
      char key = 0;
      if (::read(STDIN_FILENO, &key, 1) <= 0) keys = false;
      if (key == 'q' || key == 'Q') return false;
      continue;
    }
    if (!keys) ::poll(nullptr, 0, slice);
    left -= slice;
  }
  return stop == 0;
}

int run(const top_options& o) {
  board all;
  all.look();
  output out;
  const bool redraw = !o.once && ::isatty(STDOUT_FILENO) != 0;
  if (!redraw) {
    do {
      wait_for(o.interval, false);
      all.look();
      all.append(~std::size_t{0}, ~std::size_t{0}, out.text());
      out.flush();
    } while (!o.once && !out.closed());
  } else {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, [](int) { stop = 1; });
    const quiet_terminal terminal;
    while (!out.closed()) {
      winsize size{};
      if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size.ws_row = 24, size.ws_col = 80;
      std::string screen;
      all.append(size.ws_row, size.ws_col, screen);
      if (!screen.empty()) screen.pop_back();  // the last line needs no newline, which would scroll
      out.text() += "\x1b[H\x1b[2J" + screen;
      out.flush();
      if (!wait_for(o.interval, terminal.has_keys())) break;
      all.look();
    }
    out.text() += "\n";
  }
  out.flush();
  if (o.once) report_hidden_processes(all.hidden());
  return exit_fine;
}

}  // namespace

void add_top(CLI::App& app, status& result) {
  auto* command =
      app.add_subcommand("top", "Watch all recorded processes: calls per second, errors, logins, calls in flight");
  auto o = std::make_shared<top_options>();
  command->add_flag("--once", o->once, "Print the state once, after one interval");
  command->add_option("--interval", o->interval, "Time between two looks, in seconds")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  command->footer(
      "Reads the tapes that are being written; the recorded processes do not notice. q ends it.\n"
      "Examples:\n"
      "  p11tape top\n"
      "  p11tape top --once\n"
      "Exit status: 0 done; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
