// SPDX-License-Identifier: Apache-2.0
// Putting the recorder in and taking it out: the same bytes and attributes come back, whatever happens in between.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "clients/formats/mq_ini.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"
#include "corpus.hpp"
#include "folder.hpp"

using namespace p11tape::clients;

namespace {

const before_step no_step = [](std::string_view) {};

// What counts as a recorder: an ELF file with the marks of ours.
std::string fake_recorder(const std::string& more = "") {
  return "\x7F"
         "ELF P11TAPE_MODULE C_GetFunctionList " +
         more;
}

const std::string ini =
    "# our client\r\nSSL:\r\n  "
    "SSLCryptoHardware=GSK_PKCS11=/usr/lib/x.so\\;mytoken\\;s3cr3t-0815\\;SYMMETRIC_CIPHER_OFF\\;\r\n";

struct place {
  folder f;
  std::string shim = f / "p11tape.so";
  std::string file = f / "mqclient.ini";
  explicit place(const std::string& text = ini) {
    write_text(shim, fake_recorder());
    write_text(file, text);
  }
  swap_request in(client kind = client::mq_ini) const { return {kind, file, shim, f / "into", "", "", false}; }
  restore_request out(client kind = client::mq_ini) const { return {kind, file, false, false}; }
};

std::string text_of(const std::string& path) { return corpus::read_file(path); }

std::string all_of(const swap_result& r) {
  std::string out = r.difference;
  for (const auto& line : r.report) out += line + '\n';
  return out;
}

}  // namespace

TEST_CASE(
    "swap makes a copy with its settings, changes the path and nothing else, and restore puts the same file back") {
  place p;
  struct stat before {};
  stat(p.file.c_str(), &before);
  const auto r = swap_in(p.in());
  CHECK(r.what == outcome::done);
  const std::string copy = p.f / "into/p11mq.so";
  CHECK(text_of(copy) == fake_recorder());
  CHECK(read_copy_settings(p.f / "into/p11mq.yaml")->module == "/usr/lib/x.so");
  std::string expected = ini;
  expected.replace(expected.find("/usr/lib/x.so"), 13, copy);
  CHECK(text_of(p.file) == expected);
  CHECK(all_of(r).find("s3cr3t") == std::string::npos);
  CHECK(!r.restart.empty());

  CHECK(restore(p.out()).what == outcome::done);
  CHECK(text_of(p.file) == ini);
  struct stat after {};
  stat(p.file.c_str(), &after);
  CHECK(after.st_ino == before.st_ino);
  CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
  CHECK(!exists(backup_of(p.file)));
}

TEST_CASE("both may be repeated") {
  place p;
  CHECK(restore(p.out()).what == outcome::nothing_to_do);
  swap_in(p.in());
  const auto swapped = text_of(p.file);
  const auto again = swap_in(p.in());
  CHECK(again.what == outcome::nothing_to_do);
  CHECK(again.report.at(0).find("/usr/lib/x.so") != std::string::npos);
  CHECK(text_of(p.file) == swapped);
  restore(p.out());
  CHECK(restore(p.out()).what == outcome::nothing_to_do);
  CHECK(swap_in(p.in()).what == outcome::done);
  CHECK(text_of(p.file) == swapped);
}

TEST_CASE("every good file of the corpus is the same bytes after swap and restore") {
  std::size_t swapped = 0;
  for (const auto& group : corpus::sorted(corpus::root(), true)) {
    const auto kind = *client_named(group.filename().string());
    if (kind == client::mq_string) continue;
    for (const auto& source : corpus::sorted(group, false)) {
      if (!source.filename().string().starts_with("good-")) continue;
      INFO(source);
      const std::string text = corpus::read_file(source);
      folder f;
      write_text(f / "p11tape.so", fake_recorder());
      const std::string file = f / source.filename().string();
      write_text(file, text);
      const auto modules = read_as(kind, text, source.filename().string()).modules;
      const std::string only = modules.size() > 1 ? modules[0].name : "";
      const auto r = swap_in({kind, file, f / "p11tape.so", "", "", only, false});
      CHECK((r.what == outcome::done) == !modules.empty());
      CHECK((text_of(file) != text) == !modules.empty());
      if (!modules.empty()) {
        ++swapped;
        const auto now = read_as(kind, text_of(file), source.filename().string());
        CHECK(now.modules[0].path.starts_with(f.path()));
        CHECK(now.modules.size() == modules.size());
      }
      restore({kind, file, false, false});
      CHECK(text_of(file) == text);
    }
  }
  CHECK(swapped > 25);
}

