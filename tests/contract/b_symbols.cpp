// SPDX-License-Identifier: Apache-2.0
// B5: the shared object itself: what it exports, what it needs, how it is linked.
#include <set>
#include <sstream>

#include "support.hpp"

using namespace p11tape;
using namespace p11tape::contract;

namespace {

std::set<std::string> words_of(const std::vector<std::string>& command, std::size_t column, const std::string& with) {
  int status = -1;
  std::istringstream lines(output_of(command, status));
  REQUIRE(status == 0);
  std::set<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(with) == std::string::npos) continue;
    std::istringstream words(line);
    std::string word_;
    for (std::size_t i = 0; i <= column; ++i) words >> word_;
    found.insert(word_);
  }
  return found;
}

}  // namespace

TEST_CASE("B5: exactly the 104 functions are exported") {
  if (sanitized) SKIP("an instrumented library exports more");
  std::set<std::string> rows;
  for (const auto& f : cryptoki::functions) rows.emplace(f.name);
  CHECK(words_of({"nm", "-D", "--defined-only", shim_path()}, 2, "") == rows);
}

TEST_CASE("B5: nothing but the C library is needed") {
  if (sanitized) SKIP("an instrumented library needs more");
  for (const auto& library : words_of({"readelf", "-dW", shim_path()}, 4, "(NEEDED)")) {
    INFO(library);
    // Before glibc 2.34, dlopen and threads were libraries of their own.
    CHECK((library == "[libc.so.6]" || library == "[libdl.so.2]" || library == "[libpthread.so.0]" ||
           library == "[libm.so.6]" || library.starts_with("[ld-linux") || library.starts_with("[ld64")));
  }
}

TEST_CASE("B1, B4: bound to its own names, all at once, and never unloaded") {
  if (sanitized) SKIP("the sanitizers' own flags are in the way");
  int status = -1;
  const auto dynamic = output_of({"readelf", "-dW", shim_path()}, status);
  CHECK(dynamic.find("SYMBOLIC") != std::string::npos);
  CHECK(dynamic.find("NOW") != std::string::npos);
  CHECK(dynamic.find("NODELETE") != std::string::npos);
  CHECK(dynamic.find("TEXTREL") == std::string::npos);
  CHECK(output_of({"readelf", "-lW", shim_path()}, status).find("GNU_STACK") != std::string::npos);
}
