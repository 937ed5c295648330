// SPDX-License-Identifier: Apache-2.0
// Arguments for any function, made from its row: numbers that can be told apart, pointers to memory of their own.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <vector>

#include "support.hpp"

namespace p11tape::contract {

/// A page that cannot be read.
inline void* unreadable() {
  static void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page;
}

/// `size` bytes that end where an unreadable page begins: reading one byte more is the end. Never freed.
inline unsigned char* at_page_end(std::size_t size) {
  const std::size_t whole = (size + 4095) / 4096 * 4096;
  auto* const base = static_cast<unsigned char*>(
      mmap(nullptr, whole + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(base + whole, 4096, PROT_NONE);
  return base + whole - size;
}

/// One set of arguments. Every pointer leads to `room` bytes of its own, filled with a pattern that makes harmless
/// structs: templates of zero-length attributes, mechanisms without parameter, strings that end.
struct arguments {
  static constexpr std::size_t room = 512;

  arguments(function f, word seed) {
    const auto row = cryptoki::row(f).arguments;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i].kind == cryptoki::shape::callback) {
        words.push_back(0);
      } else if (cryptoki::is_pointer(row[i].kind)) {
        memory.push_back(std::make_unique<unsigned char[]>(room));
        if (row[i].kind == cryptoki::shape::bytes) std::memset(memory.back().get(), static_cast<int>('a' + i), 16);
        if (row[i].kind == cryptoki::shape::numbers) {
          const CK_ULONG capacity = 300;
          std::memcpy(memory.back().get(), &capacity, sizeof capacity);
        }
        words.push_back(mock::to_word(memory.back().get()));
      } else if (row[i].kind == cryptoki::shape::byte) {
        words.push_back(seed & 1);
      } else {
        // Lengths and counts fit the room: 16 bytes, or as many attributes of 24 bytes.
        words.push_back(row[i].type == "CK_ULONG" ? 8 + seed : seed * 1000 + i);
      }
    }
    for (const auto& m : memory) copies.emplace_back(m.get(), m.get() + room);
  }

  /// Nobody has written to the memory.
  bool untouched() const {
    for (std::size_t i = 0; i < memory.size(); ++i)
      if (std::memcmp(memory[i].get(), copies[i].data(), room) != 0) return false;
    return true;
  }

  std::vector<word> words;
  std::vector<std::unique_ptr<unsigned char[]>> memory;
  std::vector<std::vector<unsigned char>> copies;
};

}  // namespace p11tape::contract
