// SPDX-License-Identifier: Apache-2.0
// Exchanges with a card under the call that they belong to.
#pragma once

#include <string>

#include "render/call_view.hpp"
#include "text/json_writer.hpp"

namespace p11tape::render {

/// A line for each: when it began, how long it took, what was said and answered.
void append_exchanges(const call_view& call, std::string& out);

/// The member "exchanges", where there are any.
void write_exchanges(const call_view& call, text::json_writer& json);

}  // namespace p11tape::render
