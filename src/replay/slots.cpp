// SPDX-License-Identifier: Apache-2.0
#include "replay/slots.hpp"

#include <algorithm>

#include "text/safe.hpp"

namespace p11tape::replay {
namespace {

std::string unpadded(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return std::string(text);
}

template <std::size_t N>
std::string unpadded(const CK_UTF8CHAR (&text)[N]) {
  return unpadded(std::string_view(reinterpret_cast<const char*>(text), N));
}

std::string safe(const std::string& text) {
  return text::safe_text({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

std::vector<live_slot> ask_slots(const module& m) {
  constexpr CK_ULONG most = 4096;
  std::vector<live_slot> all;
  const auto* f = m.list();
  if (f == nullptr || !f->C_GetSlotList || !f->C_GetTokenInfo) return all;
  CK_ULONG count = 0;
  if (f->C_GetSlotList(CK_FALSE, nullptr, &count) != CKR_OK || count > most) return all;
  std::vector<CK_SLOT_ID> ids(count);
  if (count != 0 && f->C_GetSlotList(CK_FALSE, ids.data(), &count) != CKR_OK) return all;
  ids.resize(std::min<std::size_t>(ids.size(), count));
  for (const auto id : ids) {
    auto& s = all.emplace_back();
    s.id = model::slot_id(id);
    CK_TOKEN_INFO token{};
    s.has_token = f->C_GetTokenInfo(id, &token) == CKR_OK;
    if (!s.has_token) continue;
    s.label = unpadded(token.label);
    s.serial = unpadded(token.serialNumber);
  }
  return all;
}

std::vector<std::size_t> match_slots(const std::vector<slot_thing>& recorded, const std::vector<live_slot>& live,
                                     const std::vector<std::pair<std::string, std::string>>& tokens) {
  const auto none = live.size();
  std::vector<std::size_t> to(recorded.size(), none);
  std::vector<bool> taken(live.size());
  // Gives each slot that has none yet the first free one that `fits`.
  const auto round = [&](const auto& fits) {
    for (std::size_t i = 0; i < recorded.size(); ++i)
      for (std::size_t j = 0; j < live.size() && to[i] == none; ++j)
        if (!taken[j] && fits(recorded[i], live[j])) {
          to[i] = j;
          taken[j] = true;
        }
  };
  const auto label = [](const slot_thing& r) { return r.known.token ? unpadded(r.known.token->label) : std::string(); };
  const auto serial = [](const slot_thing& r) {
    return r.known.token ? unpadded(r.known.token->serial) : std::string();
  };
  const auto same = [](const std::string& a, const std::string& b) { return !a.empty() && a == b; };
  for (const auto& renamed : tokens) {
    const auto& was = renamed.first;
    const auto& is = renamed.second;
    round([&](const slot_thing& r, const live_slot& l) {
      return (same(was, label(r)) || same(was, serial(r))) && (same(is, l.label) || same(is, l.serial));
    });
  }
  round([&](const slot_thing& r, const live_slot& l) { return same(serial(r), l.serial) && same(label(r), l.label); });
  round([&](const slot_thing& r, const live_slot& l) { return same(serial(r), l.serial); });
  round([&](const slot_thing& r, const live_slot& l) { return same(label(r), l.label); });
  // By position: of tokens among tokens that have a label where theirs had one, of slots among slots.
  std::vector<std::size_t> order(recorded.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto& x = recorded[a];
    const auto& y = recorded[b];
    return std::pair(x.position, x.position_of_all) < std::pair(y.position, y.position_of_all);
  });
  const auto by_position = [&](const auto& fits) {
    for (const auto i : order)
      for (std::size_t j = 0; j < live.size() && to[i] == none; ++j)
        if (!taken[j] && fits(recorded[i], live[j])) {
          to[i] = j;
          taken[j] = true;
        }
  };
  by_position([&](const slot_thing& r, const live_slot& l) {
    return r.known.token && l.has_token && label(r).empty() == l.label.empty();
  });
  by_position([](const slot_thing& r, const live_slot& l) {
    return (r.position != no_thing || r.known.token) == l.has_token &&
           (r.position != no_thing || r.position_of_all != no_thing || r.known.token);
  });
  // A slot that the tape names and tells nothing of: the one that there is, if there is but one left.
  const auto is_listed = [](const slot_thing& r) {
    return r.position != no_thing || r.position_of_all != no_thing || r.known.token.has_value();
  };
  const bool lists_none = std::none_of(recorded.begin(), recorded.end(), is_listed);
  if (lists_none) by_position([&](const slot_thing& r, const live_slot& l) { return r.known.id == l.id; });
  if (lists_none && recorded.size() == 1)
    by_position([](const slot_thing&, const live_slot& l) { return l.has_token; });
  return to;
}

std::string describe(const live_slot& s) {
  std::string text = s.label.empty() ? "the unlabelled token" : '"' + safe(s.label) + '"';
  if (!s.serial.empty()) text += ", serial " + safe(s.serial) + ",";
  return text + " in slot " + std::to_string(s.id.value());
}

}  // namespace p11tape::replay
