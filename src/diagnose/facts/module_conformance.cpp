// SPDX-License-Identifier: Apache-2.0
#include "diagnose/facts/module_conformance.hpp"

#include <map>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/tables/permitted_return_values.hpp"
#include "model/extract.hpp"

namespace p11tape::diagnose {
namespace {

using cryptoki::effect;
using cryptoki::function;
using model::u64;

struct curve_row {
  std::string_view oid;  // DER
  u64 bytes;             // of the order
};

constexpr curve_row curves[] = {
    {{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10}, 32},      // P-256
    {{"\x06\x05\x2b\x81\x04\x00\x22", 7}, 48},                   // P-384
    {{"\x06\x05\x2b\x81\x04\x00\x23", 7}, 66},                   // P-521
    {{"\x06\x05\x2b\x81\x04\x00\x0a", 7}, 32},                   // secp256k1
    {{"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 11}, 32},  // brainpoolP256r1
    {{"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", 11}, 48},  // brainpoolP384r1
    {{"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 11}, 64},  // brainpoolP512r1
};

bool signs(const model::call_context& now) noexcept {
  return now.role->on == model::operation::sign &&
         (now.role->does == effect::single || now.role->does == effect::finish);
}

// Bytes or a list are asked for with NULL, and their number with the pointer behind it.
bool is_size_query(const model::call_context& now) {
  if (!now.call->begun()) return false;
  const auto arguments = cryptoki::row(now.which).arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& f = arguments[i];
    if (f.way == cryptoki::flow::out && f.count >= 0 && cryptoki::is_pointer(f.kind) &&
        cryptoki::is_pointer(arguments[static_cast<std::size_t>(f.count)].kind) && !now.call->arguments().given(i))
      return true;
  }
  return false;
}

// The length that the call wrote where the caller keeps the length of its output.
u64 written_length(const model::call_context& now) {
  tape::item_view item;
  const auto at = now.role->output_length;
  if (at < 0 || !now.call->result().find(static_cast<std::size_t>(at), item) || item.is_unproven())
    return model::unknown;
  return item.number();
}

// The same key signs again and again, and the same call fails again and again: names are compared for the first of them.
u64 known_signature_size(u64 mechanism, const model::object& key) {
  struct known {
    u64 mechanism = model::unknown;
    model::u32 bits = 0;
    std::string curve;
    u64 size = 0;
  };
  thread_local known last;
  if (last.mechanism != mechanism || last.bits != key.bits || last.curve != key.ec_params)
    last = {mechanism, key.bits, key.ec_params, signature_size(mechanism, key)};
  return last.size;
}

bool is_known_answer(function f, u64 value) {
  constexpr std::size_t most = 1024;
  thread_local std::map<std::pair<function, u64>, bool> all;
  if (all.size() >= most) all.clear();
  const auto [at, is_new] = all.try_emplace({f, value}, true);
  if (is_new) at->second = is_listed_return_value(f, value);
  return at->second;
}

}  // namespace

u64 signature_size(u64 mechanism, const model::object& key) {
  const auto name = cryptoki::name_of("mechanism", mechanism);
  if (name.starts_with("CKM_ECDSA")) {
    for (const auto& c : curves)
      if (key.ec_params == c.oid) return 2 * c.bytes;
    return 0;
  }
  if (name.find("RSA_PKCS") != std::string_view::npos || name == "CKM_RSA_X_509") return (key.bits + 7) / 8;
  return 0;
}

oddity* oddities::note(oddity_kind what, const model::call_context& now) {
  for (auto& o : all_)
    if (o.what == what && o.which == now.which && o.value == now.value) {
      ++o.count;
      o.last_call = now.call->number;
      return nullptr;
    }
  if (all_.size() == most) return nullptr;
  auto& o = all_.emplace_back();
  o.what = what;
  o.which = now.which;
  o.call = o.last_call = now.call->number;
  o.count = 1;
  o.value = now.value;
  o.mechanism = now.mechanism;
  if (now.key != nullptr) o.key = model::describe(*now.process, *now.key);
  return &o;
}

void oddities::see_interface(const model::call_context& now) {
  tape::item_view item;
  const auto& c = *now.call;
  if (c.begun() && c.arguments().given(2) && !c.result().find(2, item)) note(oddity_kind::null_interface, now);
}

void oddities::see_attributes(const model::call_context& now) {
  tape::item_view answered;
  if (!now.call->result().find(static_cast<std::size_t>(now.role->question), answered)) return;
  for (const auto& a : tape::sequence<tape::attribute_view>(answered.payload))
    if (a.length == CK_UNAVAILABLE_INFORMATION) {
      note(oddity_kind::unavailable_length, now);
      return;
    }
}

void oddities::see_output(const model::call_context& now) {
  if (now.which == model::unknown_function || !now.call->begun()) return;
  const auto length = written_length(now);
  if (length == model::unknown) return;
  if (length == CK_UNAVAILABLE_INFORMATION) {
    note(oddity_kind::unavailable_length, now);
  } else if (now.asks) {
    if (asked_.size() < most_asked) asked_[now.session_handle.value() << 8 ^ static_cast<u64>(now.which)] = length;
  } else if (signs(now) && now.key != nullptr) {
    const auto wanted = known_signature_size(now.mechanism, *now.key);
    if (wanted == 0 || length == wanted) return;
    if (auto* o = note(oddity_kind::signature_length, now)) {
      o->given = length;
      o->wanted = wanted;
    }
  }
}

void oddities::see_failure(const model::call_context& now) {
  if (!now.ended || now.which == model::unknown_function) return;
  const auto& c = *now.call;
  const auto& r = *now.role;
  if (now.value == CKR_BUFFER_TOO_SMALL && is_size_query(now)) {
    note(oddity_kind::small_for_query, now);
    return;
  }
  if (now.value == CKR_BUFFER_TOO_SMALL && r.output_length >= 0 && c.begun()) {
    tape::item_view passed;
    if (!c.arguments().find(static_cast<std::size_t>(r.output_length), passed)) return;
    const auto room = passed.number();
    const auto key = now.session_handle.value() << 8 ^ static_cast<u64>(now.which);
    const auto asked = asked_.find(key);
    if (asked != asked_.end() && room >= asked->second)
      if (auto* o = note(oddity_kind::small_for_own_size, now)) {
        o->given = room;
        o->wanted = asked->second;
      }
    const auto length = written_length(now);
    if (length != model::unknown && asked_.size() < most_asked) asked_[key] = length;
    return;
  }
  if (!is_known_answer(now.which, now.value)) note(oddity_kind::unlisted_answer, now);
}

}  // namespace p11tape::diagnose
