// SPDX-License-Identifier: Apache-2.0
// A soak: a long-lived host of eight threads that mix calls on SoftHSM, with children that it forks and other hosts
// that are killed, for as long as one likes. In the end the host's memory must not have grown, every tape must read,
// and what is on the tapes must agree with what the hosts have counted themselves.
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "mix.hpp"
#include "model/call_stream.hpp"
#include "p11tape/tape.hpp"

namespace {

namespace fs = std::filesystem;
using namespace p11tape;
using namespace p11tape::soak;
using steady = std::chrono::steady_clock;

constexpr unsigned threads = 8;
constexpr std::uint64_t most_growth_kib = 4096;  // of SoftHSM, OpenSSL and malloc as well, once they are warm

// One host's own count, shared with who reads its tape after it has ended.
struct tally {
  std::atomic<int> pid;
  std::atomic<bool> killed;
  std::atomic<std::uint64_t> thread_id[threads];
  std::atomic<std::uint64_t> calls[threads];  // that have returned
};

struct ledger {
  static constexpr unsigned most = 4096;
  std::atomic<unsigned> used;
  std::atomic<std::uint64_t> memory_early, memory_late;  // KiB of the long-lived host
  tally hosts[most];

  tally* open() {
    const unsigned n = used++;
    return n < most ? &hosts[n] : nullptr;
  }
};

std::uint64_t private_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "RssAnon:") {
      std::uint64_t kib = 0;
      status >> kib;
      return kib;
    }
  return 0;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "soak: %s\n", why.c_str());
  _exit(1);
}

const CK_FUNCTION_LIST* load() {
  void* const handle = dlopen(P11TAPE_SHIM, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) give_up(dlerror());
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(handle, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) give_up("no function list");
  return list;
}

// Lets one thread fork while no other is inside the module: SoftHSM's own locks must be free in the child.
struct pause {
  std::atomic<bool> wanted{false};  // or the others would never leave the lock to the one
  std::shared_mutex lock;

  std::shared_lock<std::shared_mutex> run() {
    while (wanted) usleep(100);
    return std::shared_lock(lock);
  }
};

void work(const CK_FUNCTION_LIST* list, tally& t, unsigned thread, unsigned seed, const std::atomic<bool>& stop,
          pause& forking) {
  t.thread_id[thread] = static_cast<std::uint64_t>(gettid());
  caller c(list, seed, t.calls[thread]);
  while (!stop) {
    const auto running = forking.run();
    c.some_calls();
  }
  const auto running = forking.run();
  c.finish();
}

// A child of fork: SoftHSM wants to be initialised again there. Ends like a program, or is killed in the midst of it.
[[noreturn]] void be_child(const CK_FUNCTION_LIST* list, ledger& book, unsigned seed) {
  tally* const t = book.open();
  if (t == nullptr) _exit(0);
  t->thread_id[0] = static_cast<std::uint64_t>(gettid());
  t->pid = getpid();
  t->killed = seed % 3 == 0;
  count_call(t->calls[0], list->C_Initialize(nullptr));
  caller c(list, seed, t->calls[0]);
  for (unsigned n = 0; n < 20 + seed % 30; ++n) c.some_calls();
  if (t->killed) kill(getpid(), SIGKILL);
  c.finish();
  count_call(t->calls[0], list->C_Finalize(nullptr));
  _exit(0);
}

// A host that is killed at a random moment.
[[noreturn]] void be_killed(ledger& book, unsigned seed) {
  tally* const t = book.open();
  if (t == nullptr) _exit(0);
  t->pid = getpid();
  t->killed = true;
  const auto* const list = load();
  CK_C_INITIALIZE_ARGS locking{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, nullptr};
  list->C_Initialize(&locking);
  static std::atomic<bool> never{false};
  static pause no_pause;
  for (unsigned i = 0; i < threads; ++i) std::thread([=] { work(list, *t, i, seed + i, never, no_pause); }).detach();
  usleep(100000 + seed % 400000);
  kill(getpid(), SIGKILL);
  _exit(1);
}

int end_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// The long-lived host.
[[noreturn]] void be_host(ledger& book, unsigned seconds) {
  tally* const t = book.open();
  t->pid = getpid();
  const auto* const list = load();
  CK_C_INITIALIZE_ARGS locking{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, nullptr};
  if (list->C_Initialize(&locking) != CKR_OK) give_up("C_Initialize fails");
  std::atomic<bool> stop{false};
  pause forking;
  std::vector<std::thread> crew;
  for (unsigned i = 0; i < threads; ++i) crew.emplace_back([&, i] { work(list, *t, i, i, stop, forking); });
  const auto begin = steady::now();
  const auto end = begin + std::chrono::seconds(seconds);
  const auto warm = begin + std::chrono::seconds(seconds) / 3;
  for (unsigned round = 1; steady::now() < end; ++round) {
    usleep(500000);
    if (book.memory_early == 0 && steady::now() >= warm) book.memory_early = private_memory();
    pid_t child = -1;
    {
      forking.wanted = true;
      const std::unique_lock alone(forking.lock);
      child = fork();
      if (child == 0) be_child(list, book, round);
      forking.wanted = false;
    }
    const int status = end_of(child);
    const bool as_planned = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0;
    if (!as_planned) give_up("a child ended with status " + std::to_string(status));
  }
  book.memory_late = private_memory();
  stop = true;
  for (auto& c : crew) c.join();
  list->C_Finalize(nullptr);
  _exit(0);
}

