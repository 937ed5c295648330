// SPDX-License-Identifier: Apache-2.0
// E5, E6: bad settings are said aloud, recording trouble never reaches the application, and tapes are private.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "../give_away.hpp"
#include "private_mounts.hpp"
#include "support.hpp"
#include "tapes.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

void use(const shim& s) {
  const auto* const list = s.list();
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  CK_INFO info;
  for (int n = 0; n < 100; ++n) EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
  EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

// A library that is no module, wherever this system has it.
static const char* libc_path() {
  Dl_info about{};
  dladdr(reinterpret_cast<void*>(&std::getenv), &about);
  return about.dli_fname;
}

TEST_CASE(
    "E5: a module that cannot be loaded: CKR_GENERAL_ERROR, one message that says why, and a tape that says the same") {
  struct bad {
    const char* module;
    const char* reason;
  };
  const auto b = GENERATE(bad{"/nowhere/none.so", "No such file or directory"}, bad{"/etc/passwd", "/etc/passwd"},
                          bad{"/", "/"}, bad{libc_path(), "C_GetFunctionList"});
  const scratch dir;
  const auto result = run(setup{.module = b.module, .dir = dir.path()}, [] {
    const shim s;
    const auto mark = reinterpret_cast<CK_FUNCTION_LIST*>(0x1234);
    auto* list = mark;
    for (int n = 0; n < 3; ++n) EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
    EXPECT(list == mark || list == nullptr);
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetInterface)(nullptr, nullptr, &found, 0), CK_RV{CKR_GENERAL_ERROR});
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_Initialize)(nullptr), CK_RV{CKR_GENERAL_ERROR});
  });
  INFO(b.module << "\n" << result.describe());
  CHECK(result.clean());
  CHECK(result.out.empty());
  CHECK(messages(result.err) == 1);
  CHECK(contains(result.err, "P11TAPE_MODULE"));
  CHECK(contains(result.err, b.module));
  CHECK(contains(result.err, b.reason));
  REQUIRE(tapes(dir.path()).size() == 1);
  CHECK(contains(property(tapes(dir.path())[0], "module.error"), b.reason));
}

