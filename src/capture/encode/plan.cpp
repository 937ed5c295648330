// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/plan.hpp"

#include <algorithm>

#include "capture/encode/operations.hpp"
#include "capture/encode/plan_rows.hpp"

namespace p11tape::capture {
namespace {

using namespace cryptoki;
using namespace steps;

// "none | number | iv | CK_X_PARAMS message CK_Y wrap CK_Z" of mechanisms.def.
constexpr mechanism_plan parse_layouts(std::uint64_t type, std::string_view text) {
  mechanism_plan p{type, 0, {}};
  auto context = layout::where::call;
  for (;;) {
    const auto word = cryptoki::detail::next_word(text);
    if (word.empty()) return p;
    if (word == "none" || word == "unknown") continue;
    if (word == "message" || word == "wrap") {
      context = word == "wrap" ? layout::where::wrap : layout::where::message;
      continue;
    }
    layout l{context, layout::how::bytes, no_target};
    if (word == "number" || word == "handle") {
      l.kind = layout::how::number;
    } else if (word == "version") {
      l.kind = layout::how::record;
      l.record = static_cast<u16>(record::CK_VERSION);
    } else if (word == "iv") {
      l.kind = layout::how::iv;
    } else if (word != "bytes") {
      l.kind = layout::how::record;
      l.record = static_cast<u16>(record_named(word));
      if (l.record == record_count) invalid_row("a mechanism names a struct that has no row");
    }
    p.layouts[p.count++] = l;
    context = layout::where::call;
  }
}

consteval auto make_mechanism_plans() {
  std::array plans{
#define MECHANISM(name, ...) parse_layouts(name, #__VA_ARGS__),
#define MECHANISM_ALIAS(name)
#include "cryptoki/mechanisms.def"
#undef MECHANISM
#undef MECHANISM_ALIAS
  };
  std::sort(plans.begin(), plans.end(), [](const auto& a, const auto& b) { return a.type < b.type; });
  return plans;
}
constexpr auto mechanism_plans = make_mechanism_plans();

struct payload_row {
  tape::u64 mechanism;
  unsigned directions;  // a bit an operation
};

constexpr unsigned bit_of(operation o) { return 1u << static_cast<unsigned>(o); }

constexpr unsigned parse_directions(std::string_view text) {
  unsigned bits = 0;
  for (auto word = cryptoki::detail::next_word(text); !word.empty(); word = cryptoki::detail::next_word(text)) {
    if (word == "encrypt")
      bits |= bit_of(operation::encrypt) | bit_of(operation::message_encrypt);
    else if (word == "decrypt")
      bits |= bit_of(operation::decrypt) | bit_of(operation::message_decrypt);
    else if (word == "sign")
      bits |= bit_of(operation::sign) | bit_of(operation::message_sign);
    else if (word == "verify")
      bits |= bit_of(operation::verify) | bit_of(operation::message_verify);
    else if (word == "digest")
      bits |= bit_of(operation::digest);
    else
      invalid_row("payload.def knows sign, verify, digest, encrypt and decrypt");
  }
  return bits;
}

consteval auto make_payload_rows() {
  std::array rows{
#define KEEPS(name, directions) payload_row{name, parse_directions(#directions)},
#include "cryptoki/payload.def"
#undef KEEPS
  };
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.mechanism < b.mechanism; });
  return rows;
}
constexpr auto payload_rows = make_payload_rows();

}  // namespace

bool keeps_payload(tape::u64 mechanism, operation direction) noexcept {
  const auto at = std::lower_bound(payload_rows.begin(), payload_rows.end(), mechanism,
                                   [](const payload_row& p, tape::u64 m) { return p.mechanism < m; });
  return at != payload_rows.end() && at->mechanism == mechanism && (at->directions & bit_of(direction)) != 0;
}

constexpr std::array<function_plan, function_count> function_plans{
#define FN(name, ...) make_function_plan(name##_steps, row(function::name)),
#include "cryptoki/functions.def"
#undef FN
};

constexpr std::array<plan, record_count> record_plans{
#define STRUCT(name, ...) make_plan(name##_steps),
#include "cryptoki/structs.def"
#undef STRUCT
};

const mechanism_plan* plan_of_mechanism(tape::u64 type) noexcept {
  const auto at = std::lower_bound(mechanism_plans.begin(), mechanism_plans.end(), type,
                                   [](const mechanism_plan& p, tape::u64 t) { return p.type < t; });
  return at != mechanism_plans.end() && at->type == type ? &*at : nullptr;
}

}  // namespace p11tape::capture
