// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/interleaved_operations.hpp"

#include "cryptoki/pkcs11.hpp"

namespace p11tape::diagnose {

using cryptoki::effect;

void interleaving::take(const model::call_context& now) {
  const auto does = now.role->does;
  const bool begins = does == effect::begin || does == effect::find_begin;
  const auto key = now.session->number.value() << 4 ^ static_cast<model::u64>(now.role->on);
  auto& steps = steps_[key % remembered];
  const step here{now.call->number, now.call->thread.number, now.which};
  if (now.value == CKR_OPERATION_ACTIVE || now.value == CKR_OPERATION_NOT_INITIALIZED) {
    if (steps.key != key) return;
    // Refused because another thread's operation is active; or because another thread ended the one begun here.
    const auto& by = now.value == CKR_OPERATION_ACTIVE ? steps.begun : steps.ended;
    const bool was_mine = now.value == CKR_OPERATION_ACTIVE || steps.begun.thread == here.thread;
    if (by.call == model::none || by.thread == here.thread || !was_mine) return;
    for (auto& i : all_)
      if (i.which == here.which && i.value == now.value) {
        ++i.count;
        return;
      }
    if (all_.size() < most)
      all_.push_back(
          {here.which, by.which, here.call, here.thread, now.value, by.call, by.thread, now.session_handle, 1});
    return;
  }
  const bool ends = does == effect::single || does == effect::finish || does == effect::find_end ||
                    (!now.ok && does == effect::update);
  if (!begins && !ends) return;
  if (begins && now.ok) steps = {key, here, {}};
  // A size query ends nothing.
  if (ends && now.value != CKR_BUFFER_TOO_SMALL && !(now.ok && now.asks))
    steps = {key, steps.key == key ? steps.begun : step{}, here};
}

}  // namespace p11tape::diagnose