TEST_CASE("owner, mode, attributes and links stay") {
  place p;
  chmod(p.file.c_str(), 0640);
  if (geteuid() == 0) REQUIRE(chown(p.file.c_str(), 12345, 23456) == 0);
  const bool attributes = setxattr(p.file.c_str(), "user.note", "kept", 4, 0) == 0;
  const std::string link = p.f / "link.ini";
  REQUIRE(symlink("mqclient.ini", link.c_str()) == 0);
  auto request = p.in();
  request.file = link;
  CHECK(swap_in(request).what == outcome::done);
  CHECK(std::filesystem::is_symlink(link));
  struct stat st {};
  stat(p.file.c_str(), &st);
  CHECK((st.st_mode & 07777) == 0640);
  if (geteuid() == 0) CHECK((st.st_uid == 12345 && st.st_gid == 23456));
  char value[8];
  if (attributes) CHECK(getxattr(p.file.c_str(), "user.note", value, sizeof value) == 4);
  restore_request back = p.out();
  back.file = link;
  restore(back);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(text_of(p.file) == ini);
}

TEST_CASE("a dry run shows the difference without the password and touches nothing") {
  place p;
  auto request = p.in();
  request.dry_run = true;
  const auto r = swap_in(request);
  CHECK(r.difference.find("-") != std::string::npos);
  CHECK(r.difference.find("p11mq.so") != std::string::npos);
  CHECK(all_of(r).find("s3cr3t") == std::string::npos);
  CHECK(text_of(p.file) == ini);
  CHECK(!exists(p.f / "into"));
  CHECK(!exists(backup_of(p.file)));
}

TEST_CASE("a copy that stands for another module is not taken") {
  place p;
  swap_in(p.in());
  place q;
  std::string other = ini;
  other.replace(other.find("x.so"), 4, "y.so");
  write_text(q.file, other);
  auto request = q.in();
  request.into = p.f / "into";
  const auto r = swap_in(request);
  CHECK(r.what == outcome::refused);
  CHECK(r.report.at(0).find("/usr/lib/x.so") != std::string::npos);
  CHECK(text_of(q.file) == other);
  // The same module may share it.
  write_text(q.file, ini);
  CHECK(swap_in(request).what == outcome::done);
}

TEST_CASE("what cannot be changed safely is refused, and the file stays") {
  for (const auto& source : {"bad-unescaped.ini", "bad-quoted.ini", "bad-number-sign.ini", "bad-wrong-stanza.ini",
                             "bad-utf16.ini", "bad-no-prefix.ini"}) {
    INFO(source);
    place p(corpus::read_file(corpus::root() / "mq-ini" / source));
    const auto before = text_of(p.file);
    const auto r = swap_in(p.in());
    CHECK(r.what == outcome::refused);
    CHECK(all_of(r).find("s3cr3t") == std::string::npos);
    CHECK(text_of(p.file) == before);
    CHECK(!exists(p.f / "into"));
  }
  place p;
  auto request = p.in();
  request.into = p.f / std::string(200, 'x');  // beyond 256 bytes
  CHECK(swap_in(request).what == outcome::refused);
  request.into = p.f / "a;b";  // cannot be written in MQ's string
  CHECK(swap_in(request).what == outcome::refused);
  write_text(p.shim, "no recorder");
  CHECK(swap_in(p.in()).what == outcome::refused);
  CHECK(text_of(p.file) == ini);
}

