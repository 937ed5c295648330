// SPDX-License-Identifier: Apache-2.0
// Answers that follow from what the tape knows though nobody asked this on it.
#include <algorithm>
#include <cstring>

#include "player/player.hpp"
#include "player/say.hpp"

namespace p11tape::player {

using cryptoki::function;

std::optional<CK_RV> player::inferred_answer(question& q) {
  const auto& role = *q.role;
  const auto& s = *story_;
  if (role.slot >= 0 && !s.slots.empty() && !s.slots.contains(q.slot)) return CKR_SLOT_ID_INVALID;
  for (const int argument : {int{role.object}, int{role.second_object}})
    if (argument >= 0 && object_of_handle(model::object_handle(q.word(argument))) == model::none &&
        (q.word(argument) != CK_INVALID_HANDLE || argument == role.object))
      return cryptoki::row(q.f).family == "object" ? CKR_OBJECT_HANDLE_INVALID : CKR_KEY_HANDLE_INVALID;

  const auto last_of = [&](function f, auto fits) -> const recorded_call* {
    const auto& all = s.by_function[static_cast<std::size_t>(f)];
    const auto i = std::find_if(all.rbegin(), all.rend(),
                                [&](u32 at) { return s.calls[at].ok() && !s.calls[at].asks && fits(s.calls[at]); });
    return i == all.rend() ? nullptr : &s.calls[*i];
  };
  switch (q.f) {
    case function::C_GetFunctionStatus:
    case function::C_CancelFunction:
      return CKR_FUNCTION_NOT_PARALLEL;
    case function::C_SessionCancel:
      q.in->active = {};
      return CKR_OK;
    case function::C_GetInfo: {
      if (q.word(0) == 0) return CKR_ARGUMENTS_BAD;
      CK_INFO info;
      std::memset(&info, ' ', sizeof info);
      info.cryptokiVersion = interfaces_.back().version;
      info.libraryVersion = {0, 0};
      info.flags = 0;
      std::memcpy(reinterpret_cast<void*>(q.word(0)), &info, sizeof info);
      say("C_GetInfo is not on the tape: the names that it returns are empty");
      return CKR_OK;
    }
    case function::C_GetSlotList: {
      const auto* other = last_of(q.f, [](const recorded_call&) { return true; });
      if (other == nullptr) return std::nullopt;
      const auto no_objects = [](model::object_number) { return model::object_handle(); };  // it gives out slots
      say("C_GetSlotList was recorded only for " + std::string(q.word(0) != 0 ? "all slots" : "slots with a token") +
          ": the same list is returned for both");
      return write_outputs(*other, q.words, q.inputs, false, no_objects).value;
    }
    case function::C_GetMechanismInfo: {
      const auto* list = last_of(function::C_GetMechanismList,
                                 [&](const auto& c) { return model::slot_id(c.inputs().word(0)) == q.slot; });
      tape::item_view item;
      if (list == nullptr || !list->outputs().find(1, item)) return std::nullopt;
      for (std::size_t i = 0; i < item.numbers(); ++i)
        if (item.number(i) == q.word(1)) return std::nullopt;
      return CKR_MECHANISM_INVALID;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace p11tape::player
