// SPDX-License-Identifier: Apache-2.0
#include "cli/support/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace p11tape::cli {

using namespace std::chrono_literals;

progress::progress(std::string what, std::uint64_t total)
    : what_(std::move(what)),
      total_(std::max<std::uint64_t>(total, 1)),
      wanted_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

void progress::add(std::uint64_t n) {
  const auto done = done_ += n;
  if (!wanted_) return;
  const std::lock_guard hold(guard_);
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < 500ms || now - last_ < 100ms) return;
  last_ = now;
  draw(done);
}

void progress::draw(std::uint64_t done) {
  constexpr unsigned cells = 30;
  const auto share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const auto filled = static_cast<unsigned>(share * cells);
  std::string bar(filled, '#');
  bar.resize(cells, '.');
  std::fprintf(stderr, "\r%s [%s] %3u %%", what_.c_str(), bar.c_str(), static_cast<unsigned>(share * 100));
  drawn_ = true;
}

void progress::end() {
  const std::lock_guard hold(guard_);
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

std::uint64_t size_of(const open_tapes& tapes) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& t : tapes.tapes) {
    const auto size = std::filesystem::file_size(t->path(), error);
    if (!error) sum += size;
  }
  return sum;
}

}  // namespace p11tape::cli
