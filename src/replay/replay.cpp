// SPDX-License-Identifier: Apache-2.0
#include "replay/replay.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "capture/host/clock.hpp"
#include "replay/runner.hpp"

namespace p11tape::replay {
namespace {

// In the child. Its standard output is that of errors: what a module prints must not end up in a report.
template <class Work>
[[noreturn]] void be_child(pid_t parent, results& out, Work work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  try {
    work();
  } catch (const std::exception& e) {
    out.set_trouble(e.what());
  }
  out.head().finished = true;
  _exit(0);
}

std::uint64_t patience_for(const step& s, const settings& how) {
  constexpr std::uint64_t second = 1'000'000'000, longest = 3600 * second;  // the tape may say anything
  return std::max(static_cast<std::uint64_t>(how.patience.count()) * second, 2 * std::min(s.call.duration(), longest));
}

bool hangs(const plan& p, const settings& how, const results& out) {
  const auto now = capture::now();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto& r = out[i];
    if (r.is.load(std::memory_order_acquire) == outcome::running && now > r.begin &&
        now - r.begin > patience_for(p.steps[i], how))
      return true;
  }
  return false;
}

// Waits for a child of ours; nobody else can have taken its number. Looks now and then whether a call hangs.
ending wait_for(pid_t child, const plan& p, const settings& how, const results& out) {
  ending e;
  for (int pause = 1, rounds = 0;; pause = std::min(2 * pause, 20), ++rounds) {
    int status = 0;
    const pid_t done = waitpid(child, &status, WNOHANG);
    if (done == child) {
      if (WIFSIGNALED(status)) e.signal = WTERMSIG(status);
      break;
    }
    if (done < 0 && errno != EINTR) break;
    if (!e.hung && rounds % 16 == 0 && hangs(p, how, out)) {
      e.hung = true;
      kill(child, SIGKILL);
    }
    poll(nullptr, 0, pause);
  }
  e.finished = out.head().finished;
  return e;
}

// The list that calls go through is asked for on a thread for look-ups: it is no call of the tape's.
void choose(module& m, const plan& p, results& out) {
  module::choice chosen;
  lookup_thread().ask([&] { chosen = m.choose(p.major, p.minor); });
  if (!chosen.usable) throw std::runtime_error(chosen.trouble);
  out.set_lacks(chosen.trouble);
}

void run_once(const plan& p, const settings& how, results& out) {
  module m(how.module);
  choose(m, p, out);
  runner(p, how, m, out).run();
}

// One process of a load test. What came of its latest round is in `mine`; the durations go to the common samples.
void run_rounds(const plan& p, const settings& how, u64 rounds, results& mine, results& shared) {
  module m(how.module);
  choose(m, p, mine);
  for (u64 n = 0; n < rounds && !shared.head().give_up; ++n) {
    mine.forget();
    const bool same = runner(p, how, m, mine).run();
    for (u32 i = 0; i < p.steps.size(); ++i) {
      const auto is = mine[i].is.load();
      if (!p.steps[i].prepares && is != outcome::left_out && is != outcome::pending)
        shared.add_sample(i, mine[i].end - mine[i].begin);
    }
    ++shared.head().rounds;
    if (same) continue;
    ++shared.head().bad_rounds;
    for (u32 i = 0; i < p.steps.size(); ++i) {
      if (mine[i].is != outcome::diverged) continue;
      // Under load a module may fail now and then, which is what is asked here; but not with PINs.
      if (p.steps[i].role.does == cryptoki::effect::login) shared.head().give_up = true;
      auto unclaimed = outcome::pending;
      if (!shared[i].is.compare_exchange_strong(unclaimed, outcome::diverged)) continue;
      shared.keep(mine.text_of(mine[i].text, mine[i].size), shared[i].text, shared[i].size);
      shared[i].value = mine[i].value;
    }
  }
}

}  // namespace

ending replay(const plan& p, const settings& how, results& out) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot create a process for the module");
  if (child == 0) be_child(parent, out, [&] { run_once(p, how, out); });
  return wait_for(child, p, how, out);
}

ending load(const plan& p, const settings& how, u64 rounds, u64 parallel, results& out) {
  const pid_t parent = getpid();
  std::vector<std::unique_ptr<results>> theirs;
  std::vector<pid_t> children;
  theirs.reserve(parallel);
  for (u64 n = 0; n < parallel; ++n) theirs.push_back(std::make_unique<results>(p.steps.size()));
  out.head().began = capture::now();
  for (auto& mine : theirs) {
    const pid_t child = fork();
    if (child < 0) {
      out.set_trouble("cannot create all processes");
      break;
    }
    if (child == 0) be_child(parent, *mine, [&] { run_rounds(p, how, rounds, *mine, out); });
    children.push_back(child);
  }
  ending all{true, false, 0};
  for (std::size_t n = 0; n < children.size(); ++n) {
    const auto e = wait_for(children[n], p, how, *theirs[n]);
    if (const auto why = theirs[n]->trouble(); !why.empty() && out.trouble().empty()) out.set_trouble(why);
    if (e.signal != 0) all = e;
  }
  out.head().ended = capture::now();
  return all;
}

}  // namespace p11tape::replay
