// SPDX-License-Identifier: Apache-2.0
// The rows of config_findings.def as a table.
#include "clients/config_finding.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace p11tape::clients {
namespace {

enum class on_swap { allows, blocks };

constexpr finding_row rows[] = {
#define FINDING(id, level, swap, title, advice) {#id, severity::level, on_swap::swap == on_swap::blocks, title, advice},
#include "clients/config_findings.def"
#undef FINDING
};

constexpr bool ascending() {
  for (std::size_t i = 1; i < std::size(rows); ++i)
    if (!(rows[i - 1].id < rows[i].id)) return false;
  return true;
}
static_assert(ascending(), "the rows of config_findings.def must be sorted by ID, which must be unique");

}  // namespace

std::string_view name_of(severity s) noexcept {
  return s == severity::error ? "error" : s == severity::warning ? "warning" : "info";
}

const finding_row& row(code c) noexcept { return rows[static_cast<std::size_t>(c)]; }
std::span<const finding_row> finding_rows() noexcept { return rows; }

finding& findings::add(code what, std::string detail, std::size_t line) {
  const auto& r = row(what);
  list_.push_back({what, r.level, std::string(r.title), std::move(detail), std::string(r.advice), {}, line});
  return list_.back();
}

void findings::append(const findings& more) { list_.insert(list_.end(), more.list_.begin(), more.list_.end()); }

bool findings::has(code what) const noexcept {
  return std::any_of(list_.begin(), list_.end(), [&](const finding& f) { return f.what == what; });
}

severity findings::worst() const noexcept {
  severity s = severity::info;
  for (const auto& f : list_) s = std::max(s, f.level);
  return s;
}

}  // namespace p11tape::clients
