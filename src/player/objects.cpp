// SPDX-License-Identifier: Apache-2.0
// Searches by what they look for, and attributes from everything that the tape tells of an object.
#include <algorithm>
#include <cstring>

#include "player/player.hpp"
#include "player/say.hpp"

namespace p11tape::player {
namespace {

using model::object_handle;
using model::object_number;

constexpr auto searching = model::operation::search;

template <class T>
T* pointer(u64 word) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(word));
}

std::vector<tape::attribute_view> attributes_in(tape::byte_view payload) {
  std::vector<tape::attribute_view> all;
  for (const auto& a : tape::sequence<tape::attribute_view>(payload)) all.push_back(a);
  return all;
}

bool same(const tape::attribute_view& a, const tape::attribute_view& b) {
  return a.type == b.type && a.length == b.length && a.form == b.form &&
         std::equal(a.payload.begin(), a.payload.end(), b.payload.begin(), b.payload.end());
}

std::string name_of_attribute(u64 type) { return cryptoki::display_name("attribute", type); }

}  // namespace

object_number player::object_of_handle(object_handle handle) const {
  const auto i = object_at_.find(handle);
  return i == object_at_.end() ? model::none : i->second;
}

// The recorded handle where no other object has it just now.
object_handle player::handle_of_object(object_number object) {
  if (const auto i = handle_for_.find(object); i != handle_for_.end()) return i->second;
  auto handle = story_->object(object).handle;
  while (object_at_.contains(handle)) handle = object_handle(++fresh_handle_);
  object_at_[handle] = object;
  handle_for_[object] = handle;
  return handle;
}

CK_RV player::find_begin(question& q) {
  auto& search = q.in->of(searching);
  if (search.begun != no_index) return CKR_OPERATION_ACTIVE;
  const auto m = find(q);
  if (!m) return find_in_wider(q) ? CKR_OK : refuse(q);
  const CK_RV value = give(q, m);
  if (value != CKR_OK) return value;
  start_over(m.index);
  search = {m.index, false, 0};
  q.in->found = story_->calls[m.index].made;
  q.in->handed_out = 0;
  return value;
}

// A search that was not recorded can be answered from one that asked for less and was read to its end, if of each of
// its objects the tape tells what is asked for now.
bool player::find_in_wider(question& q) {
  tape::item_view asked;
  if (!q.inputs.find(1, asked)) return false;
  const auto wanted = attributes_in(asked.payload);
  const u32 limit = horizon();
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  for (auto i = all.rbegin(); i != all.rend(); ++i) {
    const auto& c = story_->calls[*i];
    if (*i >= limit || !c.ok() || !c.search_done || c.search_end != CKR_OK || c.session == no_index ||
        story_->session_slots[c.session] != q.slot)
      continue;
    tape::item_view given;
    const bool narrower = c.inputs().find(1, given);
    const auto theirs = narrower ? attributes_in(given.payload) : std::vector<tape::attribute_view>{};
    if (!std::all_of(theirs.begin(), theirs.end(), [&](const auto& a) {
          return std::any_of(wanted.begin(), wanted.end(), [&](const auto& b) { return same(a, b); });
        }))
      continue;
    std::vector<object_number> found;
    bool sure = true;
    for (const auto object : c.made) {
      bool fits = true;
      for (const auto& a : wanted) {
        const auto* told = attribute_of(object, a.type);
        const bool known = told != nullptr && (told->has_value() || told->unavailable() || told->length != a.length);
        sure = sure && (known || !fits);
        fits = fits && known && same({a.type, told->length, told->form, 0, told->payload}, a);
      }
      if (fits) found.push_back(object);
    }
    if (!sure) continue;
    q.in->of(searching) = {*i, false, 0};
    q.in->found = std::move(found);
    q.in->handed_out = 0;
    return true;
  }
  return false;
}

CK_RV player::find_step(question& q) {
  const u32 begun = q.in->of(searching).begun;
  if (begun == no_index) return CKR_OPERATION_NOT_INITIALIZED;
  if (q.word(1) == 0 || q.word(3) == 0) return CKR_ARGUMENTS_BAD;
  auto& search = story_->calls[begun];
  for (const u32 i : search.goes_on)
    if (auto& c = story_->calls[i]; !c.used && c.function == q.f) {  // for the time that it took
      c.used = true;
      delay_ = c.duration;
      break;
    }
  const u64 left = q.in->found.size() - q.in->handed_out;
  const u64 count = std::min(left, q.word(2));
  if (count == 0 && search.search_end != CKR_OK) return search.search_end;
  if (count == 0 && q.word(2) != 0 && !search.search_done)
    say("the recorded search (call " + std::to_string(search.number.value()) +
        ") was not read to the end: the tape does not show whether there were more objects, so no more are returned");
  for (u64 i = 0; i < count; ++i) {
    const auto handle = static_cast<CK_OBJECT_HANDLE>(handle_of_object(q.in->found[q.in->handed_out++]).value());
    std::memcpy(pointer<CK_OBJECT_HANDLE>(q.word(1)) + i, &handle, sizeof handle);
  }
  const auto written = static_cast<CK_ULONG>(count);
  std::memcpy(pointer<CK_ULONG>(q.word(3)), &written, sizeof written);
  return CKR_OK;
}