TEST_CASE("edited after the swap, only the module's path is put back") {
  place p;
  swap_in(p.in());
  const auto now = text_of(p.file) + "TCP:\r\n  KeepAlive=YES\r\n";
  write_text(p.file, now);
  const auto r = restore(p.out());
  CHECK(r.what == outcome::done);
  CHECK(text_of(p.file) == ini + "TCP:\r\n  KeepAlive=YES\r\n");
  CHECK(exists(backup_of(p.file)));
  // The next swap keeps a backup of the edited file; the older one is put aside.
  swap_in(p.in());
  CHECK(exists(backup_of(p.file) + ".1"));
  restore(p.out());
  CHECK(text_of(p.file) == ini + "TCP:\r\n  KeepAlive=YES\r\n");
}

TEST_CASE("a module that was changed by hand is never undone by restore") {
  place p;
  swap_in(p.in());
  std::string other = ini;
  other.replace(other.find("x.so"), 4, "y.so");
  write_text(p.file, other);
  CHECK(restore(p.out()).what == outcome::nothing_to_do);
  CHECK(text_of(p.file) == other);
}

TEST_CASE("with its copy gone, the backup still brings the configuration back") {
  place p;
  swap_in(p.in());
  std::filesystem::remove_all(p.f / "into");
  CHECK(restore(p.out()).what == outcome::done);
  CHECK(text_of(p.file) == ini);
}

TEST_CASE("a newer recorder replaces an older copy; settings of the user stay") {
  place p;
  swap_in(p.in());
  restore(p.out());
  const std::string settings = p.f / "into/p11mq.yaml";
  write_text(settings, text_of(settings) + "limit: 1M\n");
  write_text(p.shim, fake_recorder("newer"));
  swap_in(p.in());
  CHECK(text_of(p.f / "into/p11mq.so") == fake_recorder("newer"));
  CHECK(text_of(settings).find("limit: 1M") != std::string::npos);
  CHECK(all_of(swap_in(p.in())).find("tapes go") == std::string::npos);
}

TEST_CASE("the directory of the tapes is made for the client's user, and a swap that names another is refused") {
  place p;
  auto request = p.in();
  request.tape_folder = p.f / "first";
  CHECK(swap_in(request).what == outcome::refused);  // who runs the client is not known
  request.user = current_user();
  CHECK(all_of(swap_in(request)).find("Created ") != std::string::npos);
  CHECK(exists(p.f / "first"));
  CHECK(read_copy_settings(p.f / "into/p11mq.yaml")->tape_folder == p.f / "first");
  restore(p.out());
  CHECK(all_of(swap_in(request)).find("Created ") == std::string::npos);
  for (const bool restored : {false, true}) {
    if (restored) restore(p.out());
    auto other = request;
    other.tape_folder = p.f / "second";
    const auto result = swap_in(other);
    CHECK(result.what == outcome::refused);
    CHECK(all_of(result).find("tapes go to " + request.tape_folder + ", not to " + other.tape_folder) !=
          std::string::npos);
    CHECK_FALSE(exists(other.tape_folder));
  }
  request.tape_folder = p.f / "no/such";
  CHECK(swap_in(request).what == outcome::refused);
}

TEST_CASE("several modules need a name, and are restored together") {
  const std::string text = "library=/usr/lib/a.so\nname=A\n\nlibrary=/usr/lib/b.so\nname=B\n\n";
  place p(text);
  auto request = p.in(client::nss);
  CHECK(swap_in(request).what == outcome::refused);
  request.only = "A";
  CHECK(swap_in(request).what == outcome::done);
  request.only = "B";
  CHECK(swap_in(request).what == outcome::done);
  CHECK(text_of(p.file).find("/usr/lib") == std::string::npos);
  CHECK(restore(p.out(client::nss)).what == outcome::done);
  CHECK(text_of(p.file) == text);
}

