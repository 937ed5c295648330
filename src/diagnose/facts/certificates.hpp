// SPDX-License-Identifier: Apache-2.0
// The certificates whose bytes went by, with their dates.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

struct seen_certificate {
  model::call_number call;  ///< in which its bytes were first seen
  model::u64 wall = 0;      ///< of that call, ns since 1970
  model::slot_id slot;
  model::object_handle handle;
  std::string subject, not_before, not_after;  ///< as decode::certificate writes them
  std::int64_t from = 0, until = 0;            ///< s since 1970
  std::optional<std::string> label, id;
  bool sought = false;  ///< a search by label or ID had found it
};

class certificates {
 public:
  void see(const model::call_context& now) {
    if (now.role->does == cryptoki::effect::describe_object && now.ended) take(now);
  }
  const std::vector<seen_certificate>& all() const noexcept { return all_; }

 private:
  static constexpr std::size_t most = 512;
  void take(const model::call_context& now);

  std::vector<seen_certificate> all_;
  std::unordered_set<model::u64> known_;
};

}  // namespace p11tape::diagnose
