// SPDX-License-Identifier: Apache-2.0
// The rules by which calls are left out that could be made: because they would change a token, or lock it.
#pragma once

#include "replay/arguments.hpp"
#include "replay/plan.hpp"

namespace p11tape::replay {

/// Why the call cannot be made whatever its arguments.
skip_reason possible(const step& s);

/// Why the call had better not be made. `token_object`: one of its templates asks for an object on the token.
skip_reason unwise(const step& s, const model::call_context& now, const plan& p, const choice& how, bool token_object);

/// Why the call can only fail, because it reads what another key than the replay's has made.
skip_reason pointless(const step& s);

/// Whose PIN the call takes.
pin_kind pin_of(const step& s, const model::call_context& now);

}  // namespace p11tape::replay
