// SPDX-License-Identifier: Apache-2.0
// Which tapes stay: bounds, order, and whose process may still run.
#include "tape/remove_old_tapes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "tape/liveness.hpp"

using namespace p11tape::tape;

namespace {

constexpr u64 second = 1'000'000'000, hour = 3600 * second;
constexpr std::size_t tape_size = 64 * 1024;
constexpr pid_t no_process = 0x3ffffff;  // beyond the largest that Linux gives

std::string name_at(std::time_t start, const std::string& program = "client") {
  char text[40];
  std::tm utc{};
  gmtime_r(&start, &utc);
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return program + ".4711." + text + ".p11tape.p11tape";
}

struct tapes {
  std::string path;
  int directory = -1;
  file_header ours{};

  tapes() {
    std::string name = (std::filesystem::temp_directory_path() / "p11tape-retention-XXXXXX").string();
    path = mkdtemp(name.data());
    directory = open(path.c_str(), O_RDONLY | O_DIRECTORY);
    describe_process(ours);
    ours.pid = le(static_cast<u64>(getpid()));
    add("own.p11tape", ours);
  }
  tapes(const tapes&) = delete;
  tapes& operator=(const tapes&) = delete;
  ~tapes() {
    close(directory);
    std::filesystem::remove_all(path);
  }

  // The header of a process of this boot and PID namespace that has ended.
  file_header dead() const {
    file_header h = ours;
    h.pid = le(u64{no_process});
    return h;
  }

  void add(const std::string& name, file_header h, bool with_slot = false) const {
    std::memcpy(h.magic, file_magic, sizeof h.magic);
    h.major = le(format_major);
    std::string bytes(tape_size, '\0');
    if (with_slot) {
      h.slots = le(u64{2 * unit});
      chunk_header c{};
      c.magic = le(chunk_magic);
      c.kind = le(static_cast<u16>(chunk_kind::slots));
      call_slot slot{};
      slot.committed = le(u64{32});
      std::memcpy(bytes.data() + 2 * unit, &c, sizeof c);
      std::memcpy(bytes.data() + 2 * unit + first_slot + sizeof slot, &slot, sizeof slot);
    }
    std::memcpy(bytes.data(), &h, sizeof h);
    const int fd = openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  // One that began so many hours ago.
  std::string add_old(int hours, const file_header& h, bool with_slot = false) const {
    const auto name = name_at(std::time(nullptr) - hours * 3600L, "p" + std::to_string(hours));
    add(name, h, with_slot);
    return name;
  }
  void clean(const retention& bounds) const { remove_old_tapes(directory, "own.p11tape", bounds, ours); }
  bool has(const std::string& name) const { return faccessat(directory, name.c_str(), F_OK, 0) == 0; }
  std::size_t count() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++n;
    return n;
  }
};

// So many tapes of the tests' size, and half of one.
u64 room_for(u64 count) { return count * tape_size + tape_size / 2; }

}  // namespace

TEST_CASE("the tapes that began first are removed until the rest fits, whatever their modification times") {
  tapes t;
  std::string names[6];
  for (int i = 0; i < 6; ++i) {
    names[i] = t.add_old(i + 1, t.dead());
    // The oldest was changed last, and in the future.
    const timespec times[2] = {{0, UTIME_OMIT}, {std::time(nullptr) + 86400L * 365 * (i + 1), 0}};
    REQUIRE(utimensat(t.directory, names[i].c_str(), times, 0) == 0);
  }
  t.clean({0, 0, 0});
  CHECK(t.count() == 7);
  t.clean({room_for(7), 0, 0});
  CHECK(t.count() == 7);
  t.clean({room_for(4), 0, 0});  // the own one counts
  for (int i = 0; i < 6; ++i) CHECK(t.has(names[i]) == (i < 3));
  CHECK(t.has("own.p11tape"));
}

TEST_CASE("young tapes are removed for the space, and not for the number") {
  tapes t;
  const auto old = t.add_old(30, t.dead()), young = t.add_old(2, t.dead());
  t.clean({0, 24 * hour, 1});
  CHECK(!t.has(old));
  CHECK(t.has(young));
  t.clean({room_for(1), 24 * hour, 0});
  CHECK(!t.has(young));
}

TEST_CASE("tapes with failures and with calls that never returned go last among those of ended processes") {
  tapes t;
  auto failed = t.dead();
  failed.counters[static_cast<u8>(counter::unusual_results)] = le(u64{1});
  const auto failure = t.add_old(9, failed), crash = t.add_old(8, t.dead(), true);
  const auto plain = t.add_old(1, t.dead()), plain_too = t.add_old(2, t.dead());
  t.clean({room_for(3), 0, 0});
  CHECK((t.has(failure) && t.has(crash) && !t.has(plain) && !t.has(plain_too)));
  t.clean({room_for(2), 0, 0});
  CHECK((!t.has(failure) && t.has(crash)));
}

