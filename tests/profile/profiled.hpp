// SPDX-License-Identifier: Apache-2.0
// A tape that was made for a test, and what is measured of it.
#pragma once

#include <memory>
#include <vector>

#include "diagnose/synthetic.hpp"
#include "profile/report.hpp"

namespace p11tape::test {

inline constexpr u64 us = 1000, ms = 1000 * us, second = 1000 * ms;

struct profiled {
  explicit profiled(const std::vector<std::string>& paths, profile::wishes w = {}) {
    std::vector<const tape::reader*> all;
    for (const auto& p : paths) all.push_back(readers.emplace_back(std::make_unique<tape::reader>(p)).get());
    measured = profile::measure_all(all, w);
  }
  explicit profiled(tape_story& s, profile::wishes w = {}) : profiled({s.write()}, w) {}

  const profile::measurement& one() const { return measured.each.at(0); }
  std::vector<std::string> verdict() const {
    return profile::verdict(one(), measured.processes.at(0), measured.findings);
  }
  std::string text() const {
    std::string out;
    profile::append_text(measured, out);
    return out;
  }
  std::string json() const {
    std::string out;
    profile::append_json(measured, {}, out);
    return out;
  }

  std::vector<std::unique_ptr<tape::reader>> readers;
  profile::measured measured;
};

/// The row of that name; calls is 0 where there is none.
inline profile::row row_named(const std::vector<profile::row>& all, const std::string& name) {
  for (const auto& r : all)
    if (r.name == name) return r;
  return {};
}

/// Whether a quantile is what it is said to be, but for the width of the histogram's buckets.
inline bool is_about(u64 value, u64 wanted) { return value * 32 >= wanted * 31 && value * 32 <= wanted * 33; }

}  // namespace p11tape::test
