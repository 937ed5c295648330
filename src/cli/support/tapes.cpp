// SPDX-License-Identifier: Apache-2.0
#include "cli/support/tapes.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> tapes_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error))
    if (i->path().extension() == ".p11tape") found.push_back(i->path().string());
  if (error) throw tape::tape_error(folder + ": cannot read the directory: " + error.message());
  if (found.empty()) throw tape::tape_error(folder + ": the directory contains no tape (no file named *.p11tape)");
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<const tape::reader*> open_tapes::readers() const {
  std::vector<const tape::reader*> all;
  for (const auto& t : tapes) all.push_back(t.get());
  return all;
}

std::vector<std::vector<std::string>> open_tapes::missing() const {
  std::vector<std::vector<std::string>> all;
  for (const auto& t : tapes) all.push_back(view::missing_from(*t));
  return all;
}

open_tapes open(const std::vector<std::string>& paths) {
  open_tapes result;
  std::set<fs::path> seen;
  const auto open_one = [&](const std::string& path) {
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (!error && !seen.insert(real).second) return;
    try {
      result.tapes.push_back(std::make_unique<tape::reader>(path));
    } catch (const tape::tape_error& e) {
      result.troubles.emplace_back(e.what());
    }
  };
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      open_one(path);
      continue;
    }
    try {
      for (const auto& tape : tapes_in(path)) open_one(tape);
    } catch (const tape::tape_error& e) {
      result.troubles.emplace_back(e.what());
    }
  }
  return result;
}

void report(const open_tapes& tapes) {
  for (const auto& t : tapes.troubles) std::fprintf(stderr, "p11tape: %s\n", t.c_str());
}

void report_damages(const open_tapes& tapes) {
  for (const auto& t : tapes.tapes)
    for (const auto& line : damages_of(*t))
      std::fprintf(stderr, "p11tape: %s: %s\n", t->shown_path().c_str(), line.c_str());
}

void append_completeness(const open_tapes& all, std::string& out) {
  if (all.tapes.empty()) return;
  const bool several = all.tapes.size() > 1;
  if (std::all_of(all.tapes.begin(), all.tapes.end(), [](const auto& t) { return view::is_complete(*t); })) {
    out += several ? "# COMPLETE: every call is on the tapes\n" : "# " + view::completeness_of(*all.tapes[0]) + "\n";
    return;
  }
  for (const auto& t : all.tapes)
    if (!view::is_complete(*t))
      out += "# " + (several ? t->shown_path() + ": " : std::string()) + view::completeness_of(*t) + "\n";
}

}  // namespace p11tape::cli
