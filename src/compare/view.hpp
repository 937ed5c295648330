// A call of the model as the renderer and the comparison want it.
#pragma once

#include "model/call.hpp"
#include "render/call_view.hpp"

namespace p11tape::compare {

/// The view lives as long as the call. Without the program's name and the number of the tape.
render::call_view view_of(const model::call& call);

}  // namespace p11tape::compare
