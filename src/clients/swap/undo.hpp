// SPDX-License-Identifier: Apache-2.0
// What takes back the steps of a change that fails before its end.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "clients/files.hpp"

namespace p11tape::clients {

class undo_list {
 public:
  undo_list() = default;
  undo_list(const undo_list&) = delete;
  undo_list& operator=(const undo_list&) = delete;

  /// The last step that was added is taken back first.
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }

  /// The change is complete: nothing is taken back.
  void keep() noexcept { steps_.clear(); }

  ~undo_list() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) try {
        (*step)();
      } catch (const file_error&) {
        // The error that made the change fail is the one to report; the other steps are still taken back.
      }
  }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace p11tape::clients
