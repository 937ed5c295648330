// SPDX-License-Identifier: Apache-2.0
// The alignment: what is equal is paired, whatever has been put between.
#include <catch2/catch.hpp>

#include <random>

#include "diff/align.hpp"

using namespace p11tape::diff;

namespace {

// Upper and lower case of a letter have the same weak key.
std::vector<element> keys(std::string_view text) {
  std::vector<element> all;
  for (const char c : text) all.push_back({static_cast<unsigned char>(c), static_cast<unsigned char>(c | 0x20)});
  return all;
}

std::string aligned_text(std::string_view a, std::string_view b) {
  const auto x = keys(a), y = keys(b);
  std::string text;
  for (const auto& s : align(x, y).steps) {
    if (!text.empty()) text += ' ';
    if (s.a != nobody) text += a[s.a];
    text += '/';
    if (s.b != nobody) text += b[s.b];
  }
  return text;
}

}  // namespace

TEST_CASE("equal sequences are paired one by one") {
  CHECK(aligned_text("", "").empty());
  CHECK(aligned_text("abc", "abc") == "a/a b/b c/c");
}

TEST_CASE("what only one side has stands alone") {
  CHECK(aligned_text("abc", "abxc") == "a/a b/b /x c/c");
  CHECK(aligned_text("abxyc", "abc") == "a/a b/b x/ y/ c/c");
  CHECK(aligned_text("abc", "") == "a/ b/ c/");
  CHECK(aligned_text("abcabba", "cbabac").size() > 0);
}

TEST_CASE("the same function with something else is a pair") {
  CHECK(aligned_text("abc", "aBc") == "a/a b/B c/c");
  CHECK(aligned_text("abxc", "ayBc").find("b/B") != std::string::npos);
}

TEST_CASE("every element is there exactly once, in order, also where the search is cut") {
  std::mt19937 random(7);
  for (const std::size_t size : {10u, 300u, 5000u}) {
    std::vector<element> a, b;
    for (std::size_t i = 0; i < size; ++i) {
      a.push_back({random() % 50, 0});
      b.push_back({random() % 50, 0});
    }
    for (auto* all : {&a, &b})
      for (auto& e : *all) e.weak = 100 + e.strong / 2;
    const auto found = align(a, b);
    CHECK(found.shortest == (size <= 300));
    std::uint32_t i = 0, j = 0;
    bool equal = true;
    for (const auto& s : found.steps) {
      if (s.a != nobody) REQUIRE(s.a == i++);
      if (s.b != nobody) REQUIRE(s.b == j++);
      if (s.a != nobody && s.b != nobody) equal &= a[s.a].weak == b[s.b].weak;
    }
    CHECK(equal);
    CHECK(i == size);
    CHECK(j == size);
  }
}