CK_RV player::find_end(question& q) {
  auto& search = q.in->of(searching);
  if (search.begun == no_index) return CKR_OPERATION_NOT_INITIALIZED;
  const u32 begun = search.begun;
  search = {};
  for (const u32 i : story_->calls[begun].goes_on)
    if (const auto& c = story_->calls[i]; c.function == q.f && c.returned()) {
      delay_ = c.duration;
      return c.value();
    }
  return CKR_OK;
}

// What was told last before the next login, object or change that the client has not come to; values before lengths.
const recorded_attribute* player::attribute_of(object_number object, u64 type) {
  const auto& all = story_->object(object).attributes;
  const auto i = all.find(type);
  if (i == all.end() || i->second.empty()) return nullptr;
  const u32 next = horizon();
  const auto limit = next == no_index ? model::call_number(model::all_ones) : story_->calls[next].number;
  const recorded_attribute* best = nullptr;
  const auto rank = [&](const recorded_attribute& t) {
    return (t.call < limit ? 2 : 0) + (t.has_value() || t.unavailable());
  };
  for (const auto& t : i->second)
    if (best == nullptr || rank(t) > rank(*best) || (rank(t) == rank(*best) && t.call < limit)) best = &t;
  return best;
}

CK_RV player::attributes(question& q) {
  const auto object = object_of_handle(object_handle(q.word(q.role->object)));
  const auto m = find(q);
  const recorded_call* asked = m ? &story_->calls[m.index] : nullptr;
  if (asked != nullptr) {
    const CK_RV value = asked->value();
    if (!asked->returned()) return give(q, m);
    delay_ = asked->duration;
    use(q, m);
    const bool told = value == CKR_OK || value == CKR_ATTRIBUTE_SENSITIVE || value == CKR_ATTRIBUTE_TYPE_INVALID ||
                      value == CKR_BUFFER_TOO_SMALL;
    if (!told) return value;
  }
  if (object == model::none) {
    if (const auto value = inferred_answer(q)) return *value;
    return refuse(q);
  }
  auto* const at = pointer<CK_ATTRIBUTE>(q.word(2));
  const u64 count = q.word(3);
  if (at == nullptr && count != 0) return CKR_ARGUMENTS_BAD;
  CK_RV failure = CKR_OK;
  bool too_small = false;
  for (u64 i = 0; i < count; ++i) {
    CK_ATTRIBUTE& a = at[i];
    const auto* told = attribute_of(object, a.type);
    const auto* room = static_cast<tape::u8*>(a.pValue);
    const auto unavailable = static_cast<CK_ULONG>(CK_UNAVAILABLE_INFORMATION);
    if (told == nullptr || told->unavailable()) {
      if (told == nullptr)
        say("the tape does not contain " + name_of_attribute(a.type) + " of the object with handle " +
            std::to_string(q.word(q.role->object)) +
            ": it was never requested. CKR_ATTRIBUTE_TYPE_INVALID is returned.");
      a.ulValueLen = unavailable;
      const CK_RV code = told == nullptr ? CKR_ATTRIBUTE_TYPE_INVALID : told->code;
      if (failure == CKR_OK || code == CKR_ATTRIBUTE_SENSITIVE) failure = code;
      continue;
    }
    const auto length = static_cast<CK_ULONG>(told->form == tape::item_form::template_ ? 0 : told->length);
    if (room != nullptr && a.ulValueLen < length) {
      a.ulValueLen = unavailable;
      too_small = true;
      continue;
    }
    a.ulValueLen = length;
    if (room == nullptr) continue;
    const auto kept = std::min<u64>(told->has_value() ? told->payload.size() : 0, length);
    if (kept != 0) std::memcpy(a.pValue, told->payload.data(), kept);
    if (kept == length) continue;
    // The same for each object: that two of them have the same CKA_ID tells a client that they belong together.
    const auto* row = cryptoki::find_attribute(a.type);
    auto* const rest = static_cast<tape::u8*>(a.pValue) + kept;
    if (row != nullptr && row->kind == cryptoki::form::text)
      std::memset(rest, 'x', length - kept);
    else
      make_up(rest, length - kept, a.type);
    const auto what = name_of_attribute(a.type);
    say("the tape does not contain " + what +
            ", only its length (because of the profile or its kind): meaningless bytes of that length are returned",
        what);
  }
  // Where a call asked for the same attributes, its code counts: modules differ in which of two reasons they tell.
  if (failure != CKR_OK && asked != nullptr && asked->value() != CKR_OK && asked->value() != CKR_BUFFER_TOO_SMALL)
    return asked->value();
  return failure != CKR_OK ? failure : too_small ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

}  // namespace p11tape::player
