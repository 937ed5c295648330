// SPDX-License-Identifier: Apache-2.0
// What is the same in all rows of a tape, and the stable identifiers.
#pragma once

#include "model/state.hpp"
#include "query/symbols.hpp"

namespace p11tape::query {

struct tape_words {
  std::string_view id, host, program;
  u64 pid = 0, started = 0;
};

/// The identifier is made of what the tape's header says of process and start: it stays the same while the tape grows,
/// when it is copied, and wherever it is read.
tape_words words_of(const tape::reader& tape, symbols& pool);

/// The number as a cell; NULL for `none`.
template <class Kind, u64 None>
cell known(model::number_of<Kind, None> n) noexcept {
  return cell::when(n != model::none, n.value());
}

/// Of a call within its tape: thread and the thread's own count, which both stay as they are while the tape grows.
inline u64 id_of(const model::call& c) noexcept {
  return c.thread.number.value() << 32 | (c.begun() ? c.enter.call : c.leave.call);
}

/// Of an object within its tape.
u64 id_of_object(model::slot_id slot, model::object_handle handle) noexcept;

/// Of a session whose opening is not on the tape.
u64 id_of_old_session(model::session_handle handle) noexcept;

/// Bits of a well-mixed hash, 62 of them: positive in every engine.
u64 hash_of(std::string_view text, u64 seed = 0) noexcept;

}  // namespace p11tape::query
