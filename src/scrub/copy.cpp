// SPDX-License-Identifier: Apache-2.0
#include "scrub/copy.hpp"

#include <vector>

#include "cryptoki/pin_text.hpp"
#include "scrub/redact.hpp"
#include "tape/offline_writer.hpp"

namespace p11tape::scrub {
namespace {

// A setting or message that may quote a PIN is left out as a whole.
std::string_view shown(std::string_view text) {
  return cryptoki::holds_pin(text) || cryptoki::is_configuration_string(text) ? cryptoki::withheld_text : text;
}

}  // namespace

copied write_copy(const tape::reader& from, const std::string& to, std::size_t profile) {
  std::string properties;
  for (const auto& [key, value] : from.properties())
    properties += key + "=" + tape::escape_property(shown(value)) + "\n";
  for (const auto& [name, number] : profiles)
    if (number == profile) properties += "scrubbed=" + name + "\n";

  tape::offline_writer out(to, properties, from.stored_schema());
  // Counters and all stay as they are. What the copy holds is what the stricter of the two profiles lets through.
  out.header = from.header();
  constexpr tape::u32 openness[] = {1, 0, 2};
  const std::size_t recorded = out.header.profile >= 1 && out.header.profile <= 3 ? out.header.profile - 1 : 2;
  out.header.profile = static_cast<tape::u32>((openness[profile] < openness[recorded] ? profile : recorded) + 1);

  copied done;
  const redactor redact(from.rows(), profile, from.word_size() == 4 ? 4 : 8);
  for (std::size_t t = 0; t < from.threads().size(); ++t) {
    const auto& thread = from.threads()[t];
    auto records = from.records(t);
    for (tape::record_view r; records.next(r) || records.next_in_flight(r);) {
      std::vector<std::byte> body;
      const auto* function = from.rows().function(r.function);
      if (r.kind == tape::record_kind::enter && function != nullptr) {
        body = redact.enter(r.function, r.body);
      } else if (r.kind == tape::record_kind::leave && function != nullptr) {
        body = redact.leave(r.function, r.body);
      } else if (r.kind == tape::record_kind::note) {
        const std::string text(shown({reinterpret_cast<const char*>(r.body.data()), r.body.size()}));
        const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
        body.assign(bytes, bytes + text.size());
      } else if (r.kind == tape::record_kind::exchange) {
        body.assign(r.body.begin(), r.body.end());
      } else {
        ++done.dropped;
        continue;
      }
      ++done.records;
      out.add(thread.number, thread.id,
              {.kind = r.kind,
               .depth = r.depth,
               .flags = static_cast<tape::u8>(r.flags & ~tape::record_packed),
               .function = r.function,
               .call = r.call,
               .ordinal = r.ordinal,
               .time = r.time,
               .wall = r.wall},
              body);
    }
  }
  out.finish();
  return done;
}

}  // namespace p11tape::scrub
