// SPDX-License-Identifier: Apache-2.0
// What all readers share: escapes, and the guess whether a text is EBCDIC.
#include "clients/reading.hpp"

#include <algorithm>

namespace p11tape::clients {
namespace {

std::string backslashed(std::string_view text, std::string_view what) {
  std::string out;
  for (const char c : text) {
    if (what.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

bool is_plain(std::string_view path) noexcept {
  return std::all_of(path.begin(), path.end(), [](char c) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return letter || std::string_view("/._-+~:*").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string escape(std::string_view path, escaping how) {
  switch (how) {
    case escaping::none:
      break;
    case escaping::mq_ini:
      return backslashed(path, ";#\\");
    case escaping::quoted:
      return backslashed(path, "\"\\");
    case escaping::java:
      return is_plain(path) ? std::string(path) : '"' + backslashed(path, "\"\\") + '"';
    case escaping::openssl:
      return is_plain(path) ? std::string(path) : '"' + backslashed(path, "\"\\$") + '"';
  }
  return std::string(path);
}

bool looks_ebcdic(std::string_view text) noexcept {
  text = text.substr(0, 4096);
  std::size_t ebcdic = 0, ascii = 0;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c >= 'A' && c <= 'z') ++ascii;
    const bool letter = (c >= 0x81 && c <= 0x89) || (c >= 0x91 && c <= 0x99) || (c >= 0xA2 && c <= 0xA9) ||
                        (c >= 0xC1 && c <= 0xC9) || (c >= 0xD1 && c <= 0xD9) || (c >= 0xE2 && c <= 0xE9) || c >= 0xF0;
    if (letter) ++ebcdic;
  }
  // Punctuation of EBCDIC lies where ASCII has letters, so a few of those are expected.
  return ebcdic > 4 && ebcdic > 2 * ascii && ebcdic * 2 > text.size();
}

}  // namespace p11tape::clients
