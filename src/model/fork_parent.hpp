// SPDX-License-Identifier: Apache-2.0
// The parent of a process that was forked, among the tapes that are read together.
#pragma once

#include <optional>
#include <span>

#include "p11tape/tape.hpp"

namespace p11tape::model {

/// True for the tape of a child of fork.
bool is_forked(const tape::reader& tape) noexcept;

/// The index of the tape of the parent; nothing if `tapes[child]` is of no child of fork, or its parent's tape is not
/// among them.
std::optional<std::size_t> fork_parent(std::span<const tape::reader* const> tapes, std::size_t child) noexcept;

}  // namespace p11tape::model
