// SPDX-License-Identifier: Apache-2.0
// The commands for SELinux and systemd are well-formed, and mean the paths that they are for.
#include "clients/swap/service_hints.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "folder.hpp"

using namespace p11tape::clients;

namespace {

const std::vector<std::string> paths = {"/var/mqm/trace/tapes", "/var/mqm/my tapes", "/srv/it's (new)",
                                        "/srv/a+b.c",           "/srv/100%",         "/srv/$HOME`id`"};

std::string output_of(const std::string& command) {
  const folder f;
  REQUIRE(std::system(("(" + command + ") >'" + (f / "out") + "' 2>&1").c_str()) == 0);
  std::ifstream in(f / "out");
  return {std::istreambuf_iterator<char>(in), {}};
}

// The lines of commands, unindented.
std::vector<std::string> commands(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end - at);
    if (line.starts_with("  ") && !line.starts_with("    ")) out.push_back(line.substr(2));
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("the commands for SELinux name the recorder and the tapes, whatever their paths") {
  for (const auto& path : paths) {
    INFO(path);
    const auto lines = commands(service_hints({true, false}, path + "/p11mq.so", path));
    REQUIRE(lines.size() == 4);
    // The shell runs a command that shows its last argument; the expression of semanage is matched as SELinux matches it.
    const auto last = [&](const std::string& line) {
      return output_of("semanage() { for a; do :; done; printf %s \"$a\"; }; restorecon() { semanage \"$@\"; }; " +
                       line);
    };
    CHECK(std::regex_match(path + "/p11mq.so", std::regex(last(lines[0]))));
    CHECK_FALSE(std::regex_match(path + "/p11mqXso", std::regex(last(lines[0]))));
    CHECK(last(lines[1]) == path + "/p11mq.so");
    CHECK(std::regex_match(path, std::regex(last(lines[2]))));
    CHECK(std::regex_match(path + "/x.p11tape", std::regex(last(lines[2]))));
    CHECK_FALSE(std::regex_match(path + "x", std::regex(last(lines[2]))));
    CHECK(last(lines[3]) == path);
  }
}

TEST_CASE("the lines for a unit are understood by systemd") {
  const bool systemd = std::system("command -v systemd-analyze >/dev/null 2>&1") == 0;
  for (const auto& path : paths) {
    INFO(path);
    const auto text = service_hints({false, true}, "/usr/lib64/pkcs11/p11mq.so", path);
    std::string unit;
    for (std::size_t at = 0; (at = text.find("\n    ", at)) != std::string::npos; ++at)
      unit += text.substr(at + 5, text.find('\n', at + 1) - at - 5) + '\n';
    CHECK(unit.starts_with("[Service]\nReadWritePaths="));
    if (!systemd) continue;
    const folder f;
    write_text(f / "p11tape-test.service", unit + "ExecStart=/bin/true\n");
    const auto said = output_of("systemd-analyze verify '" + (f / "p11tape-test.service") + "' || true");
    INFO(unit + said);
    CHECK(said.find("ReadWritePaths") == std::string::npos);
    CHECK(said.find("nknown") == std::string::npos);
  }
}

TEST_CASE("nothing is suggested where nothing confines a service") {
  CHECK(service_hints({false, false}, "/usr/lib/p11mq.so", "/tapes").empty());
  CHECK(service_hints({false, true}, "/usr/lib/p11mq.so", "").empty());
  CHECK(service_hints({true, true}, "/usr/lib/p11mq.so", "").find("TYPE") == std::string::npos);
}
