// SPDX-License-Identifier: Apache-2.0
#include "model/fork_parent.hpp"

namespace p11tape::model {
namespace {

// The path of the parent's tape at the time of the fork. A tape knows its own as `tape`, wherever its file has gone
// since.
constexpr std::string_view named_parent = "forked_from";

}  // namespace

bool is_forked(const tape::reader& tape) noexcept { return !tape.property(named_parent).empty(); }

std::optional<std::size_t> fork_parent(std::span<const tape::reader* const> tapes, std::size_t child) noexcept {
  if (!is_forked(*tapes[child])) return std::nullopt;
  const auto parent = tapes[child]->property(named_parent);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < tapes.size(); ++i)
    if (tapes[i]->property("tape") == parent || tapes[i]->path() == parent) found = i;
  return found;
}

}  // namespace p11tape::model
