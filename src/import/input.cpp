// SPDX-License-Identifier: Apache-2.0
#include "import/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace p11tape::import {

struct input::state {
  std::string path;
  gzFile file = nullptr;
  std::string memory;  // of a text; what is not read from a file
  bool from_memory = false;
  std::string buffer;  // UTF-8 that was read and not handed out
  std::size_t at = 0;  // where it begins
  enum class coding { undecided, utf8, utf16_le, utf16_be } code = coding::undecided;
  std::string half;  // bytes of a UTF-16 unit, or a high surrogate, that the next piece completes
  unsigned high = 0;
  bool ended = false;
  bool cut = false, incomplete = false;
  std::uint64_t total = 0;

  ~state() {
    if (file != nullptr) gzclose(file);
  }

  std::size_t read(char* into, std::size_t size) {
    if (from_memory) {
      const auto n = std::min(size, memory.size());
      std::memcpy(into, memory.data(), n);
      memory.erase(0, n);
      return n;
    }
    const int n = gzread(file, into, static_cast<unsigned>(size));
    if (n < 0) {
      int code_number = 0;
      const char* why = gzerror(file, &code_number);
      throw std::runtime_error(path + ": " + (code_number == Z_ERRNO ? std::strerror(errno) : why));
    }
    if (int code_number = 0; n == 0) {
      gzerror(file, &code_number);
      incomplete = code_number == Z_BUF_ERROR;
    }
    return static_cast<std::size_t>(n);
  }

  void decide(std::string_view piece) {
    const auto at_byte = [&](std::size_t i) { return i < piece.size() ? static_cast<unsigned char>(piece[i]) : 256U; };
    code = coding::utf8;
    if (at_byte(0) == 0xff && at_byte(1) == 0xfe) code = coding::utf16_le;
    if (at_byte(0) == 0xfe && at_byte(1) == 0xff) code = coding::utf16_be;
    if (code != coding::utf8) return;
    // Without a mark: text of ASCII in UTF-16 has a NUL in every other byte.
    std::size_t even = 0, odd = 0;
    const auto some = std::min<std::size_t>(piece.size(), 512) & ~std::size_t{1};
    for (std::size_t i = 0; i < some; ++i) (i % 2 == 0 ? even : odd) += piece[i] == '\0';
    if (some >= 8 && odd * 4 >= some && even * 8 < some) code = coding::utf16_le;
    if (some >= 8 && even * 4 >= some && odd * 8 < some) code = coding::utf16_be;
  }

  void put(unsigned c) {
    if (c < 0x80) {
      buffer += static_cast<char>(c);
    } else if (c < 0x800) {
      buffer += static_cast<char>(0xc0 | c >> 6);
      buffer += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      buffer += static_cast<char>(0xe0 | c >> 12);
      buffer += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      buffer += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      buffer += static_cast<char>(0xf0 | c >> 18);
      buffer += static_cast<char>(0x80 | (c >> 12 & 0x3f));
      buffer += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      buffer += static_cast<char>(0x80 | (c & 0x3f));
    }
  }

  void take_utf16(std::string_view piece) {
    half += piece;
    std::size_t i = 0;
    for (; i + 1 < half.size(); i += 2) {
      const unsigned a = static_cast<unsigned char>(half[i]), b = static_cast<unsigned char>(half[i + 1]);
      const unsigned unit = code == coding::utf16_le ? b << 8U | a : a << 8U | b;
      if (unit == 0xfeff) continue;
      if (unit >= 0xd800 && unit < 0xdc00) {
        high = unit;
      } else if (unit >= 0xdc00 && unit < 0xe000) {
        put(high != 0 ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : 0xfffd);
        high = 0;
      } else {
        put(unit);
        high = 0;
      }
    }
    half.erase(0, i);
  }

  // More of the log into the buffer; false where there is no more.
  bool fill() {
    if (ended) return false;
    static thread_local std::vector<char> piece(1 << 16);
    const auto n = read(piece.data(), piece.size());
    total += n;
    if (n == 0) {
      ended = true;
      return false;
    }
    buffer.erase(0, at);
    at = 0;
    std::string_view text(piece.data(), n);
    if (code == coding::undecided) {
      decide(text);
      if (code == coding::utf8 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    }
    if (code == coding::utf8) {
      buffer += text;
    } else {
      take_utf16(text);
    }
    return true;
  }
};

input::input(std::unique_ptr<state> s) : state_(std::move(s)) {}
input::input(input&&) noexcept = default;
input::~input() = default;

input::input(const std::string& path) : state_(std::make_unique<state>()) {
  state_->path = path;
  const int fd = path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  struct stat s {};
  if (fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) {
    close(fd);
    throw std::runtime_error(path + ": is a directory (name the log file in it)");
  }
  state_->file = gzdopen(fd, "rb");
  if (state_->file == nullptr) {
    close(fd);
    throw std::runtime_error(path + ": not enough memory");
  }
  gzbuffer(state_->file, 1 << 18);
}

input input::of_text(std::string text) {
  auto s = std::make_unique<state>();
  s->path.assign(1, '-');
  s->memory = std::move(text);
  s->from_memory = true;
  return input(std::move(s));
}

std::optional<std::string_view> input::next() {
  auto& s = *state_;
  std::string_view line;
  std::size_t seen = s.at;
  for (;;) {
    const auto end = s.buffer.find('\n', seen);
    if (end != std::string::npos) {
      line = std::string_view(s.buffer).substr(s.at, end - s.at);
      s.at = end + 1;
      break;
    }
    const auto size = s.buffer.size() - s.at;
    if (size > longest_line) {  // what is kept of it; the rest is skipped
      s.cut = true;
      s.buffer.erase(s.at + longest_line);
    }
    seen = s.buffer.size() - s.at;
    if (!s.fill()) {
      if (s.at == s.buffer.size()) return std::nullopt;
      line = std::string_view(s.buffer).substr(s.at);
      s.at = s.buffer.size();
      break;
    }
  }
  if (line.size() > longest_line) line = line.substr(0, longest_line);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::uint64_t input::bytes() const noexcept { return state_->total; }
bool input::cut_lines() const noexcept { return state_->cut; }
bool input::incomplete() const noexcept { return state_->incomplete; }

}  // namespace p11tape::import
