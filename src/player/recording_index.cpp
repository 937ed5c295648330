// SPDX-License-Identifier: Apache-2.0
#include "player/recording_index.hpp"

#include <algorithm>

namespace p11tape::player {

using cryptoki::effect;
using model::none;
using model::object_handle;
using model::object_number;
using model::operation;
using model::session_handle;
using model::slot_id;

namespace {

bool is_milestone(effect e) {
  switch (e) {
    case effect::initialize:
    case effect::finalize:
    case effect::init_token:
    case effect::init_pin:
    case effect::set_pin:
    case effect::login:
    case effect::logout:
    case effect::create_object:
    case effect::destroy_object:
    case effect::modify_object:
      return true;
    default:
      return false;
  }
}

bool tells_attributes(CK_RV value) {
  return value == CKR_OK || value == CKR_ATTRIBUTE_SENSITIVE || value == CKR_ATTRIBUTE_TYPE_INVALID ||
         value == CKR_BUFFER_TOO_SMALL;
}

// The numbers of an output that is a handle or a list of them.
std::vector<u64> handles_of(const recorded_call& c, int field) {
  std::vector<u64> all;
  tape::item_view item;
  if (field < 0 || !c.outputs().find(static_cast<std::size_t>(field), item)) return all;
  const bool numbers = item.form == tape::item_form::number || item.form == tape::item_form::numbers;
  for (std::size_t i = 0; numbers && i < item.numbers(); ++i) all.push_back(item.number(i));
  return all;
}

}  // namespace

// Beginnings and ends in the order of time: a handle means what it meant when the call began, and is given out when the
// call ends.
void story_teller::tell() {
  struct event {
    u64 time;
    u32 index;
    bool is_end;
  };
  std::vector<event> events;
  for (u32 i = 0; i < s_.calls.size(); ++i) {
    const auto& c = s_.calls[i];
    events.push_back({c.enter.time, i, false});
    if (c.returned()) events.push_back({std::max(c.enter.time, c.leave.time), i, true});
  }
  std::stable_sort(events.begin(), events.end(), [](const event& a, const event& b) { return a.time < b.time; });
  for (const auto& e : events) e.is_end ? end(e.index) : begin(e.index);
}

story_teller::open_session* story_teller::session_of(const recorded_call& c) {
  if (c.role->session < 0) return nullptr;
  const auto i = sessions_.find(session_handle(c.inputs().word(static_cast<std::size_t>(c.role->session))));
  return i == sessions_.end() ? nullptr : &i->second;
}

slot_id story_teller::slot_of(const recorded_call& c) {
  if (const auto* in = session_of(c)) return in->slot;
  return c.role->slot >= 0 ? slot_id(c.inputs().word(static_cast<std::size_t>(c.role->slot))) : none;
}

object_number story_teller::object(slot_id slot, object_handle handle, bool is_new) {
  auto& number = object_[{slot, handle}];
  if (number == none || is_new) {
    number = object_number(s_.objects.size());
    s_.objects.push_back({handle, {}});
  }
  return number;
}

void story_teller::begin(u32 index) {
  auto& c = s_.calls[index];
  if (const auto* in = session_of(c)) c.session = in->number;
  c.asks = (c.ok() && asks_for_length(c.inputs())) || (c.returned() && c.value() == CKR_BUFFER_TOO_SMALL);
  c.pins = pins_of(c.inputs());
  file(index);
}

// Puts a call where it will be looked for.
void story_teller::file(u32 index) {
  auto& c = s_.calls[index];
  s_.by_function[static_cast<std::size_t>(c.function)].push_back(index);
  const auto slot = slot_of(c);
  const auto objects = [&](object_handle handle) {
    const auto i = object_.find({slot, handle});
    return i == object_.end() ? none : i->second;
  };
  const auto key_slot = c.session != no_index ? slot : none;
  auto& exact = s_.exact[key_of(c.function, c.inputs(), closeness::exact, key_slot, objects)];
  auto& loose = s_.loose[key_of(c.function, c.inputs(), closeness::loose, key_slot, objects)];
  exact.calls.push_back(index);
  loose.calls.push_back(index);
  c.key_exact = &exact;
  c.key_loose = &loose;
  if (c.role->slot >= 0 && c.ok()) s_.slots.insert(slot);
  if (is_milestone(c.role->does)) s_.milestones.push_back(index);
  if (c.role->on != operation::no_operation && c.role->does != effect::begin && c.role->does != effect::find_begin)
    if (auto* in = session_of(c)) {
      c.begun_in = in->begun[static_cast<std::size_t>(c.role->on)];
      if (c.begun_in != no_index) s_.calls[c.begun_in].goes_on.push_back(index);
    }
}

void story_teller::end(u32 index) {
  auto& c = s_.calls[index];
  see_interfaces(c);
  if (c.function == cryptoki::function::C_GetSlotList)
    for (const u64 slot : handles_of(c, c.role->result)) s_.slots.emplace(slot);
  if (c.role->does == effect::describe_object && tells_attributes(c.value()) && c.session != no_index) {
    tape::item_view item;
    if (c.role->question >= 0 && c.outputs().find(static_cast<std::size_t>(c.role->question), item))
      learn(object(slot_of(c), object_handle(c.inputs().word(static_cast<std::size_t>(c.role->object))), false), c,
            item.payload, true);
  }
  auto* in = session_of(c);
  if (c.role->does == effect::find_step && in != nullptr) find(c, *in);
  const bool ends = c.role->does == effect::single || c.role->does == effect::finish ||
                    c.role->does == effect::find_end || (c.role->does == effect::update && c.value() != CKR_OK);
  if (in != nullptr && ends && c.role->on != operation::no_operation && !c.asks)
    in->begun[static_cast<std::size_t>(c.role->on)] = no_index;
  if (c.value() == CKR_OK) apply(c, index);
}

void story_teller::apply(recorded_call& c, u32 index) {
  auto* in = session_of(c);
  switch (c.role->does) {
    case effect::begin:
    case effect::find_begin:
      if (in != nullptr && c.role->on != operation::no_operation)
        in->begun[static_cast<std::size_t>(c.role->on)] = index;
      break;
    case effect::open_session:
      open(c);
      break;
    case effect::close_session:
      sessions_.erase(session_handle(c.inputs().word(0)));
      break;
    case effect::close_all_sessions:
      std::erase_if(sessions_, [&](const auto& s) { return s.second.slot == slot_id(c.inputs().word(0)); });
      break;
    case effect::finalize:
      sessions_.clear();
      object_.clear();
      break;
    case effect::create_object:
      make(c, slot_of(c));
      break;
    case effect::destroy_object:
      object_.erase({slot_of(c), object_handle(c.inputs().word(1))});
      break;
    case effect::modify_object: {
      tape::item_view item;
      if (in != nullptr && c.inputs().find(static_cast<std::size_t>(c.role->values), item))
        learn(object(in->slot, object_handle(c.inputs().word(1)), false), c, item.payload, false);
      break;
    }
    default:
      break;
  }
}

void story_teller::open(recorded_call& c) {
  const auto handles = handles_of(c, c.role->result);
  if (handles.empty()) return;
  c.session = static_cast<u32>(s_.session_slots.size());  // of an opening call: the session that it opened
  c.opened = session_handle(handles[0]);
  auto& in = sessions_[c.opened];
  in.number = c.session;
  in.slot = slot_id(c.inputs().word(0));
  in.begun.fill(no_index);
  s_.session_slots.push_back(in.slot);
}

// What a search found, put together in the call that began it: clients ask for other pieces than the recorded one did.
void story_teller::find(recorded_call& c, const open_session& in) {
  const u32 begun = in.begun[static_cast<std::size_t>(operation::search)];
  if (begun == no_index) return;
  auto& search = s_.calls[begun];
  if (c.value() != CKR_OK) {
    search.search_end = c.value();
    search.search_done = true;
    return;
  }
  const auto handles = handles_of(c, c.role->result);
  if (handles.size() < c.inputs().word(2)) search.search_done = true;
  tape::item_view wanted;
  const bool known = search.inputs().find(static_cast<std::size_t>(search.role->values), wanted);
  for (const u64 handle : handles) {
    const auto number = object(in.slot, object_handle(handle), false);
    search.made.push_back(number);
    if (known) learn(number, c, wanted.payload, false);
  }
}

void story_teller::make(recorded_call& c, slot_id slot) {
  int field = c.role->result;
  int values = c.role->values;
  for (; field >= 0; field = field == c.role->result ? c.role->more_result : -1, values = c.role->more_values) {
    for (const u64 handle : handles_of(c, field)) {
      c.made.push_back(object(slot, object_handle(handle), true));
      tape::item_view item;
      if (values >= 0 && c.inputs().find(static_cast<std::size_t>(values), item))
        learn(c.made.back(), c, item.payload, false);
    }
  }
}

// `answered`: by the module; else the attributes are those that a client asked for, or gave.
void story_teller::learn(object_number number, const recorded_call& c, tape::byte_view attributes, bool answered) {
  for (const auto& a : tape::sequence<tape::attribute_view>(attributes)) {
    recorded_attribute t{c.number, a.length, CKR_OK, a.form, a.flags, a.payload};
    if (a.is_unproven()) continue;  // not proven to be the module's
    if (answered && t.unavailable()) {
      if (c.value() == CKR_BUFFER_TOO_SMALL) continue;  // too little room: nothing is told of the attribute
      t.code = c.value();
    }
    if (!answered && !t.has_value()) continue;
    if (answered && !t.has_value() && a.length != 0 && !t.unavailable() && (a.flags & tape::item_null) != 0 &&
        !s_.object(number).attributes[a.type].empty())
      continue;  // a question for the length adds nothing to what is known
    s_.object(number).attributes[a.type].push_back(t);
  }
}

void story_teller::see_version(const tape::nested_view& version, CK_FLAGS flags) {
  if (version.record != static_cast<u32>(cryptoki::record::CK_VERSION)) return;
  const tape::fields_view fields(cryptoki::row(cryptoki::record::CK_VERSION).fields, version.body);
  const CK_VERSION v{static_cast<CK_BYTE>(fields.word(0)), static_cast<CK_BYTE>(fields.word(1))};
  auto& all = s_.interfaces;
  const auto older = [](const CK_VERSION& a, const CK_VERSION& b) {
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
  };
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& i) { return !older(i.version, v); });
  if (at == all.end() || older(v, at->version)) all.insert(at, {v, flags});
}

