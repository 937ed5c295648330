// SPDX-License-Identifier: Apache-2.0
// A path is followed as the kernel follows it, but for the links of other users.
#include "tape/open_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

#include "../../give_away.hpp"

using namespace p11tape;
namespace fs = std::filesystem;

namespace {

class folder {
 public:
  folder() {
    std::string name = (fs::temp_directory_path() / "p11tape-unit.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

struct outcome {
  int error;
  bool foreign_link;
  bool expected_place;
};

// Opens the path, and says whether it led to `place`.
outcome open(const std::string& path, const fs::path& place, bool make = false, bool follow_last = true) {
  const auto opened = tape::open_directory({path.c_str(), make, follow_last});
  struct stat here {
  }, there{};
  const bool same = opened.descriptor >= 0 && fstat(opened.descriptor, &here) == 0 &&
                    stat(place.c_str(), &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
  if (opened.descriptor >= 0) close(opened.descriptor);
  return {opened.error, opened.foreign_link, same};
}

}  // namespace

TEST_CASE("a directory is found along dots, slashes and links") {
  const folder f;
  fs::create_directories(f / "a/b");
  fs::create_directory_symlink("a", f / "relative");
  fs::create_directory_symlink(f / "a", f / "absolute");
  fs::create_directory_symlink("relative/b/../../absolute/b/", f / "long");
  for (const auto* way : {"a/b", "a//b///", "./a/./b", "a/../a/b", "relative/b", "absolute/b/", "long", "long/"}) {
    CAPTURE(way);
    const auto o = open((f / way).string(), f / "a/b");
    CHECK(o.error == 0);
    CHECK(o.expected_place);
  }
  CHECK(open(".", fs::current_path()).expected_place);
  CHECK(open("/", "/").expected_place);
}

TEST_CASE("what leads to no directory is refused as the kernel refuses it") {
  const folder f;
  fs::create_directory(f / "a");
  fs::create_directory_symlink("loop", f / "loop");
  fs::create_directory_symlink("nowhere", f / "dangling");
  fs::create_symlink("/dev/null", f / "device");
  CHECK(open((f / "missing").string(), "/").error == ENOENT);
  CHECK(open((f / "missing/a").string(), "/", true).error == ENOENT);
  CHECK(open((f / "loop").string(), "/").error == ELOOP);
  CHECK(open((f / "dangling").string(), "/", true).error == ENOENT);
  CHECK_FALSE(fs::exists(f / "nowhere"));
  CHECK(open((f / "device").string(), "/").error == ENOTDIR);
  CHECK(open("", "/").error == ENOENT);
  CHECK(open(std::string(5000, 'a'), "/").error == ENAMETOOLONG);
  CHECK(open("/" + std::string(300, 'a'), "/").error == ENAMETOOLONG);
}

TEST_CASE("a directory is made on request, one level, for its owner") {
  const folder f;
  CHECK(open((f / "new/").string(), f / "new", true).expected_place);
  CHECK(fs::status(f / "new").permissions() == fs::perms::owner_all);
  CHECK(open((f / "new").string(), f / "new", true).expected_place);
}

TEST_CASE("a link in the last place counts only on request") {
  const folder f;
  fs::create_directories(f / "a/b");
  fs::create_directory_symlink("a", f / "link");
  CHECK(open((f / "link").string(), "/", false, false).error != 0);
  CHECK(open((f / "link/b").string(), f / "a/b", false, false).expected_place);
}

TEST_CASE("root follows no link of another user") {
  if (!test::can_give_away(12345)) return;  // only root can give a link away
  const folder f;
  fs::create_directories(f / "a/b");
  fs::create_directory_symlink("a", f / "theirs");
  fs::create_directory_symlink("theirs/b", f / "mine");
  REQUIRE(lchown((f / "theirs").c_str(), 12345, 12345) == 0);
  for (const auto* way : {"theirs", "theirs/b", "mine"}) {
    CAPTURE(way);
    const auto o = open((f / way).string(), "/");
    CHECK(o.error == EPERM);
    CHECK(o.foreign_link);
  }
  REQUIRE(chown((f / "a").c_str(), 12345, 12345) == 0);
  CHECK(open((f / "a/b").string(), f / "a/b").expected_place);
}
