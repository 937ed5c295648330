// SPDX-License-Identifier: Apache-2.0
// Reading a log of another tool: recognising its kind, and passing its lines to the reader of that kind.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "import/input.hpp"
#include "import/reader.hpp"

namespace p11tape::import {

/// What came of reading a log.
struct import_result {
  const log_kind* kind = nullptr;  ///< nullptr: none was recognised
  log_facts facts;
  u64 lines = 0;
  u64 unknown_lines = 0;
  std::vector<std::pair<u64, std::string>> unknown;  ///< the first of them: number and text, secrets as they are
  u64 word_size = 8;
};

/// Called for each line in clean mode, with its text as it may be shown; `shown` is false for a line that was left out.
using clean_line = std::function<void(std::string_view text, bool shown)>;

class importer {
 public:
  /// Reads the beginning of the log, enough to recognise it.
  explicit importer(input& from, const log_kind* wanted = nullptr);

  const log_kind* kind() const noexcept { return kind_; }
  u64 word_size() const noexcept { return word_size_; }

  /// Reads the whole log. `clean` may be empty. `keep_unknown`: how many unknown lines are kept in the result.
  import_result read(call_sink& to, const clean_line& clean = {}, std::size_t keep_unknown = 0);

 private:
  std::optional<std::string_view> next();
  void pass(reader& r, std::string_view raw, const clean_line& clean, std::size_t keep, import_result& result);

  input& from_;
  const log_kind* kind_ = nullptr;
  u64 word_size_ = 8;
  std::vector<std::string> sample_;
  std::size_t replayed_ = 0;
};

}  // namespace p11tape::import
