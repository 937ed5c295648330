// SPDX-License-Identifier: Apache-2.0
// Operations: begun in one call, gone on with in others. What counts is the recorded operation that a live one follows.
#include <algorithm>

#include "player/player.hpp"

namespace p11tape::player {

using cryptoki::effect;

namespace {

bool has_output(cryptoki::function f) {
  const auto row = cryptoki::row(f).arguments;
  return std::any_of(row.begin(), row.end(), [](const auto& a) { return a.way == cryptoki::flow::out; });
}

}  // namespace

CK_RV player::operation(question& q) {
  auto& op = q.in->of(q.role->on);
  if (q.role->does != effect::begin) return continue_operation(q);
  const auto m = find(q);
  if (!m) {
    // Without a mechanism it is a request to cancel what is going on (3.0).
    if (q.role->mechanism >= 0 && q.word(q.role->mechanism) == 0) {
      op = {};
      return CKR_OK;
    }
    if (const auto value = inferred_answer(q)) return *value;
    return refuse(q);
  }
  const CK_RV value = give(q, m);
  if (value != CKR_OK) return value;
  op = {m.index, false, 0};
  start_over(m.index);
  return value;
}

CK_RV player::continue_operation(question& q) {
  auto& op = q.in->of(q.role->on);
  if (op.begun == no_index) {
    const auto m = find(q);
    if (m && !m.loose && story_->calls[m.index].begun_in == no_index) return give(q, m);
    return CKR_OPERATION_NOT_INITIALIZED;
  }
  auto m = in_operation(q, op);
  const u64 length = q.role->input_length >= 0 ? q.word(q.role->input_length) : 0;
  const bool update = q.role->does == effect::update;
  if (update && (!m || m.loose || m.repeated) && in_other_pieces(q, op)) {
    op.other_pieces = true;
    op.fed += length;
    return CKR_OK;
  }
  if (!m) return refuse(q);
  if (update) op.fed += length;
  // The pieces differ from those recorded: if there are as many bytes, they are taken for the same bytes.
  if (q.role->does == effect::finish && op.other_pieces) {
    u64 recorded = 0;
    for (const u32 i : story_->calls[op.begun].goes_on)
      if (const auto& c = story_->calls[i]; c.role->does == effect::update && c.ok() && c.role->input_length >= 0)
        recorded += c.inputs().word(static_cast<std::size_t>(c.role->input_length));
    m.loose = m.loose || recorded != op.fed;
  }
  const CK_RV value = give(q, m);
  const bool ends = q.role->does == effect::single || q.role->does == effect::finish || (update && value != CKR_OK);
  const bool only_length = value == CKR_BUFFER_TOO_SMALL || (value == CKR_OK && q.asks);
  if (ends && !only_length) op = {};
  return value;
}

// Whether this is an update without output, of an operation that has others: data in other pieces.
bool player::in_other_pieces(question& q, operation_state& op) {
  if (has_output(q.f)) return false;
  const auto& all = story_->calls[op.begun].goes_on;
  return std::any_of(all.begin(), all.end(),
                     [&](u32 i) { return story_->calls[i].function == q.f && story_->calls[i].ok(); });
}

}  // namespace p11tape::player