void story_teller::see_interfaces(const recorded_call& c) {
  using cryptoki::function;
  if (c.value() != CKR_OK) return;
  const auto interface = [&](const tape::nested_view& record) {
    if (record.record != static_cast<u32>(cryptoki::record::CK_INTERFACE)) return;
    const tape::fields_view fields(cryptoki::row(cryptoki::record::CK_INTERFACE).fields, record.body);
    tape::item_view name, list;
    tape::nested_view version;
    if (!fields.find(1, list) || !tape::nested_view::parse(list.payload, version)) return;
    const std::string_view standard = "PKCS 11";
    const bool other =
        fields.find(0, name) && !std::equal(name.payload.begin(), name.payload.end(), standard.begin(), standard.end(),
                                            [](std::byte a, char b) { return static_cast<char>(a) == b; });
    if (!other) see_version(version, static_cast<CK_FLAGS>(fields.word(2)));
  };
  tape::item_view item;
  tape::nested_view one;
  if (c.function == function::C_GetFunctionList && c.outputs().find(0, item) &&
      tape::nested_view::parse(item.payload, one))
    see_version(one, 0);
  if (c.function == function::C_GetInterface && c.outputs().find(2, item) &&
      tape::nested_view::parse(item.payload, one))
    interface(one);
  if (c.function == function::C_GetInterfaceList && c.outputs().find(0, item))
    for (const auto& each : tape::sequence<tape::nested_view>(item.payload)) interface(each);
}

}  // namespace p11tape::player
