// SPDX-License-Identifier: Apache-2.0
// Making a client's own copy of the recorder, and noting in its settings which configurations name it.
#pragma once

#include <optional>
#include <string>

#include "clients/swap/file_changes.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap.hpp"
#include "clients/swap/undo.hpp"

namespace p11tape::clients {

/// The copy of the recorder with its settings, made or found.
class placement {
 public:
  /// `configuration`: its directory, whose owner must be able to trust the copy; nothing for a string. Reads the
  /// recorder with the rights of this moment.
  placement(const swap_request& request, std::string_view tag, std::optional<directory> configuration);

  const shim_copy& copy() const noexcept { return copy_; }

  /// Why this place cannot be taken for that module; empty where it can. Throws file_error.
  std::string conflict(const std::string& module) const;

  void make(const copy_settings& settings, swap_result& result, undo_list& undo, const before_step& step);

  /// Notes the backup of a configuration in the settings of the copy, if this user may write them.
  void note(const std::string& configuration, const file_id& backup, undo_list& undo, const before_step& step);

 private:
  void open_directory(undo_list& undo, const before_step& step);
  std::string distrusted(const directory& in) const;

  const swap_request& request_;
  std::optional<directory> configuration_;
  shim_copy copy_;
  secret_buffer recorder_;  // empty: it is none
  std::optional<directory> in_;
};

}  // namespace p11tape::clients
