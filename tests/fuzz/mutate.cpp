// SPDX-License-Identifier: Apache-2.0
#include "mutate.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace p11tape::fuzz {
namespace {

constexpr std::size_t page = 4096;

std::size_t below(std::mt19937_64& random, std::size_t n) {
  return n == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
}

std::uint64_t awkward(std::mt19937_64& random) {
  constexpr std::uint64_t values[] = {0,          1,          7,          8,           23,
                                      24,         64,         4095,       4096,        0x7fffffff,
                                      0x80000000, 0xffffffff, 0xffff,     0x100000000, ~0ull,
                                      ~0ull - 7,  1ull << 63, 1ull << 40, 0xfffffff8,  0x7fffffffffffffff};
  return values[below(random, std::size(values))];
}

// Where something is: anywhere, in the file's header, or in the head of a chunk or the records behind it.
std::size_t somewhere(const std::string& bytes, std::mt19937_64& random) {
  switch (below(random, 4)) {
    case 0:
      return below(random, std::min(bytes.size(), page));
    case 1:
    case 2:
      return std::min(bytes.size() - 1, below(random, bytes.size() / page + 1) * page + below(random, 512));
    default:
      return below(random, bytes.size());
  }
}

void put(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  at -= at % size;
  if (at + size <= bytes.size()) std::memcpy(bytes.data() + at, &value, size);
}

// Two words of the tape's description of itself change places: it still parses, but a function has another's name, effect
// or argument.
void exchange_words(std::string& bytes, std::mt19937_64& random) {
  const auto is_text = [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); };
  const auto inside = bytes.find("\nF C_");
  if (inside == std::string::npos) return;
  auto first = bytes.begin() + static_cast<std::ptrdiff_t>(inside), last = first;
  while (first != bytes.begin() && is_text(*(first - 1))) --first;
  while (last != bytes.end() && is_text(*last)) ++last;
  const auto word = [&] {
    auto begin = first + static_cast<std::ptrdiff_t>(below(random, static_cast<std::size_t>(last - first)));
    while (begin != first && *(begin - 1) > ' ') --begin;
    return std::pair(begin, std::find_if(begin, last, [](char c) { return c <= ' '; }));
  };
  auto a = word(), b = word();
  if (b.first < a.first) std::swap(a, b);
  if (a.second > b.first) return;  // the same one
  const auto exchanged =
      std::string(b.first, b.second) + std::string(a.second, b.first) + std::string(a.first, a.second);
  std::copy(exchanged.begin(), exchanged.end(), a.first);
}

}  // namespace

void mutate(std::string& bytes, std::mt19937_64& random) {
  for (auto changes = 1 + below(random, 8); changes > 0 && !bytes.empty(); --changes) {
    const auto at = somewhere(bytes, random);
    switch (below(random, 10)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        put(bytes, at, awkward(random), 2);
        break;
      case 3:
        put(bytes, at, awkward(random), 4);
        break;
      case 4:
        put(bytes, at, awkward(random), 8);
        break;
      case 5:
        put(bytes, at, below(random, bytes.size() + page), 4);
        break;
      case 6:
        bytes.resize(at);
        break;
      case 7: {  // a page over another
        const auto from = below(random, bytes.size() / page + 1) * page;
        const auto to = at / page * page;
        const auto size = std::min({page, bytes.size() - std::min(bytes.size(), from), bytes.size() - to});
        std::memmove(bytes.data() + to, bytes.data() + from, size);
        break;
      }
      case 8:
        for (auto times = 1 + below(random, 4); times > 0; --times) exchange_words(bytes, random);
        break;
      default:
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min<std::size_t>(below(random, 64), bytes.size() - at), static_cast<char>(random()));
    }
  }
}

}  // namespace p11tape::fuzz
