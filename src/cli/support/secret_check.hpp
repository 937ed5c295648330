// SPDX-License-Identifier: Apache-2.0
// Whether a secret stands in a file, or in what is shown of a tape. Says where, and never the secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "p11tape/tape.hpp"
#include "scrub/search.hpp"

namespace p11tape::cli {

class secret_check {
 public:
  /// Reads the secret from a file, or from standard input ("-"). Throws std::runtime_error where there is none.
  explicit secret_check(const std::string& from);

  /// True if the secret is in it; then that is printed, with `where`.
  bool in_text(std::string_view text, const std::string& where);
  /// In the file, in its records one by one (large ones lie in several chunks, and others are packed), and in the text and
  /// the JSON that p11tape show prints.
  bool in_tape(const tape::reader& tape, const std::string& where);

 private:
  bool report(const std::string& where) const;
  bool in_file(const std::string& path, const std::string& where);
  bool in_records(const tape::reader& tape, const std::string& where);
  bool in_shown(const tape::reader& tape, const std::string& where, bool json);

  std::optional<scrub::search> search_;
};

}  // namespace p11tape::cli
