// SPDX-License-Identifier: Apache-2.0
#include "player/struct_remap.hpp"

#include <algorithm>
#include <cstring>

#include "cryptoki/tables.hpp"
#include "model/same_rows.hpp"

namespace p11tape::player {
namespace {

using tape::item_form;
using tape::u32;
using bytes = std::span<std::byte>;

// Nothing is deeper than a struct in a mechanism in a struct; what claims to be is damage.
constexpr int deepest = 8;

void items(bytes rest, const std::vector<u32>& ours, int depth);

void record(bytes payload, const std::vector<u32>& ours, int depth) {
  if (payload.size() < 8) return;
  const auto theirs = tape::load<u32>(payload, 0);
  const u32 number = theirs < ours.size() ? ours[theirs] : no_struct;
  const u32 stored = tape::le(number);
  std::memcpy(payload.data(), &stored, sizeof stored);
  if (number == no_struct) return;
  const auto words = 8 * cryptoki::records[number].fields.size();
  if (payload.size() >= 8 + words) items(payload.subspan(8 + words), ours, depth);
}

void records(bytes rest, const std::vector<u32>& ours, int depth) {
  while (rest.size() >= 8) {
    const tape::u64 size = tape::load<u32>(rest, 0);
    if (size > rest.size() - 8) return;
    record(rest.subspan(8, size), ours, depth);
    rest = rest.subspan(std::min<std::size_t>(8 + tape::padded(size), rest.size()));
  }
}

void items(bytes rest, const std::vector<u32>& ours, int depth) {
  if (depth > deepest) return;
  while (rest.size() >= sizeof(tape::item_header)) {
    const auto form = static_cast<item_form>(tape::load<tape::u8>(rest, offsetof(tape::item_header, form)));
    const tape::u64 size = tape::load<u32>(rest, offsetof(tape::item_header, size));
    if (size > rest.size() - 8) return;
    const auto payload = rest.subspan(8, size);
    if (form == item_form::record) record(payload, ours, depth + 1);
    if (form == item_form::records) records(payload, ours, depth + 1);
    if (form == item_form::mechanism && payload.size() > 16) items(payload.subspan(16), ours, depth + 1);
    rest = rest.subspan(std::min<std::size_t>(8 + tape::padded(size), rest.size()));
  }
}

}  // namespace

std::vector<u32> our_numbers(const tape::schema& theirs) {
  std::vector<u32> ours;
  bool differ = false;
  for (const auto& s : theirs.structs()) {
    const auto n = model::same_struct(s);
    const bool known = n != cryptoki::record_count;
    differ = differ || !known || n != ours.size();
    ours.push_back(known ? static_cast<u32>(n) : no_struct);
  }
  if (!differ) ours.clear();
  return ours;
}

void remap_structs(tape::record_view& record, std::size_t words, const std::vector<u32>& ours) {
  if (ours.empty() || record.body.size() <= 8 * words) return;
  const auto size = record.body.size();
  std::shared_ptr<std::byte[]> copy(new std::byte[size]);
  std::copy(record.body.begin(), record.body.end(), copy.get());
  items(bytes(copy.get(), size).subspan(8 * words), ours, 0);
  record.body = {copy.get(), size};
  record.keep = std::move(copy);
}

}  // namespace p11tape::player
