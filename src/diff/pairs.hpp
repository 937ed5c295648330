// SPDX-License-Identifier: Apache-2.0
// Handles that are paired as they come: the first handle that A gives out is the first that B gives out.
#pragma once

#include <map>
#include <utility>

#include "diff/compare.hpp"

namespace p11tape::diff {

/// A session belongs to the session that was opened together with it last. An object belongs to the object that it was
/// first given out, or taken, together with, until forget(): searches find the same objects again and again, in any
/// order, so that whoever sees an object destroyed has to say so.
class pairs : public handle_map {
 public:
  bool same(handle_kind what, u64 a, u64 b, bool given) override {
    const auto i = to_.find({what, a}), j = from_.find({what, b});
    if (i != to_.end() && i->second == b && j != from_.end() && j->second == a) return true;
    const bool is_new = given && what == handle_kind::session;
    if (!is_new && (i != to_.end() || j != from_.end())) return false;
    pair(what, a, b);
    return true;
  }

  /// From here on `a` and `b` belong together, and to nothing else.
  void pair(handle_kind what, u64 a, u64 b) {
    if (const auto i = to_.find({what, a}); i != to_.end()) from_.erase({what, i->second});
    if (const auto j = from_.find({what, b}); j != from_.end()) to_.erase({what, j->second});
    to_[{what, a}] = b;
    from_[{what, b}] = a;
  }

  void forget(handle_kind what, u64 a) {
    const auto i = to_.find({what, a});
    if (i == to_.end()) return;
    from_.erase({what, i->second});
    to_.erase(i);
  }

 private:
  std::map<std::pair<handle_kind, u64>, u64> to_, from_;
};

}  // namespace p11tape::diff
