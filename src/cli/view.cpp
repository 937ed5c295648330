#include "cli/view.hpp"

#include "compare/view.hpp"

namespace p11tape::cli {

render::call_view view_of(const model::call& call, std::string_view program, bool name_tape) {
  auto v = compare::view_of(call);
  v.tape = name_tape ? call.tape_index + 1 : 0;
  v.program = program;
  return v;
}

}  // namespace p11tape::cli
