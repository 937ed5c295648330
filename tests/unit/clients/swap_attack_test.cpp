// SPDX-License-Identifier: Apache-2.0
// Swapping where somebody else can write: planted backups, directories that are exchanged, directories of other users.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"
#include "corpus.hpp"
#include "folder.hpp"

using namespace p11tape::clients;

namespace {

constexpr uid_t nobody = 65534, other = 65533;

const std::string recorder = "\177ELF P11TAPE_MODULE C_GetFunctionList ";
const std::string java = "name = x\nlibrary = /usr/lib/x.so\nslotListIndex = 0\n";

// A configuration in a directory of its own, and the copy's directory beside it.
struct place_of_client {
  folder f;
  std::string shim = f / "p11tape.so";
  std::string directory = f / "client";
  std::string file = directory + "/java.cfg";
  std::string backup = backup_of(file);
  place_of_client() {
    chmod(f.path().c_str(), 0755);
    write_text(shim, recorder);
    mkdir(directory.c_str(), 0755);
    write_text(file, java);
    chmod(file.c_str(), 0644);
  }
  swap_result swap(
      const before_step& step = [](std::string_view) {}, const std::string& into = "into") const {
    return swap_in({client::java, file, shim, f / into, "", "", false}, step);
  }
  swap_result back(bool remove_copy = false) const { return restore({client::java, file, remove_copy, false}); }

  // Every file below, with its bytes, owner and mode.
  std::map<std::string, std::string> all() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(f.path())) {
      struct stat st {};
      lstat(entry.path().c_str(), &st);
      out[entry.path().string()] = std::to_string(st.st_uid) + ' ' + std::to_string(st.st_mode) + ' ' +
                                   (S_ISREG(st.st_mode) ? corpus::read_file(entry.path()) : "");
    }
    return out;
  }
};

std::string text_of(const std::string& path) { return corpus::read_file(path); }

std::string all_of(const swap_result& r) {
  std::string out;
  for (const auto& line : r.report) out += line + '\n';
  return out;
}

uid_t owner_of(const std::string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0 ? st.st_uid : ~uid_t{0};
}

bool give(const std::string& path, uid_t user) { return lchown(path.c_str(), user, user) == 0; }

}  // namespace

TEST_CASE("a backup that somebody else planted before the swap is put aside and never restored") {
  if (geteuid() != 0) return;
  place_of_client p;
  chmod(p.directory.c_str(), 01777);
  const bool same_text = GENERATE(true, false);
  const bool link = GENERATE(false, true);
  const std::string planted = same_text ? java : "name = x\nlibrary = /home/evil.so\nslotListIndex = 0\n";
  if (link) {
    write_text(p.f / "mine", planted);
    REQUIRE(give(p.f / "mine", nobody));
    REQUIRE(symlink((p.f / "mine").c_str(), p.backup.c_str()) == 0);
  } else {
    write_text(p.backup, planted);
  }
  REQUIRE(give(p.backup, nobody));
  CHECK(p.swap().what == outcome::done);
  CHECK(p.back().what == outcome::done);
  CHECK(text_of(p.file) == java);
  CHECK(owner_of(p.file) == 0);
  CHECK(!std::filesystem::is_symlink(p.file));
}

TEST_CASE("what takes the backup's name after the swap is not restored") {
  place_of_client p;
  REQUIRE(p.swap().what == outcome::done);
  const std::string kind = GENERATE("another file", "link", "mode", "fifo");
  INFO(kind);
  if (kind == "mode") {
    chmod(p.file.c_str(), 0600);
  } else {
    write_text(p.f / "other", java);
    chmod((p.f / "other").c_str(), 0644);
    unlink(p.backup.c_str());
    if (kind == "another file") rename((p.f / "other").c_str(), p.backup.c_str());
    if (kind == "link") REQUIRE(symlink((p.f / "other").c_str(), p.backup.c_str()) == 0);
    if (kind == "fifo") REQUIRE(mkfifo(p.backup.c_str(), 0644) == 0);
  }
  const auto r = p.back();
  CHECK(r.what == outcome::done);
  CHECK(all_of(r).find("was not used as the backup") != std::string::npos);
  CHECK(text_of(p.file) == java);
  CHECK(!std::filesystem::is_symlink(p.file));
}

TEST_CASE("with the copy gone, a backup counts only where nobody else can plant one") {
  place_of_client p;
  REQUIRE(p.swap().what == outcome::done);
  const auto swapped = text_of(p.file);
  std::filesystem::remove_all(p.f / "into");
  chmod(p.directory.c_str(), 01777);
  CHECK(p.back().what == outcome::nothing_to_do);
  CHECK(text_of(p.file) == swapped);
  chmod(p.directory.c_str(), 0755);
  CHECK(p.back().what == outcome::done);
  CHECK(text_of(p.file) == java);
}

