// SPDX-License-Identifier: Apache-2.0
#include "view/view_of_call.hpp"

namespace p11tape::view {

render::call_view view_of(const model::call& call) {
  render::call_view v;
  v.number = call.number.value();
  v.outer = call.outer.value();
  v.depth = call.depth;
  v.thread = call.thread.id;
  v.thread_number = call.thread.number.value();
  v.pid = call.tape->header().pid;
  v.start = call.start();
  v.wall = call.start_wall();
  v.duration = call.duration();
  v.rows = &call.tape->rows();
  v.function_number = call.function_number;
  v.word_size = static_cast<unsigned>(call.tape->word_size());
  v.state = call.state;
  v.imported = (call.tape->header().features & tape::feature_imported) != 0;
  v.time_unknown = !call.has_start();
  v.duration_unknown = !call.has_duration();
  v.recording_stopped = call.tape->header().stopped != 0;
  if (call.begun()) {
    v.arguments_lost = call.enter.body_lost;
    v.enter = call.enter.body;
  }
  if (call.ended()) {
    v.result_lost = call.leave.body_lost;
    v.leave = call.leave.body;
  }
  return v;
}

render::call_view view_of(const model::call& call, std::string_view program, bool name_tape) {
  auto v = view_of(call);
  v.tape = name_tape ? call.tape_index + 1 : 0;
  v.program = program;
  return v;
}

}  // namespace p11tape::view
