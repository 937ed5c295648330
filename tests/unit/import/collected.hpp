// SPDX-License-Identifier: Apache-2.0
// A log as the calls that its reader finds, and as the tapes and the cleaned log that come of it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "import/bind.hpp"
#include "import/import.hpp"
#include "import/scan.hpp"
#include "import/tapes.hpp"

namespace p11tape::import::test {

struct collected final : call_sink {
  std::vector<call> calls;
  std::vector<process_start> processes;
  import_result result;
  std::string cleaned;

  explicit collected(const std::string& log, std::string_view kind = {}) {
    auto lines = input::of_text(log);
    importer from(lines, kind.empty() ? nullptr : find_log_kind(kind));
    result = from.read(
        *this, [&](std::string_view line, bool shown) { cleaned += shown ? std::string(line) + "\n" : std::string(); },
        1000);
  }
  void begin_process(const process_start& p) override { processes.push_back(p); }
  void add(call& c) override { calls.push_back(std::move(c)); }

  const call& at(std::string_view function, std::size_t which = 0) const {
    for (const auto& c : calls)
      if (c.row().name == function && which-- == 0) return c;
    throw std::runtime_error("no call of " + std::string(function));
  }
};

/// What the log says of an argument.
inline const value& in(const call& c, std::string_view name) {
  return c.in.at(static_cast<std::size_t>(find_argument(c.row(), name)));
}
inline const value& out(const call& c, std::string_view name) {
  return c.out.at(static_cast<std::size_t>(find_argument(c.row(), name)));
}
/// A field of a struct value.
inline const value& part(const value& v, std::string_view name) {
  return v.parts.at(static_cast<std::size_t>(find_field(v.id, name)));
}
inline const value& attribute(const value& list, u64 type) {
  for (const auto& a : list.parts)
    if (a.type == type) return a;
  throw std::runtime_error("no such attribute");
}

struct directory {
  std::string path = std::filesystem::temp_directory_path() / "p11tape-import-XXXXXX";
  directory() {
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary directory");
  }
  ~directory() { std::filesystem::remove_all(path); }
};

inline std::string file_text(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(f), {}};
}

/// The tapes of a log, in a directory.
inline std::vector<std::string> tapes_of(const std::string& log, const std::string& folder,
                                         std::string_view kind = {}) {
  auto lines = input::of_text(log);
  importer from(lines, kind.empty() ? nullptr : find_log_kind(kind));
  if (from.kind() == nullptr) return {};
  tapes made({folder, "log", "log", from.kind(), from.word_size()});
  const auto result = from.read(made);
  made.finish(result.facts);
  return made.paths();
}

}  // namespace p11tape::import::test
