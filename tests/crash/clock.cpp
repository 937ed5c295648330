// SPDX-License-Identifier: Apache-2.0
// The times on a tape, held against clock_gettime before and after each call.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <fstream>
#include <thread>

#include "model/call_stream.hpp"
#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

constexpr std::uint64_t calls = 40000, most_off = 1000;  // ns

struct span_of_call {
  std::uint64_t before, after;
};

std::uint64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000000000u + static_cast<std::uint64_t>(t.tv_nsec);
}

span_of_call* spans() {
  static auto* const shared = static_cast<span_of_call*>(
      mmap(nullptr, (calls + 1) * sizeof(span_of_call), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return shared;
}

// Two threads in turns, with pauses of all lengths in between.
void call_in_turns(span_of_call* seen) {
  static const shim s;
  const auto* const list = s.list();
  list->C_Initialize(nullptr);
  static std::atomic<std::uint64_t> next{1};
  const auto work = [list, seen](std::uint64_t mine) {
    CK_SESSION_INFO info;
    for (;;) {
      const auto n = next.load();
      if (n > calls) return;
      if (n % 2 != mine) continue;
      if (n % 4000 == 0) usleep(static_cast<unsigned>(n * 5));
      seen[n].before = now();
      list->C_GetSessionInfo(std::uint64_t{1} << 40 | n, &info);
      seen[n].after = now();
      next = n + 1;
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
}

}  // namespace

TEST_CASE("recorded times are CLOCK_MONOTONIC's within a microsecond, and keep the order between threads") {
  const std::string clock = GENERATE("auto", "counter", "kernel");
  const scratch dir;
  auto* const seen = spans();
  RUN_CLEAN({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_CLOCK", clock}}},
            [seen] { call_in_turns(seen); });
  const tape::reader reader(tapes(dir.path()).at(0).string());
  INFO("clock " << clock);
  if (clock == "kernel") CHECK(reader.header().clock == 1);
  if (clock == "counter") CHECK(reader.header().clock == 2);
  model::call_stream stream(reader);
  std::uint64_t last = 0, found = 0, off = 0;
  while (const auto* const c = stream.next()) {
    const auto n = c->begun() ? c->arguments().word(0) & 0xffffffffff : 0;
    if (c->arguments().word(0) >> 40 != 1) continue;
    ++found;
    if (n != last + 1) FAIL_CHECK("call " << n << " comes after " << last);
    last = n;
    if (c->start() + most_off < seen[n].before || c->start() > seen[n].after + most_off ||
        c->start() + c->duration() > seen[n].after + most_off)
      ++off;
  }
  CHECK(found == calls);
  CHECK(off == 0);
}

TEST_CASE("a process that must not read the CPU's counter is recorded with the kernel's clock") {
#if !defined(__x86_64__)
  SKIP("only x86 can forbid it");
#elif defined(P11TAPE_SANITIZED)
  SKIP("the sanitizer's runtime reads the counter itself, through the C library");
#else
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_CLOCK", "counter"}}}, [] {
    EXPECT_EQ(prctl(PR_SET_TSC, PR_TSC_SIGSEGV), 0);
    const shim s;
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    call_numbered(list, 1, 1, 2000);
  });
  INFO(result.describe());
  CHECK(result.clean());
  const tape::reader reader(tapes(dir.path()).at(0).string());
  CHECK(reader.header().clock == 1);
  CHECK(reader.property("clock.reason").find("PR_SET_TSC") != std::string_view::npos);
  CHECK(read_only(dir.path()).returned.at(1).size() == 2000);
#endif
}