TEST_CASE("a tape whose process may still run goes last, and only for the space; one whose process runs stays") {
  tapes t;
  const auto change = [&](auto what) {
    file_header h = t.dead();
    what(h);
    return h;
  };
  const auto other_namespace = t.add_old(1, change([](auto& h) { h.pid_namespace = le(u64{12345}); }));
  const auto no_namespace = t.add_old(2, change([](auto& h) { h.pid_namespace = 0; }));
  const auto no_boot = t.add_old(3, change([](auto& h) { std::memset(h.boot, 0, sizeof h.boot); }));
  const auto other_host = t.add_old(4, change([](auto& h) { h.boot[0] ^= 1, h.machine[0] ^= 1; }));
  const auto runs = t.add_old(5, t.ours);
  const auto no_start = t.add_old(6, change([&](auto& h) { h.pid = t.ours.pid, h.process_start = 0; }));
  const auto other_time =
      t.add_old(7, change([&](auto& h) { h.pid = t.ours.pid, h.process_start ^= 1, h.time_namespace ^= 1; }));
  const auto locked = t.add_old(8, t.dead());
  const int lock = openat(t.directory, locked.c_str(), O_RDWR);
  hold_lock(lock);
  const auto count = t.count();
  t.clean({0, 0, 1});
  CHECK(t.count() == count);
  t.clean({1, 0, 0});
  for (const auto& name : {other_namespace, no_namespace, no_boot, other_host}) CHECK(!t.has(name));
  for (const auto& name : {runs, no_start, other_time, locked}) CHECK(t.has(name));
  close(lock);
  t.clean({1, 0, 0});
  CHECK(!t.has(locked));
}

TEST_CASE(
    "a tape of another process with the same number, and one of another boot of this host, are of ended processes") {
  tapes t;
  file_header h = t.ours;
  h.process_start = le(le(h.process_start) + 1);
  const auto same_number = t.add_old(1, h);
  t.clean({0, 0, 1});
  CHECK(!t.has(same_number));
  // A container can be without /etc/machine-id; then nothing is known of another boot.
  for (u8& b : t.ours.machine) b = 7;
  h = t.ours;
  h.boot[3] ^= 1;
  const auto other_boot = t.add_old(2, h);
  t.clean({0, 0, 1});
  CHECK(!t.has(other_boot));
}

TEST_CASE("a start in the future says nothing, and such tapes do not outlive all others") {
  tapes t;
  std::string ahead[3], now[3];
  for (int i = 0; i < 3; ++i) {
    ahead[i] = name_at(std::time(nullptr) + 86400L * 365 + i, "ahead");
    t.add(ahead[i], t.dead());
    now[i] = t.add_old(i + 1, t.dead());
  }
  t.clean({room_for(4), 0, 0});
  for (const auto& name : ahead) CHECK(!t.has(name));
  for (const auto& name : now) CHECK(t.has(name));
}

TEST_CASE("what only has the name of a tape stays") {
  tapes t;
  const auto name = name_at(1);
  const int fd = openat(t.directory, name.c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(write(fd, "notes", 5) == 5);
  close(fd);
  REQUIRE(symlinkat("own.p11tape", t.directory, name_at(2).c_str()) == 0);
  REQUIRE(mkdirat(t.directory, name_at(3).c_str(), 0700) == 0);
  t.clean({1, 0, 1});
  CHECK(t.count() == 4);
}

namespace {

// The least time of the processor, in ns, that it took in five tries.
u64 best_time(const std::function<void()>& work) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<u64>(t.tv_sec) * second + static_cast<u64>(t.tv_nsec);
  };
  u64 best = ~u64{0};
  for (int round = 0; round < 5; ++round) {
    const auto before = now();
    work();
    best = std::min(best, now() - before);
  }
  return best;
}

}  // namespace

TEST_CASE("a directory with 20,000 tapes costs a start little more than reading their names") {
  tapes t;
  for (int i = 0; i < 20'000; ++i) {
    const auto name = name_at(1'700'000'000 + i, "p");
    const int fd = openat(t.directory, name.c_str(), O_WRONLY | O_CREAT, 0600);
    if (i % 100 == 0) REQUIRE(pwrite(fd, &t.ours, sizeof t.ours, 0) > 0);
    close(fd);
  }
  const auto cleaning = best_time([&] { t.clean({u64{2} << 30, 24 * hour, 0}); });
  const auto reading = best_time([&] { CHECK(t.count() == 20'001); });
  INFO("cleaning took " << cleaning / 1000 << " us, reading names " << reading / 1000 << " us");
  CHECK(cleaning < 10 * reading);
  CHECK(t.count() == 20'001);
}
