// SPDX-License-Identifier: Apache-2.0
// Commands that findings suggest can be pasted, whatever the tape contains.
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>

#include "diagnose/story.hpp"
#include "text/shell.hpp"

using namespace p11tape;

namespace {

// What bash makes of the word.
std::string in_bash(const std::string& word) {
  const auto command = "exec bash -c 'eval \"set -- $1\"; printf %s \"$1\"' - " + text::shell_word(word);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  REQUIRE(pipe);
  std::string out;
  std::array<char, 256> buffer{};
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) != 0;) out.append(buffer.data(), n);
  return out;
}

}  // namespace

TEST_CASE("words of commands mean the same to a shell, and nothing else") {
  for (const std::string text : {"/usr/lib/softhsm/libsofthsm2.so", "a b", "it's", "$(touch /tmp/x)", "`id`", "a;b&c|d",
                                 "\\", "*", "\"q\"", "#", "~"}) {
    INFO(text);
    const auto word = text::shell_word(text);
    CHECK(in_bash(word) == text);
  }
  // What a terminal would act upon is not in the word.
  const auto word = text::shell_word("red \x1b[31m\n\xe2\x80\xae'\\");
  for (const char c : word) CHECK((c >= 0x20 && c < 0x7f));
  CHECK(in_bash(word) == "red \x1b[31m\n\xe2\x80\xae'\\");
  CHECK(text::shell_word("") == "''");
}
