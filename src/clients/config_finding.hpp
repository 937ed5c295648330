// SPDX-License-Identifier: Apache-2.0
// A finding: one thing about a configuration that its owner should know. The rows of config_findings.def give its fixed part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace p11tape::clients {

enum class severity : std::uint8_t { info, warning, error };

std::string_view name_of(severity s) noexcept;

enum class code : std::uint16_t {
#define FINDING(id, level, swap, title, advice) id,
#include "clients/config_findings.def"
#undef FINDING
};

struct finding_row {
  std::string_view id;
  severity level;
  bool blocks_swap;
  std::string_view title;
  std::string_view advice;
};

const finding_row& row(code c) noexcept;
std::span<const finding_row> finding_rows() noexcept;

struct finding {
  code what;
  severity level;
  std::string title;
  std::string detail;  ///< what was seen, never a password; may be several lines
  std::string advice;
  std::string setting;   ///< a line to configure, to be pasted as it is; may be empty
  std::size_t line = 0;  ///< 1-based line of the file, 0 where there is none

  std::string_view id() const noexcept { return row(what).id; }
};

/// The findings of one configuration, in the order in which they were met.
class findings {
 public:
  finding& add(code what, std::string detail = {}, std::size_t line = 0);
  void append(const findings& more);
  bool has(code what) const noexcept;
  severity worst() const noexcept;  ///< info where there are none
  const std::vector<finding>& all() const noexcept { return list_; }
  bool empty() const noexcept { return list_.empty(); }

 private:
  std::vector<finding> list_;
};

}  // namespace p11tape::clients