// ---- What the tapes say ----

std::string check_tape(const fs::path& path, const ledger& book) {
  const tape::reader tape(path.string());
  const auto pid = static_cast<int>(tape.header().pid);
  const tally* host = nullptr;
  for (unsigned n = 0; n < std::min(book.used.load(), ledger::most); ++n)
    if (book.hosts[n].pid == pid) host = &book.hosts[n];
  if (host == nullptr) return "is of a process that nobody knows";
  if (tape.counter(tape::counter::no_space) != 0) return "has lost calls";
  for (std::size_t i = 0; i < tape.threads().size(); ++i) {
    // The count of calls that each record carries tells of those that the ring has overwritten as well.
    tape::record_view r;
    std::uint64_t begun = 0, ended = 0;
    for (auto c = tape.records(i); c.next(r);) {
      begun = std::max<std::uint64_t>(begun, r.call);
      if (r.kind == tape::record_kind::leave) ended = std::max<std::uint64_t>(ended, r.call);
    }
    for (unsigned t = 0; t < threads; ++t) {
      if (host->thread_id[t] != tape.threads()[i].id) continue;
      const auto seen = host->calls[t].load();
      const auto told = std::to_string(begun) + " begun, " + std::to_string(ended) + " ended; the host has seen " +
                        std::to_string(seen) + " return";
      if (host->killed ? ended < seen || begun > seen + 1 : begun != seen || ended != seen) return told;
    }
  }
  const auto& d = tape.damage();
  if (d.skipped_bytes + d.cut_chunks + d.bad_records + d.overwritten != 0 || !d.notes.empty()) return "is damaged";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  unsigned seconds = 1800;
  if (argc == 3 && std::strcmp(argv[1], "--seconds") == 0) {
    seconds = static_cast<unsigned>(std::atoi(argv[2]));
  } else if (argc != 1) {
    std::fputs("Usage: p11tape-soak [--seconds N]\n", stderr);
    return 64;
  }
  if (!fs::exists(softhsm_path)) {
    std::printf("skipped: %s is not installed\n", softhsm_path);
    return 77;
  }
  auto name = fs::temp_directory_path().string() + "/p11tape-soak.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return 2;
  const fs::path folder = name;
  setenv("P11TAPE_MODULE", softhsm_path, 1);
  setenv("P11TAPE_DIR", (folder / "tapes").c_str(), 1);
  setenv("P11TAPE_KEEP", "0", 1);
  setenv("P11TAPE_LIMIT", "32M", 1);
  make_token(folder);

  auto* const book =
      static_cast<ledger*>(mmap(nullptr, sizeof(ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::printf("Soaking for %u seconds in %s\n", seconds, folder.c_str());
  std::fflush(stdout);
  const auto end = steady::now() + std::chrono::seconds(seconds);
  const pid_t host = fork();
  if (host == 0) be_host(*book, seconds);

  std::uint64_t tapes = 0, calls = 0;
  bool good = true;
  // Tapes of processes that have ended; those that are as they should be are removed.
  const auto check_all = [&](bool last) {
    for (const auto& entry : fs::directory_iterator(folder / "tapes")) {
      std::string wrong;
      try {
        const auto pid = static_cast<pid_t>(tape::reader(entry.path().string()).header().pid);
        if (kill(pid, 0) == 0) continue;
        wrong = check_tape(entry.path(), *book);
      } catch (const tape::tape_error& e) {
        if (!last) continue;  // it is being made just now
        wrong = e.what();
      }
      if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", entry.path().c_str(), wrong.c_str());
        good = false;
        continue;
      }
      ++tapes;
      fs::remove(entry.path());
    }
  };
  int status = 0;
  for (unsigned round = 1; waitpid(host, &status, WNOHANG) == 0; ++round) {
    if (steady::now() > end) {
      usleep(50000);
      continue;
    }
    const pid_t victim = fork();
    if (victim == 0) be_killed(*book, round * 7919);
    end_of(victim);
    check_all(false);
    if (!good) break;
    usleep(1000000);
  }
  if (!good) {
    kill(host, SIGKILL);
    status = end_of(host);
  }
  good = good && status == 0;
  if (good) check_all(true);
  for (unsigned n = 0; n < std::min(book->used.load(), ledger::most); ++n)
    for (const auto& c : book->hosts[n].calls) calls += c;
  const auto early = book->memory_early.load(), late = book->memory_late.load();
  std::printf("%u processes, %llu calls, %llu tapes read; the host's memory: %llu KiB, and %llu KiB in the end\n",
              book->used.load(), static_cast<unsigned long long>(calls), static_cast<unsigned long long>(tapes),
              static_cast<unsigned long long>(early), static_cast<unsigned long long>(late));
#ifdef P11TAPE_SANITIZED
  const bool grown = false;  // what was freed is kept in quarantine, and counts
#else
  const bool grown = late > early + most_growth_kib;
#endif
  if (grown) {
    std::fputs("The host's memory has grown.\n", stderr);
    good = false;
  }
  if (good) {
    fs::remove_all(folder);
  } else {
    std::fprintf(stderr, "What is left is in %s\n", folder.c_str());
  }
  return good ? 0 : 1;
}
