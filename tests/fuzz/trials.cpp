// SPDX-License-Identifier: Apache-2.0
#include "trials.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace p11tape::fuzz {
namespace {

constexpr unsigned per_child = 500;
constexpr unsigned seconds_per_trial = 20;        // of CPU time, with a sanitizer; nothing takes one
constexpr unsigned patience = 300;                // for what waits for something that never comes, on a busy machine
constexpr std::uint64_t most_memory = 512 << 20;  // resident, of a child; the largest input is a few MiB

struct progress {
  std::atomic<std::uint64_t> current;
  std::atomic<std::uint64_t> done;
  char wrong[1024];
};

std::uint64_t number(const char* text, const char* help) {
  char* end = nullptr;
  const auto n = std::strtoull(text, &end, 10);
  if (*text == 0 || *end != 0) {
    std::fputs(help, stderr);
    std::exit(64);
  }
  return n;
}

std::uint64_t resident() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<std::uint64_t>(use.ru_maxrss) * 1024;
}

[[noreturn]] void work(progress& p, std::uint64_t first, std::uint64_t count, const std::function<void()>& prepare,
                       const trial& t) {
  prepare();
  for (auto n = first; n < first + count; ++n) {
    p.current = n;
    const itimerval most{{0, 0}, {seconds_per_trial, 0}};
    setitimer(ITIMER_PROF, &most, nullptr);
    alarm(patience);
    std::mt19937_64 random(n);
    auto wrong = t(random);
    if (wrong.empty() && resident() > most_memory) wrong = "it takes more memory than its input is worth";
    if (!wrong.empty()) {
      std::snprintf(p.wrong, sizeof p.wrong, "%s", wrong.c_str());
      _exit(1);
    }
    ++p.done;
  }
  _exit(0);
}

}  // namespace

options parse(int argc, char** argv, const char* help) {
  options o;
  o.seed = std::random_device{}();
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--") && i + 1 == argc) {
      std::fputs(help, stderr);
      std::exit(64);
    }
    if (word == "--seconds") {
      o.seconds = static_cast<unsigned>(number(argv[++i], help));
    } else if (word == "--seed" || word == "--only") {
      o.single = word == "--only";
      o.seed = number(argv[++i], help);
    } else if (word.starts_with("-")) {
      std::fputs(help, stderr);
      std::exit(64);
    } else {
      o.files.push_back(word);
    }
  }
  return o;
}

int run(const options& o, const char* program, const std::function<void()>& prepare, const trial& t) {
  auto* const p = static_cast<progress*>(
      mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(o.seconds);
  for (auto first = o.seed;; first += per_child) {
    const pid_t child = fork();
    if (child == 0) work(*p, first, o.single ? 1 : per_child, prepare, t);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
      if (p->wrong[0] == 0 && WIFSIGNALED(status))
        std::snprintf(p->wrong, sizeof p->wrong, "signal %d (%s)", WTERMSIG(status),
                      WTERMSIG(status) == SIGPROF   ? "it takes too long"
                      : WTERMSIG(status) == SIGALRM ? "it waits"
                                                    : strsignal(WTERMSIG(status)));
      const auto n = static_cast<unsigned long long>(p->current.load());
      std::fprintf(stderr, "%s: trial %llu: %s\nTo see it again: %s --only %llu\n", program, n, p->wrong, program, n);
      return 1;
    }
    if (o.single || std::chrono::steady_clock::now() >= end) break;
  }
  std::printf("%s: %llu trials from seed %llu, all well\n", program, static_cast<unsigned long long>(p->done.load()),
              static_cast<unsigned long long>(o.seed));
  return 0;
}

}  // namespace p11tape::fuzz
