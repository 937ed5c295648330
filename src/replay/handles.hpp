// The handles of one call, on the tape and now.
#pragma once

#include "compare/compare.hpp"
#include "replay/arguments.hpp"
#include "replay/world.hpp"

namespace p11tape::replay {

/// Translates the handles of a call's arguments, in the order in which the plan found them.
class live_handles final : public translator {
 public:
  live_handles(const plan& p, const world& w, const step& s) : plan_(p), world_(w), step_(s) {}

  u64 translate(std::string_view meaning, u64 recorded) override;

  /// Why the call cannot be made with these handles.
  const refusal& why() const noexcept { return why_; }

 private:
  u64 session(const handle_use& use);
  u64 object(const handle_use& use);
  u64 slot(const handle_use& use);

  const plan& plan_;
  const world& world_;
  const step& step_;
  std::size_t next_ = 0;
  refusal why_;
};

/// Tells whether a handle of the tape's call and one of the call just made are the same thing.
class same_things final : public compare::handle_map {
 public:
  same_things(const plan& p, const world& w, const step& s) : plan_(p), world_(w), step_(s) {}
  bool same(compare::handle_kind what, u64 a, u64 b, bool given) override;

 private:
  const plan& plan_;
  const world& world_;
  const step& step_;
};

}  // namespace p11tape::replay
