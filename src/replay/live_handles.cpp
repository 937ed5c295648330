// SPDX-License-Identifier: Apache-2.0
#include "replay/live_handles.hpp"

#include <algorithm>

#include "replay/slots.hpp"
#include "text/safe.hpp"

namespace p11tape::replay {
namespace {

using model::none;
using model::object;
using model::object_handle;
using model::slot_id;

constexpr std::size_t most_found = 65536;

// Nothing that is known of both contradicts.
bool agrees(const object& recorded, const object& live) noexcept {
  const auto number = [](u64 a, u64 b) { return a == model::unknown || b == model::unknown || a == b; };
  const auto text = [](const auto& a, const auto& b) { return !a || !b || *a == *b; };
  return number(recorded.object_class, live.object_class) && number(recorded.key_type, live.key_type) &&
         text(recorded.label, live.label) && text(recorded.id, live.id);
}

int knowledge(const object& o) noexcept {
  return (o.object_class != model::unknown) + (o.key_type != model::unknown) + 2 * o.label.has_value() +
         2 * o.id.has_value();
}

}  // namespace

live_handles::live_handles(const plan& p, const module& m, const token_names& tokens)
    : plan_(p),
      module_(m),
      tokens_(tokens),
      slots_(p.slots.size()),
      sessions_(p.sessions.size()),
      objects_(p.objects.size()) {}

std::string live_handles::find_slots() {
  std::vector<live_slot> live;
  ask([&] { live = ask_slots(module_); });
  live_slots_ = live.size();
  u64 highest = 0;
  for (const auto& l : live) highest = std::max(highest, l.id.value());
  no_slot_ = slot_id(highest == model::all_ones ? highest - 1 : highest + 1);
  const auto matched = match_slots(plan_.slots, live, tokens_);
  std::string told;
  for (std::size_t i = 0; i < matched.size(); ++i) {
    const auto& recorded = plan_.slots[i];
    slots_[i] = matched[i] < live.size() ? live[matched[i]].id : none;
    if (!recorded.known.token) continue;
    told += model::describe(recorded.known) + " of the tape is " +
            (matched[i] < live.size() ? replay::describe(live[matched[i]]) : std::string("does not exist")) + "\n";
  }
  return told;
}

void live_handles::close_all(slot_id slot) noexcept {
  for (u32 i = 0; i < sessions_.size(); ++i)
    if ((slot == none || plan_.sessions[i].slot == slot) && session(i) != none) close(i);
}

void live_handles::find_objects(const search_thing& search, const u64* words) {
  std::vector<u32> wanted;
  for (const auto thing : search.found)
    if (object(thing) == none && std::find(wanted.begin(), wanted.end(), thing) == wanted.end())
      wanted.push_back(thing);
  if (wanted.empty()) return;
  std::vector<live_object> live;
  ask([&] { live = search_all(words); });
  for (const auto thing : search.found)
    for (auto& l : live) l.taken |= object(thing) == object_handle(l.handle);
  // Those of which most is known choose first; of those of which nothing is known, the order decides.
  std::stable_sort(wanted.begin(), wanted.end(),
                   [&](u32 a, u32 b) { return knowledge(plan_.objects[a].known) > knowledge(plan_.objects[b].known); });
  for (const auto thing : wanted) {
    const auto is_it = [&](const live_object& l) { return !l.taken && agrees(plan_.objects[thing].known, l.known); };
    const auto found = std::find_if(live.begin(), live.end(), is_it);
    if (found == live.end()) continue;
    found->taken = true;
    set_object(thing, object_handle(found->handle));
  }
}

std::vector<live_handles::live_object> live_handles::search_all(const u64* words) const {
  std::vector<live_object> all;
  const auto* f = module_.list();
  if (f == nullptr || !f->C_FindObjectsInit || !f->C_FindObjects || !f->C_FindObjectsFinal) return all;
  const auto session = static_cast<CK_SESSION_HANDLE>(words[0]);
  if (f->C_FindObjectsInit(session, cryptoki::from_word<CK_ATTRIBUTE_PTR>(words[1]), words[2]) != CKR_OK) return all;
  for (;;) {
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    if (f->C_FindObjects(session, found, std::size(found), &count) != CKR_OK || count == 0) break;
    for (CK_ULONG i = 0; i < std::min<CK_ULONG>(count, std::size(found)); ++i) all.push_back({found[i], {}, false});
    if (all.size() >= most_found) break;
  }
  f->C_FindObjectsFinal(session);
  for (auto& o : all) describe(session, o);
  return all;
}

// Attribute by attribute: a module that does not know one of them still tells the others.
void live_handles::describe(CK_SESSION_HANDLE session, live_object& o) const {
  const auto* f = module_.list();
  if (!f->C_GetAttributeValue) return;
  const auto number = [&](CK_ATTRIBUTE_TYPE type, u64& into) {
    CK_ULONG value = 0;
    CK_ATTRIBUTE a{type, &value, sizeof value};
    if (f->C_GetAttributeValue(session, o.handle, &a, 1) == CKR_OK && a.ulValueLen == sizeof value) into = value;
  };
  const auto text = [&](CK_ATTRIBUTE_TYPE type, std::optional<std::string>& into) {
    char value[1024];
    CK_ATTRIBUTE a{type, value, sizeof value};
    if (f->C_GetAttributeValue(session, o.handle, &a, 1) == CKR_OK && a.ulValueLen <= sizeof value)
      into = std::string(value, a.ulValueLen);
  };
  number(CKA_CLASS, o.known.object_class);
  number(CKA_KEY_TYPE, o.known.key_type);
  text(CKA_LABEL, o.known.label);
  text(CKA_ID, o.known.id);
}

}  // namespace p11tape::replay