TEST_CASE("a directory that is exchanged for a link during the swap leads nowhere else") {
  place_of_client p;
  const std::string elsewhere = p.f / "etc";
  mkdir(elsewhere.c_str(), 0755);
  write_text(elsewhere + "/java.cfg", "root's own");
  const std::string at = GENERATE("create the directory", "back up java.cfg", "write java.cfg", "rename to java.cfg");
  const bool into = GENERATE(false, true);
  const std::string exchanged = into ? p.f / "into" : p.directory;
  bool done = false;
  try {
    p.swap([&](std::string_view step) {
      if (step != at || done || !std::filesystem::exists(exchanged)) return;
      done = true;
      rename(exchanged.c_str(), (exchanged + "-old").c_str());
      REQUIRE(symlink(elsewhere.c_str(), exchanged.c_str()) == 0);
    });
  } catch (const file_error&) {
    // To notice it is as good as to work in the old directory.
  }
  if (at == "back up java.cfg") CHECK(done);
  CHECK(text_of(elsewhere + "/java.cfg") == "root's own");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(elsewhere)) ++files;
  CHECK(files == 1);
}

TEST_CASE("a file that takes the configuration's name during the swap is not overwritten") {
  place_of_client p;
  CHECK_THROWS_AS(p.swap([&](std::string_view step) {
    if (step != "rename to java.cfg") return;
    write_text(p.file + ".new", "edited");
    rename((p.file + ".new").c_str(), p.file.c_str());
  }),
                  file_error);
  CHECK(text_of(p.file) == "edited");
}

TEST_CASE("in another user's directory root works as that user") {
  if (geteuid() != 0) return;
  place_of_client p;
  REQUIRE(give(p.directory, nobody));
  REQUIRE(give(p.file, nobody));
  uid_t worker = 0;
  const auto r = p.swap([&](std::string_view step) {
    if (step == "write java.cfg") worker = geteuid();
  });
  CHECK(r.what == outcome::done);
  CHECK(worker == nobody);
  CHECK(geteuid() == 0);
  CHECK(owner_of(p.file) == nobody);
  CHECK(owner_of(p.f / "into/p11java.so") == 0);
  CHECK(p.back().what == outcome::done);
  CHECK(text_of(p.file) == java);
  CHECK(!exists(p.backup));

  // A file that its owner could not replace alone is refused, and nothing is left behind.
  REQUIRE(give(p.file, 0));
  chmod(p.file.c_str(), 0604);
  std::filesystem::remove_all(p.f / "into");
  const auto before = p.all();
  CHECK_THROWS_AS(p.swap(), file_error);
  CHECK(p.all() == before);
  CHECK(geteuid() == 0);
}

TEST_CASE("the copy is not put where another user could exchange it") {
  if (geteuid() != 0) return;
  place_of_client p;
  mkdir((p.f / "home").c_str(), 0755);
  REQUIRE(give(p.f / "home", nobody));
  const auto r = p.swap([](std::string_view) {}, GENERATE("home", "home/new"));
  CHECK(r.what == outcome::refused);
  CHECK(all_of(r).find("--into") != std::string::npos);
  CHECK(text_of(p.file) == java);
}

TEST_CASE("a path through directories or links of several users is refused") {
  if (geteuid() != 0) return;
  place_of_client p;
  const std::string way = GENERATE("directory", "link");
  if (way == "directory") {
    REQUIRE(give(p.directory, other));
    mkdir((p.directory + "/sub").c_str(), 0755);
    write_text(p.directory + "/sub/java.cfg", java);
    REQUIRE(give(p.directory + "/sub", nobody));
    p.file = p.directory + "/sub/java.cfg";
  } else {
    REQUIRE(symlink(p.directory.c_str(), (p.f / "link").c_str()) == 0);
    REQUIRE(give(p.f / "link", nobody));
    p.file = p.f / "link/java.cfg";
  }
  CHECK_THROWS_AS(p.swap(), file_error);
  CHECK(!exists(p.f / "into"));
}

TEST_CASE("a swap that fails at any step leaves nothing behind") {
  bool failed = true;
  for (const bool copy_there : {false, true}) {
    int steps = 0;
    for (failed = true; failed; ++steps) {
      INFO("step " << steps + 1 << (copy_there ? ", with a copy" : ""));
      place_of_client p;
      if (copy_there) {
        p.swap();
        p.back();
        write_text(p.backup, "an older backup");
      }
      const auto before = p.all();
      int count = 0;
      failed = false;
      try {
        p.swap([&](std::string_view) {
          if (count++ == steps) throw file_error("disk on fire");
        });
      } catch (const file_error&) {
        failed = true;
      }
      if (!failed) break;
      // From the rename of the configuration on, the swap is complete but for the disk.
      if (text_of(p.file) == java)
        CHECK(p.all() == before);
      else
        CHECK(text_of(p.f / "into/p11java.so") == recorder);
    }
    CHECK(steps > 5);
  }
}

TEST_CASE("restore removes only the copy that was made for the configuration") {
  place_of_client p, q;
  p.swap();
  // The other client's configuration names the copy by hand.
  std::string text = java;
  text.replace(text.find("/usr/lib/x.so"), 13, p.f / "into/p11java.so");
  write_text(q.file, text);
  const auto r = q.back(true);
  CHECK(r.what == outcome::done);
  CHECK(text_of(q.file) == java);
  CHECK(exists(p.f / "into/p11java.so"));
  p.back(true);
  CHECK(!exists(p.f / "into/p11java.so"));
}
