// A call of the model as the renderer wants it.
#pragma once

#include "model/call.hpp"
#include "render/call_view.hpp"

namespace p11tape::cli {

/// The view lives as long as the call and `program`.
render::call_view view_of(const model::call& call, std::string_view program, bool name_tape);

}  // namespace p11tape::cli
