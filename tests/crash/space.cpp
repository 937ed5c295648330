// SPDX-License-Identifier: Apache-2.0
// No space left, of any kind: the host gets no signal and no error from us, and what was lost is counted or said.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "../contract/private_mounts.hpp"
#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t many = 20000;

fs::path folder() { return getenv("P11TAPE_DIR"); }

void call_many() {
  const shim s;
  const auto* const list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  call_numbered(list, 1, 1, many);
  EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
}

// Mounts in a namespace of the host's own; a test that cannot have it leaves a file named "skipped".
bool mounted(const scratch& out, const char* type, const std::string& options) {
  create_directory(folder());
  if (private_mounts() && mount("none", folder().c_str(), type, 0, options.c_str()) == 0) return true;
  std::ofstream(out / "skipped") << "";
  return false;
}

void hand_out(const scratch& out) {
  for (const auto& path : tapes(folder())) copy_file(path, out / path.filename().string());
}

// Every call is on the tape or counted as lost.
void check_counted(const told& t) {
  check_sound(t);
  CHECK(t.lost() > 0);
  CHECK(t.calls + t.lost() >= many + 2);
  const auto& begun = t.begun.at(1);
  CHECK(*begun.begin() == 1);
  CHECK(begun.size() < many);
  CHECK(t.returned.at(1).size() == begun.size());  // none without its end
  CHECK(t.in_flight.empty());
}

}  // namespace

TEST_CASE("disk full: the ring goes round in the space that there is") {
  const scratch out;
  const auto result = run({.module = null_module()}, [&] {
    if (!mounted(out, "tmpfs", "size=600k")) return;
    call_many();
    hand_out(out);
  });
  if (exists(out / "skipped")) SKIP("no tmpfs can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 0);
  const auto t = read_only(out.path());
  check_sound(t);
  CHECK(t.lost() == 0);
  CHECK(t.header.counters[static_cast<int>(tape::counter::overwritten_chunks)] > 10);
  CHECK(*t.returned.at(1).rbegin() == many);
  CHECK(t.returned.at(1).size() > 500);  // to the last page, not to the last large piece
}

TEST_CASE("disk full: the host goes on, and the calls that were lost are counted on the tape") {
  const scratch out;
  const auto result = run({.module = null_module(), .env = {{"P11TAPE_WHEN_FULL", "stop"}}}, [&] {
    if (!mounted(out, "tmpfs", "size=600k")) return;
    call_many();
    hand_out(out);
  });
  if (exists(out / "skipped")) SKIP("no tmpfs can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  const auto t = read_only(out.path());
  check_counted(t);
  CHECK(t.stopped(tape::stop_reason::no_space));
}

TEST_CASE("disk full from the start: no tape, one message") {
  const scratch out;
  const auto result = run({.module = null_module()}, [&] {
    if (!mounted(out, "tmpfs", "size=32k")) return;
    if (mount("none", "/var/tmp", "tmpfs", 0, "size=32k") != 0) return;  // the default folder is as full
    call_many();
    hand_out(out);
  });
  if (exists(out / "skipped")) SKIP("no tmpfs can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(tapes(out.path()).empty());
  CHECK(result.err.find("not enough space for a tape") != std::string::npos);
}

TEST_CASE("quota: as a full disk") {
  const scratch out;
  const auto result = run({.module = null_module()}, [&] {
    if (!mounted(out, "tmpfs", "usrquota,usrquota_block_hardlimit=600k")) return;
    chmod(folder().c_str(), 01777);
    EXPECT(setresuid(65534, 65534, 65534) == 0);  // root has no quota
    call_many();
    EXPECT(setenv("TMPDIR", "/tmp", 1) == 0);
  });
  if (exists(out / "skipped")) SKIP("no tmpfs with quota can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
}

TEST_CASE("a file system without fallocate, and full: written with pwrite as far as it goes") {
  const scratch out;
  const auto result =
      run({.module = null_module(), .env = {{"P11TAPE_LIMIT", "1M"}, {"P11TAPE_WHEN_FULL", "stop"}}}, [&] {
        if (!mounted(out, "ramfs", "")) return;
        call_many();
        hand_out(out);
      });
  if (exists(out / "skipped")) SKIP("no ramfs can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
  const auto t = read_only(out.path());
  check_counted(t);
  CHECK(t.stopped(tape::stop_reason::full));
}

TEST_CASE("RLIMIT_FSIZE: no SIGXFSZ, and the calls that were lost are counted on the tape") {
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path(), .env = {{"P11TAPE_WHEN_FULL", "stop"}}}, [] {
    const rlimit limit{400 * 1024, RLIM_INFINITY};
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    call_many();
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  const auto t = read_only(dir.path());
  check_counted(t);
  CHECK(file_size(tapes(dir.path())[0]) <= 400 * 1024);
}

TEST_CASE("RLIMIT_FSIZE that the host lowers while it is recorded") {
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    const rlimit limit{0, RLIM_INFINITY};
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    call_numbered(list, 1, 1, many);
  });
  INFO(result.describe());
  CHECK(result.clean());
  check_sound(read_only(dir.path()));
}

TEST_CASE("RLIMIT_AS: the tape is as large as the address space allows") {
#ifdef P11TAPE_SANITIZED
  SKIP("the sanitizers need more address space than that");
#endif
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const shim s;  // the module itself needs room to be loaded
    dlopen(null_module().c_str(), RTLD_NOW);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit{pages * 4096 + (32 << 20), RLIM_INFINITY};
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
    const auto* const list = s.list();
    EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
    call_numbered(list, 1, 1, 1000);
  });
  INFO(result.describe());
  CHECK(result.clean());
  const auto t = read_only(dir.path());
  check_sound(t);
  CHECK(t.header.limit < 64 << 20);
  CHECK(t.returned.at(1).size() == 1000);
}

TEST_CASE("a read-only folder: said once, and the default folder is used") {
  const scratch out;
  const auto result = run({.module = null_module()}, [&] {
    if (!mounted(out, "tmpfs", "ro")) return;
    if (mount("none", "/var/tmp", "tmpfs", 0, "size=64m") != 0) return;
    call_many();
    for (const auto& path : tapes("/var/tmp/p11tape-" + std::to_string(geteuid())))
      copy_file(path, out / path.filename().string());
  });
  if (exists(out / "skipped")) SKIP("no tmpfs can be mounted here");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  const auto t = read_only(out.path());
  CHECK(t.returned.at(1).size() == many);
}

TEST_CASE("a folder that vanishes, tape and all, while it is recorded to") {
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir / "tapes"}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    call_numbered(list, 1, 1, 100);
    fs::remove_all(folder());
    call_numbered(list, 1, 101, many);
    EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
}

TEST_CASE("a tape that is deleted while it is recorded takes no more space") {
  const scratch dir;
  const auto result = run({.module = null_module(), .dir = dir.path()}, [] {
    const shim s;
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    struct stat before {};
    const auto path = tapes(folder()).at(0);
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    fs::remove(path);
    call_numbered(list, 1, 1, many);
    EXPECT(fstat(fd, &before) == 0);
    EXPECT(before.st_blocks * 512 < 4 << 20);
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  CHECK(tapes(dir.path()).empty());
}
