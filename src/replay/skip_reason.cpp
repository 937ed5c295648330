// SPDX-License-Identifier: Apache-2.0
#include "replay/skip_reason.hpp"

namespace p11tape::replay {
namespace {

struct row {
  reason what;
  const char* word;
  const char* sentence;
};

constexpr row rows[] = {
    {reason::none, "none", ""},
    {reason::nested, "nested", "it was made inside another call, by the module itself or by a callback"},
    {reason::not_described, "not_described", "this version of p11tape does not know it as the tape describes it"},
    {reason::no_arguments, "no_arguments", "its arguments are not on the tape"},
    {reason::unreadable, "unreadable", "it was given memory that could not be read"},
    {reason::withheld, "withheld", "it needs bytes that are not on the tape"},
    {reason::other_key, "other_key",
     "what it reads was made with a key that was generated on the tape; the replay's key is another"},
    {reason::waits, "waits", "it waits until somebody inserts or removes a token"},
    {reason::write, "write", "it changes a token (--allow-writes lets it)"},
    {reason::failed_login, "failed_login",
     "the login failed, and to repeat that may lock the token (--allow-failed-logins lets it)"},
    {reason::unknown_session, "unknown_session", "its session was opened before the tape begins"},
    {reason::unknown_object, "unknown_object", "the tape does not tell which object its handle means"},
    {reason::no_operation, "no_operation", "its operation began before the tape, or was restored from a saved state"},
    {reason::depends, "depends", "it depends on a call that is not made"},
    {reason::too_large, "too_large", "it claims buffers that are too large to be true"},
    {reason::no_counterpart, "no_counterpart", "the token has no such object"},
    {reason::not_mapped, "not_mapped", "the module has no slot to stand for the recorded one (--token OLD=NEW)"},
    {reason::no_export, "no_export", "the module does not export it"},
    {reason::not_selected, "not_selected", "it is before the first call that is asked for"},
};

constexpr const row& row_of(reason r) noexcept {
  for (const auto& x : rows)
    if (x.what == r) return x;
  return rows[0];
}

}  // namespace

std::string sentence(const skip_reason& r) {
  std::string text = row_of(r.what).sentence;
  if (r.because != 0) text += ": call " + std::to_string(r.because);
  if (!r.detail.empty()) text += ": " + r.detail;
  return text;
}

const char* word(reason r) noexcept { return row_of(r).word; }

}  // namespace p11tape::replay
