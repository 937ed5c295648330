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
    {reason::nested, "nested", "it was made inside another call, by the module or by a callback"},
    {reason::not_described, "not_described",
     "this version of p11tape has another description of the function than the tape"},
    {reason::no_arguments, "no_arguments", "its arguments are not on the tape"},
    {reason::unreadable, "unreadable", "it was passed memory that could not be read"},
    {reason::withheld, "withheld", "it needs bytes that are not on the tape"},
    {reason::other_key, "other_key",
     "it uses the output of a key generated during the recording; the replay generates a different key"},
    {reason::waits, "waits", "it waits until a token is inserted or removed"},
    {reason::write, "write", "it changes a token (allow with --allow-writes)"},
    {reason::failed_login, "failed_login",
     "the login failed, and repeating it may lock the token (allow with --allow-failed-logins)"},
    {reason::unknown_session, "unknown_session", "its session was opened before the start of the tape"},
    {reason::unknown_object, "unknown_object", "the tape does not show which object its handle refers to"},
    {reason::no_operation, "no_operation", "its operation started before the tape, or was restored from a saved state"},
    {reason::depends, "depends", "it depends on a call that is skipped"},
    {reason::too_large, "too_large", "it specifies implausibly large buffers"},
    {reason::no_counterpart, "no_counterpart", "the token has no such object"},
    {reason::not_mapped, "not_mapped",
     "no slot of the module matches the recorded one (name one with --token OLD=NEW)"},
    {reason::no_export, "no_export", "the module does not export it"},
    {reason::not_selected, "not_selected", "it is before the first selected call"},
};

constexpr const row& row_of(reason r) noexcept {
  for (const auto& x : rows)
    if (x.what == r) return x;
  return rows[0];
}

}  // namespace

std::string sentence(const skip_reason& r) {
  std::string text = row_of(r.what).sentence;
  if (r.because != model::none) text += ": call " + std::to_string(r.because.value());
  if (!r.detail.empty()) text += ": " + r.detail;
  return text;
}

const char* word(reason r) noexcept { return row_of(r).word; }

}  // namespace p11tape::replay
