// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error, where that is a terminal and the work takes more than a moment.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "cli/support/tapes.hpp"

namespace p11tape::cli {

class progress {
 public:
  /// `total`: of whatever add() counts.
  progress(std::string what, std::uint64_t total);
  ~progress() { end(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// May be called from any thread.
  void add(std::uint64_t n);

  /// Takes the bar away again.
  void end();

 private:
  void draw(std::uint64_t done);

  std::string what_;
  std::uint64_t total_;
  bool wanted_;
  bool drawn_ = false;
  std::atomic<std::uint64_t> done_{0};
  std::chrono::steady_clock::time_point start_, last_;
  std::mutex guard_;
};

/// The bytes of all files, for a progress bar that counts those of the records that were read.
std::uint64_t size_of(const open_tapes& tapes);

}  // namespace p11tape::cli
