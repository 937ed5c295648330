// The rules by which calls are left out that could be made: because they would change a token, or lock it.
#pragma once

#include "replay/arguments.hpp"
#include "replay/plan.hpp"

namespace p11tape::replay {

/// Why the call cannot be made whatever its arguments.
refusal possible(const step& s);

/// Why the call had better not be made. `token_object`: one of its templates asks for an object on the token.
refusal unwise(const step& s, const model::moment& now, const plan& p, const choice& how, bool token_object);

/// Why the call can only fail, because it reads what another key than the replay's has made.
refusal pointless(const step& s);

/// Whose PIN the call takes.
pin_kind pin_of(const step& s, const model::moment& now);

}  // namespace p11tape::replay