TEST_CASE("a string is swapped without the password, MQSC quotes doubled") {
  place p;
  const auto r =
      swap_string("GSK_PKCS11=/usr/lib/x.so;bob's token;s3cr3t-0815;SYMMETRIC_CIPHER_ON;", p.in(client::mq_string));
  CHECK(r.result.what == outcome::done);
  CHECK(r.mqsc.find("bob''s token;<password>;SYMMETRIC_CIPHER_ON;')") != std::string::npos);
  CHECK(r.shown.find("p11mq.so") != std::string::npos);
  CHECK((r.shown + r.mqsc + r.shell + all_of(r.result)).find("s3cr3t") == std::string::npos);
  CHECK(exists(p.f / "into/p11mq.so"));
}

namespace {

// Runs the action in a process that dies before its n-th step. True where it died there, false where it ended before.
template <typename Action>
bool dies_at(int n, Action action) {
  const pid_t child = fork();
  if (child == 0) {
    int count = 0;
    action([&](std::string_view) {
      if (++count == n) _exit(9);
    });
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 9;
}

// The file is the old one, or the new one with all that it needs.
void check_works(const place& p) {
  const auto r = read_mq_ini(text_of(p.file));
  REQUIRE(r.modules.size() == 1);
  CHECK(r.token_label == "mytoken");
  CHECK(r.password.length == 11);
  if (r.modules[0].path == "/usr/lib/x.so") {
    CHECK(text_of(p.file) == ini);
  } else {
    CHECK(text_of(r.modules[0].path) == fake_recorder());
    CHECK(read_copy_settings(settings_beside(r.modules[0].path))->module == "/usr/lib/x.so");
  }
}

}  // namespace

TEST_CASE("killed before any step of swap, the file works, and swap and restore then end well") {
  int steps = 0;
  for (bool died = true; died; ++steps) {
    INFO("step " << steps + 1);
    place p;
    chmod(p.file.c_str(), 0600);
    died = dies_at(steps + 1, [&](const before_step& step) { swap_in(p.in(), step); });
    check_works(p);
    CHECK(swap_in(p.in()).what != outcome::refused);
    CHECK(text_of(p.file) != ini);
    restore(p.out());
    CHECK(text_of(p.file) == ini);
    CHECK(!exists(backup_of(p.file)));
    for (const auto& entry : std::filesystem::directory_iterator(p.f.path()))
      CHECK(entry.path().string().find("p11tape-new") == std::string::npos);
  }
  CHECK(steps > 8);
}

TEST_CASE("killed before any step of swap, restore alone brings the file back") {
  bool died = true;
  for (int n = 1; died; ++n) {
    INFO("step " << n);
    place p;
    died = dies_at(n, [&](const before_step& step) { swap_in(p.in(), step); });
    restore(p.out());
    CHECK(text_of(p.file) == ini);
    CHECK(!exists(backup_of(p.file)));
  }
}

TEST_CASE("killed before any step of restore, the file works, and restore then ends well") {
  for (const bool edited : {false, true}) {
    bool died = true;
    for (int n = 1; died; ++n) {
      INFO("step " << n << (edited ? ", edited" : ""));
      place p;
      swap_in(p.in());
      const std::string tail = edited ? "TCP:\r\n" : "";
      write_text(p.file, text_of(p.file) + tail);
      auto request = p.out();
      request.remove_copy = true;
      died = dies_at(n, [&](const before_step& step) { restore(request, step); });
      const auto r = read_mq_ini(text_of(p.file));
      CHECK((r.modules.at(0).path == "/usr/lib/x.so" || exists(r.modules.at(0).path)));
      restore(p.out());
      CHECK(text_of(p.file) == ini + tail);
    }
  }
}

TEST_CASE("a full or unwritable folder leaves the file as it was") {
  place p;
  auto request = p.in();
  request.into = "/proc/self";
  CHECK_THROWS_AS(swap_in(request), file_error);
  CHECK(text_of(p.file) == ini);
  CHECK_THROWS_AS(swap_in({client::mq_ini, p.f / "not-there", p.shim, "", "", "", false}), file_error);
}
