// SPDX-License-Identifier: Apache-2.0
// A call of the model as renderers and the comparison want it.
#pragma once

#include <string_view>

#include "model/call.hpp"
#include "render/call_view.hpp"

namespace p11tape::view {

/// The view lives as long as the call. It has neither the program's name nor the number of the tape.
render::call_view view_of(const model::call& call);

/// The same with both, for output of several tapes. The view lives as long as the call and `program`.
render::call_view view_of(const model::call& call, std::string_view program, bool name_tape);

}  // namespace p11tape::view
