// SPDX-License-Identifier: Apache-2.0
#include "capture/settings/filter.hpp"

namespace p11tape::capture {
namespace {

using cryptoki::function;

// What programs ask over and over to see whether a token came or went.
bool is_poll(function f) noexcept {
  const auto does = cryptoki::row(f).does;
  return does == cryptoki::effect::describe_token || does == cryptoki::effect::wait || f == function::C_GetSessionInfo;
}

}  // namespace

bool has_filters(const settings& s) noexcept {
  u64 left_out = 0;
  for (const u64 bits : s.left_out) left_out |= bits;
  return left_out != 0 || s.number(setting::errors_only) != 0 || s.number(setting::slower_than) != 0 ||
         s.number(setting::sample_polls) > 1;
}

void call_filter::configure(const settings& s) noexcept {
  settings_ = &s;
  any_ = has_filters(s);
  errors_only_ = s.number(setting::errors_only) != 0;
  slower_than_ = s.number(setting::slower_than);
  one_in_ = s.number(setting::sample_polls);
  for (auto& n : polls_) n.store(0, std::memory_order_relaxed);
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto f = static_cast<function>(i);
    const bool may =
        !cryptoki::changes_state(cryptoki::row(f).does) &&
        (errors_only_ || slower_than_ != 0 || s.is_left_out(static_cast<unsigned>(i)) || (one_in_ > 1 && is_poll(f)));
    const u64 bit = u64{1} << i % 64;
    candidates_[i / 64] = may ? candidates_[i / 64] | bit : candidates_[i / 64] & ~bit;
  }
}

bool call_filter::keeps(function f, u64 duration, u64 return_value) noexcept {
  const auto n = static_cast<unsigned>(f);
  if (settings_->is_left_out(n)) return false;
  const bool failed = return_value != CKR_OK;
  if (one_in_ > 1 && is_poll(f) && !failed && polls_[n].fetch_add(1, std::memory_order_relaxed) % one_in_ != 0)
    return false;
  if (!errors_only_ && slower_than_ == 0) return true;
  return (errors_only_ && failed) || (slower_than_ != 0 && duration >= slower_than_);
}

}  // namespace p11tape::capture
