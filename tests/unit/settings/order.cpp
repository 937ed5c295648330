// SPDX-License-Identifier: Apache-2.0
// Which source counts, and whom a setuid program trusts.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "folder.hpp"

namespace p11tape::tests {
namespace {

using capture::setting;

TEST_CASE("a variable counts for more than a file, and each value says where it came from") {
  folder f;
  f.write("p11tape.yaml", "# mine\nmodule: /from/file.so\nkeep: 3\n");
  const auto& s = f.read({"P11TAPE_KEEP=4", "P11TAPE_DIR=/tapes"});
  CHECK(std::string(s.problems).empty());
  CHECK(std::string(s.file) == f.path("p11tape.yaml"));
  CHECK(std::string(s.module_path) == "/from/file.so");
  CHECK(std::string(s[setting::module].from) == f.path("p11tape.yaml") + ":2");
  CHECK(s.number(setting::keep) == 4);
  CHECK(std::string(s[setting::keep].from) == "P11TAPE_KEEP");
  CHECK(std::string(s.text(setting::dir)) == "/tapes");
  CHECK(std::string(s[setting::limit].from) == "default");
  CHECK_FALSE(s[setting::limit].given);
}

TEST_CASE("an empty variable is none") {
  folder f;
  f.write("p11tape.yaml", "keep: 3\n");
  CHECK(f.read({"P11TAPE_KEEP="}).number(setting::keep) == 3);
}

TEST_CASE("the file is named after the shared object") {
  folder f;
  f.write("p11tape.yaml", "keep: 1\n");
  f.write("p11tape-luna.yaml", "keep: 2\n");
  f.write("p11tape-luna.so", "");
  CHECK(f.read({}, "tester", false, "p11tape-luna.so").number(setting::keep) == 2);
  CHECK(f.read({}, "tester", false, "p11tape.so").number(setting::keep) == 1);
  // Behind a link: first by the link's name, then by the file's own.
  std::filesystem::create_directory(f.path("links"));
  std::filesystem::create_symlink(f.path("p11tape-luna.so"), f.path("links/module.so"));
  CHECK(f.read({}, "tester", false, "links/module.so").number(setting::keep) == 2);
  f.write("links/module.yaml", "keep: 3\n");
  CHECK(f.read({}, "tester", false, "links/module.so").number(setting::keep) == 3);
}

TEST_CASE("P11TAPE_CONFIG names the only file") {
  folder f;
  f.write("p11tape.yaml", "keep: 1\nlimit: 2M\n");
  f.write("other.yaml", "keep: 2\n");
  const auto& s = f.read({"P11TAPE_CONFIG=" + f.path("other.yaml")});
  CHECK(s.number(setting::keep) == 2);
  CHECK_FALSE(s[setting::limit].given);
}

TEST_CASE("programs have sections of their own") {
  folder f;
  f.write("p11tape.yaml",
          "programs:\n  java: {keep: 5, log: /tmp/java.log}\n  amqrmppa:\n    module: /luna.so\nkeep: 3\nmodule: "
          "/soft.so\n");
  CHECK(f.read({}, "java").number(setting::keep) == 5);
  CHECK(std::string(f.read({}, "java").module_path) == "/soft.so");
  CHECK(f.read({}, "amqrmppa").number(setting::keep) == 3);
  CHECK(std::string(f.read({}, "amqrmppa").module_path) == "/luna.so");
  CHECK(f.read({}, "javac").number(setting::keep) == 3);
  CHECK(f.read({"P11TAPE_KEEP=9"}, "java").number(setting::keep) == 9);
}

TEST_CASE("recipes for pkcs11-spy work") {
  folder f;
  const auto& s = f.read({"PKCS11SPY=/spied.so", "PKCS11SPY_OUTPUT=/spy.log"});
  CHECK(std::string(s.module_path) == "/spied.so");
  CHECK(std::string(s.text(setting::log)) == "/spy.log");
  CHECK(std::string(f.read({"PKCS11SPY=/spied.so"}).text(setting::log)) == "stderr");
  // With settings of our own, theirs are not looked at.
  CHECK(std::string(f.read({"PKCS11SPY=/spied.so", "P11TAPE_MODULE=/m.so"}).text(setting::log)).empty());
  f.write("p11tape.yaml", "module: /from/file.so\n");
  CHECK(std::string(f.read({"PKCS11SPY=/spied.so"}).module_path) == "/from/file.so");
}

TEST_CASE("a setuid program takes no variables, and files of the right people only") {
  folder f;
  f.write("p11tape.yaml", "module: /from/file.so\n");
  ::chmod(f.path("p11tape.yaml").c_str(), 0644);
  const auto& s =
      f.read({"P11TAPE_MODULE=/evil.so", "P11TAPE_CONFIG=/evil.yaml", "PKCS11SPY=/evil.so"}, "tester", true);
  CHECK(std::string(s.module_path) == "/from/file.so");
  CHECK(std::string(s.problems).starts_with("P11TAPE_CONFIG, P11TAPE_MODULE: set, but ignored:"));
  CHECK(std::string(f.read({}, "tester", true).problems).empty());

  for (const ::mode_t mode : {0664, 0646}) {
    ::chmod(f.path("p11tape.yaml").c_str(), mode);
    CHECK(std::string(f.read({}, "tester", true).module_path).empty());
    CHECK(std::string(f.read({}, "tester", true).problems).find("chmod go-w") != std::string::npos);
    // Root obeys nobody else, setuid or not; others are warned.
    const bool refused = ::geteuid() == 0 && mode == 0646;
    const auto& plain = f.read({}, "tester", false);
    CHECK(std::string(plain.module_path) == (refused ? "" : "/from/file.so"));
    const char* const warning = refused ? "the program runs as root" : mode == 0646 ? "everybody can write" : "";
    CHECK(std::string(plain.problems).find(warning) != std::string::npos);
    CHECK(std::string(plain.problems).empty() == (mode != 0646));
  }
  if (::geteuid() == 0) {  // only root can give files away
    ::chmod(f.path("p11tape.yaml").c_str(), 0644);
    REQUIRE(::chown(f.path("p11tape.yaml").c_str(), 12345, 12345) == 0);
    CHECK(std::string(f.read({}, "tester", true).problems).find("belongs to user ID 12345") != std::string::npos);
  }
}

TEST_CASE("a module may be named as p11-kit names it") {
  folder f;
  f.write(".config/pkcs11/modules/mine.module", "# mine\n module : /x/mine.so \ntrust-policy: no\n");
  CHECK(std::string(f.read({"HOME=" + f.path(""), "P11TAPE_MODULE=mine"}).module_path) == "/x/mine.so");
  // Nobody's name: left to the loader.
  CHECK(std::string(f.read({"P11TAPE_MODULE=libnobody.so"}).module_path) == "libnobody.so");
}

}  // namespace
}  // namespace p11tape::tests
