// SPDX-License-Identifier: Apache-2.0
// The state at the beginning of each call of a tape, for tests.
#pragma once

#include <functional>

#include "diagnose/synthetic.hpp"
#include "model/call_stream.hpp"
#include "model/state.hpp"

namespace p11tape::test {

/// Goes over the story's tape; `each` sees every call. Gives the state at the end.
inline std::unique_ptr<model::state> walk(tape_story& story,
                                          const std::function<void(const model::call_context&)>& each,
                                          std::unique_ptr<tape::reader>& reader) {
  reader = std::make_unique<tape::reader>(story.write());
  auto state = std::make_unique<model::state>(*reader);
  model::call_stream calls(*reader);
  while (const auto* call = calls.next()) each(state->take(*call));
  state->finish();
  return state;
}

/// The library of the only tape, when all has ended.
struct ended {
  explicit ended(
      tape_story& story, const std::function<void(const model::call_context&)>& each = [](const auto&) {})
      : state(walk(story, each, reader)) {}
  std::unique_ptr<tape::reader> reader;
  std::unique_ptr<model::state> state;
  const model::recorded_process& library() const { return *state->libraries().front(); }
};

}  // namespace p11tape::test