TEST_CASE("E5: the message goes to syslog, as one datagram") {
  const auto result = run(setup{.module = "/nowhere/none.so"}, [] {
    if (!private_mounts() || mount("none", "/dev", "tmpfs", 0, nullptr) != 0) _exit(77);
    const int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/dev/log");
    EXPECT(bind(log, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const shim s;
    CK_FUNCTION_LIST* list = nullptr;
    for (int n = 0; n < 3; ++n) P11TAPE_EXPORTED(s, C_GetFunctionList)(&list);
    char text[2048] = {};
    EXPECT(recv(log, text, sizeof text - 1, 0) > 0);
    EXPECT(contains(text, "/nowhere/none.so") && contains(text, "p11tape["));
    EXPECT(recv(log, text, sizeof text - 1, 0) < 0);
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77)
    SKIP("no private mounts here (needs root or user namespaces)");
  INFO(result.describe());
  CHECK(result.clean());
}

TEST_CASE("E5: no module is named") {
  const scratch dir;
  const auto result = run(setup{.module = "", .dir = dir.path()}, [] {
    const shim s;
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 1);
  CHECK(contains(result.err, "P11TAPE_MODULE"));
}

TEST_CASE("E5: PKCS11SPY names the module where P11TAPE_MODULE does not") {
  RUN_CLEAN(setup{.module = "", .env = {{"PKCS11SPY", mock_path()}}}, [] { use(shim()); });
  RUN_CLEAN(setup{.env = {{"PKCS11SPY", "/nowhere/none.so"}}}, [] { use(shim()); });
}

TEST_CASE("E5: a folder that cannot be written to: everything is forwarded, and it is said once") {
  const std::string dir = GENERATE("/proc/nowhere", "/dev/null", "/nowhere/at/all", "/proc/self");
  const auto result = run(setup{.dir = dir}, [] {
    private_var_tmp();
    use(shim());
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) >= 1);
  CHECK(contains(result.err, dir));
}

// In a daemon, descriptor 2 may be a client's connection.
TEST_CASE("E5: messages go to descriptor 2 only where that is a terminal, a pipe or a file, and never kill the host") {
  const std::string kind = GENERATE("closed", "socket", "device", "pipe", "full pipe", "broken pipe");
  RUN_CLEAN(setup{.module = "/nowhere/none.so", .seconds = 20}, [&] {
    int ends[2] = {-1, -1};
    if (kind == "socket") EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    if (kind.ends_with("pipe")) EXPECT(pipe(ends) == 0);
    if (kind == "full pipe") {
      fcntl(ends[1], F_SETFL, O_NONBLOCK);
      char page[4096] = {};
      while (write(ends[1], page, sizeof page) > 0) {
      }
      fcntl(ends[1], F_SETFL, 0);
    }
    if (kind == "device") ends[1] = open("/dev/zero", O_WRONLY);
    if (kind == "closed") {
      close(STDERR_FILENO);
    } else {
      dup2(ends[1], STDERR_FILENO);
      close(ends[1]);
    }
    if (kind == "broken pipe") close(ends[0]);
    const shim s;
    CK_FUNCTION_LIST* list = nullptr;
    EXPECT_EQ(P11TAPE_EXPORTED(s, C_GetFunctionList)(&list), CK_RV{CKR_GENERAL_ERROR});
    if (kind == "socket" || kind == "pipe") {
      fcntl(ends[0], F_SETFL, O_NONBLOCK);
      char text[16];
      EXPECT_EQ(read(ends[0], text, sizeof text) > 0, kind == "pipe");
    }
  });
}

TEST_CASE("E6: tapes are 0600 in a folder of 0700, whatever the umask") {
  const scratch files;
  const auto dir = files / "new";
  const mode_t mask = GENERATE(0U, 0022U, 0077U);
  RUN_CLEAN(setup{.dir = dir}, [&] {
    umask(mask);
    use(shim());
  });
  CHECK(mode_of(dir) == 0700);
  REQUIRE(tapes(dir).size() == 1);
  CHECK(mode_of(tapes(dir)[0]) == 0600);
}

TEST_CASE("E6: a folder that everybody may write to is refused without the sticky bit, and used with it") {
  const scratch files;
  const auto dir = files / "shared";
  std::filesystem::create_directory(dir);
  const mode_t mode = GENERATE(0777U, 01777U);
  chmod(dir.c_str(), mode);
  const auto result = run(setup{.dir = dir}, [] {
    private_var_tmp();
    use(shim());
  });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(tapes(dir).size() == (mode == 01777 ? 1 : 0));
  CHECK(messages(result.err) == (mode == 01777 ? 0 : 1));
}

TEST_CASE("E6: the default folder is made 0700, and refused where it is somebody else's, a link, or open to others") {
  const std::string kind = GENERATE("missing", "ours", "others", "link", "open");
  const auto result = run(setup{}, [&] {
    if (!private_var_tmp()) _exit(77);
    unsetenv("P11TAPE_DIR");
    const auto dir = "/var/tmp/p11tape-" + std::to_string(geteuid());
    if (kind == "link") {
      std::filesystem::create_directory("/var/tmp/target");
      std::filesystem::create_directory_symlink("/var/tmp/target", dir);
    } else if (kind != "missing") {
      EXPECT(mkdir(dir.c_str(), 0700) == 0);
    }
    if (kind == "others" && chown(dir.c_str(), 12345, 12345) != 0) _exit(77);
    if (kind == "open") chmod(dir.c_str(), 0777);
    use(shim());
    const bool good = kind == "missing" || kind == "ours";
    EXPECT_EQ(tapes(dir).size(), std::size_t{good ? 1U : 0U});
    if (good) EXPECT_EQ(mode_of(dir), mode_t{0700});
    if (kind == "link") EXPECT(tapes("/var/tmp/target").empty());
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77)
    SKIP("no private mounts here (needs root or user namespaces)");
  INFO(kind << "\n" << result.describe());
  CHECK(result.clean());
}

// A program that runs with another user's rights takes neither the module's path nor the folder from whoever starts it.
TEST_CASE("E6: a setuid host does not believe its environment") {
#ifdef P11TAPE_SANITIZED
  SKIP("an instrumented library does not load into a setuid program");
#endif
  if (geteuid() != 0) SKIP("needs root, to make a program setuid");
  const scratch files;
  const scratch dir;
  chmod(files.path().c_str(), 0755);
  chmod(dir.path().c_str(), 01777);
  const auto host = files / "host";
  std::filesystem::copy_file(P11TAPE_CONTRACT_HOST, host);
  std::filesystem::copy_file(shim_path(), files / "p11tape.so");
  if (chown(host.c_str(), 65534, 65534) != 0 || chmod(host.c_str(), 04755) != 0)
    SKIP("cannot make a program setuid here");
  const auto result = run(setup{.dir = dir.path()}, [&] {
    private_var_tmp();
    execl(host.c_str(), "host", (files / "p11tape.so").c_str(), nullptr);
    fail(__FILE__, __LINE__, "cannot start the setuid host");
  });
  INFO(result.describe());
  CHECK(result.report.empty());
  REQUIRE(WIFEXITED(result.status));
  if (WEXITSTATUS(result.status) == 9) SKIP("setuid programs do not work in this folder (nosuid)");
  CHECK(WEXITSTATUS(result.status) == CKR_GENERAL_ERROR);
  CHECK(messages(result.err) == 2);  // what is ignored, and that there is no module
  CHECK(result.err.find("P11TAPE_DIR: set, but ignored") != std::string::npos);
  CHECK(tapes(dir.path()).empty());
}

TEST_CASE("E6: a tape is never written through a link that was laid where it would be") {
  const scratch dir;
  const auto victim = dir / "victim";
  std::ofstream(victim) << "precious";
  RUN_CLEAN(setup{.dir = dir.path()}, [&] {
    // The names that this process's tape could have in the next seconds are those of an earlier tape with another
    // number.
    use(shim());
    const auto first = tapes(dir.path());
    EXPECT_EQ(first.size(), std::size_t{1});
    std::error_code error;
    std::filesystem::remove(first[0]);
    std::filesystem::create_symlink(victim, first[0], error);
    const std::string stem = first[0].stem();
    const auto parent_pid = std::to_string(getpid());
    const auto at = stem.find("." + parent_pid + ".");
    EXPECT(at != std::string::npos);
    // A child made now: its pid is the next one or so.
    for (int next = 1; next < 50; ++next) {
      auto name = stem;
      name.replace(at + 1, parent_pid.size(), std::to_string(getpid() + next));
      std::filesystem::create_symlink(victim, dir.path() / (name + ".p11tape"), error);
    }
    EXPECT_EQ(in_fork([&] {
                CK_INFO info;
                shim().list()->C_GetInfo(&info);
              }),
              0);
  });
  CHECK(read_file(victim) == "precious");
}

namespace {

constexpr uid_t somebody = 12345;

struct stat state_of(const std::filesystem::path& path) {
  struct stat st {};
  REQUIRE(lstat(path.c_str(), &st) == 0);
  return st;
}

}  // namespace

// Queue managers run as a user of their own, who has the directory prepared; root's commands use the same settings.
TEST_CASE("E6: root records into another user's directory, past whatever was laid there") {
  if (!test::can_give_away(somebody)) SKIP("only root can give a directory away, where there is another user");
  const scratch files;
  const auto dir = files / "theirs";
  const auto victim = files / "victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_directory(dir);
  std::filesystem::create_symlink(victim, dir / "tape.p11tape");
  REQUIRE(mkfifo((dir / "tape.1.p11tape").c_str(), 0666) == 0);
  std::filesystem::create_hard_link(victim, dir / "tape.2.p11tape");
  std::filesystem::create_directory(dir / "tape.3.p11tape");
  REQUIRE(chown(dir.c_str(), somebody, somebody) == 0);
  chmod(dir.c_str(), 0755);
  const auto result = run(setup{.dir = dir, .env = {{"P11TAPE_NAME", "tape"}}}, [] { use(shim()); });
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 0);
  CHECK(read_file(victim) == "precious");
  const auto tape = state_of(dir / "tape.4.p11tape");
  CHECK((S_ISREG(tape.st_mode) && tape.st_uid == 0 && tape.st_nlink == 1 && (tape.st_mode & 07777) == 0600));
  CHECK(calls_of(dir / "tape.4.p11tape").size() > 2);
}

TEST_CASE("E6: root's tapes do not go where a link of another user leads") {
  if (!test::can_give_away(somebody)) SKIP("only root can give a link away, where there is another user");
  const bool theirs = GENERATE(true, false);
  const bool middle = GENERATE(true, false);
  const scratch files;
  std::filesystem::create_directories(files / "root/dir");
  const auto link = files / (middle ? "root/link" : "link");
  std::filesystem::create_directory_symlink(middle ? "." : "root/dir", link);
  REQUIRE(lchown(link.c_str(), theirs ? somebody : 0, theirs ? somebody : 0) == 0);
  const auto dir = middle ? link / "dir" : link;
  const auto result = run(setup{.dir = dir}, [&] {
    if (!private_var_tmp()) _exit(77);
    use(shim());
    EXPECT_EQ(tapes("/var/tmp/p11tape-0").size(), std::size_t{theirs ? 1U : 0U});
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) SKIP("no private mounts here");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(tapes(files / "root/dir").size() == (theirs ? 0 : 1));
  CHECK(messages(result.err) == (theirs ? 1 : 0));
  CHECK((result.err.find("a symbolic link of user ID 12345") != std::string::npos) == theirs);
}

TEST_CASE("E5: limits of the host: file size, descriptors, address space") {
  const int kind = GENERATE(0, 1, 2, 3);
  if (kind == 3 && sanitized) SKIP("sanitizers need a large address space");
  RUN_CLEAN(setup{}, [&] {
    private_var_tmp();
    const shim s;
    rlimit limit{};
    const auto resource = kind < 2 ? RLIMIT_FSIZE : kind == 2 ? RLIMIT_NOFILE : RLIMIT_AS;
    if (kind == 0) limit = {0, 0};
    if (kind == 1) limit = {300 * 1024, 300 * 1024};
    if (kind == 2) limit = {20, 20};
    if (kind == 2)
      while (open("/dev/null", O_RDONLY) < 19) {
      }
    if (kind == 3) {
      s.list();
      limit = {1 << 20, 1 << 20};
    }
    // The module itself needs a descriptor to be loaded.
    if (kind == 2) script();
    EXPECT(setrlimit(resource, &limit) == 0);
    if (kind == 2) close(19);
    const auto* const list = s.list();
    list->C_Initialize(nullptr);
    CK_INFO info;
    for (int n = 0; n < 20000; ++n) EXPECT_EQ(list->C_GetInfo(&info), CK_RV{CKR_OK});
  });
}
