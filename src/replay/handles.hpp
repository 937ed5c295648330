// SPDX-License-Identifier: Apache-2.0
// The handles of one call, on the tape and now.
#pragma once

#include "diff/compare.hpp"
#include "replay/arguments.hpp"
#include "replay/live_handles.hpp"

namespace p11tape::replay {

/// Translates the handles of a call's arguments, in the order in which the plan found them.
class handle_translator final : public translator {
 public:
  handle_translator(const plan& p, const live_handles& w, const step& s) : plan_(p), world_(w), step_(s) {}

  u64 translate(std::string_view meaning, u64 recorded) override;

  /// Why the call cannot be made with these handles.
  const skip_reason& why() const noexcept { return why_; }

 private:
  model::session_handle session(const handle_use& use);
  model::object_handle object(const handle_use& use);
  model::slot_id slot(const handle_use& use);

  const plan& plan_;
  const live_handles& world_;
  const step& step_;
  std::size_t next_ = 0;
  skip_reason why_;
};

/// Tells whether a handle of the tape's call and one of the call just made are the same thing.
class same_things final : public diff::handle_map {
 public:
  same_things(const plan& p, const live_handles& w, const step& s) : plan_(p), world_(w), step_(s) {}
  bool same(diff::handle_kind what, u64 a, u64 b, bool given) override;

 private:
  const plan& plan_;
  const live_handles& world_;
  const step& step_;
};

}  // namespace p11tape::replay
