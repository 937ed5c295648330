// SPDX-License-Identifier: Apache-2.0
// Mechanisms with their parameters, and what later calls are read by.
#include <cstring>

#include "capture/encode/encode.hpp"
#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::redaction_class;
using cryptoki::treatment;
using tape::item_form;

namespace {

constexpr u64 longest_iv = 64;  // of a mechanism whose parameter is nothing else; the standard has 24 at most

}  // namespace

u64 encoder::mechanism(sink& out, u16 index, const u8* at, phase p, int depth) noexcept {
  CK_MECHANISM m;
  if (!readable(pages_, at, sizeof m)) return tape::pointer_bad;
  copy_from_caller(&m, at, sizeof m);
  u8* item = out.begin_item(index, item_form::mechanism);
  out.number(m.mechanism);
  out.number(m.ulParameterLen);
  u64 bits = 0;
  if (m.pParameter != nullptr && m.ulParameterLen != 0 && depth < deepest)
    bits = parameter(out, 0, m.mechanism, static_cast<const u8*>(m.pParameter), m.ulParameterLen, p, depth + 1);
  if (bits != 0 && item != nullptr && !out.overflowed())
    item[offsetof(tape::item_header, flags)] =
        static_cast<u8>((bits & tape::pointer_bad ? tape::item_unreadable : 0) |
                        (bits & tape::pointer_withheld ? tape::item_withheld : 0));
  out.end_item(item);
  return 0;
}

// PBKDF2 has two layouts of one size, which differ in their last word: the length of the password, or, before 2.40, a
// pointer to it. No password is as long as the lowest address that a process may have.
bool encoder::is_other_layout(u16 record, const u8* at, u64 size) noexcept {
  constexpr u64 lowest_address = 64 * 1024;
  if (record != static_cast<u16>(cryptoki::record::CK_PKCS5_PBKD2_PARAMS2) || !readable(pages_, at, size)) return false;
  CK_ULONG last = 0;
  copy_from_caller(&last, behind(at, size - sizeof last), sizeof last);
  return last >= lowest_address;
}

// A mechanism's parameter, by the first of its layouts that has this context and length. Without one it is key
// material.
u64 encoder::parameter(sink& out, u16 index, u64 type, const u8* at, u64 size, phase p, int depth) noexcept {
  const auto* plan = plan_of_mechanism(type);
  if (plan == nullptr) return tape::pointer_withheld;
  const auto context = plan->context_for(plan_of(function_).context);
  const bool whole = cryptoki::treat(how_.profile, redaction_class::parameter) == treatment::whole;
  for (u8 i = 0; i < plan->count; ++i) {
    const auto& l = plan->layouts[i];
    if (l.context != context) continue;
    if (l.kind == layout::how::record) {
      if (cryptoki::records[l.record].size != size || is_other_layout(l.record, at, size)) continue;
      if (p == phase::after && plan_of_record(l.record).outputs == 0) return 0;
      return record(out, index, l.record, at, p, depth) ? 0 : u64{tape::pointer_bad};
    }
    if (p == phase::after) return 0;
    if (!readable(pages_, at, size)) return tape::pointer_bad;
    if (l.kind == layout::how::number) {
      if (size != sizeof(CK_ULONG)) continue;
      CK_ULONG value = 0;
      copy_from_caller(&value, at, sizeof value);
      out.number_item(index, value);
      return 0;
    }
    if (!whole || (l.kind == layout::how::iv && size > longest_iv)) return tape::pointer_withheld;
    copy(out, index, item_form::bytes, at, size, limit_for(redaction_class::parameter));
    return 0;
  }
  return tape::pointer_withheld;
}

// CK_PRF_DATA_PARAM: a counter or length format, a key's handle, or bytes that both parties know (SP 800-108).
u64 encoder::prf_value(sink& out, const source& r, u16 index, const u8* at, u64 size, int depth) noexcept {
  const u64 type = load(r, r.steps[0]);
  const auto as_record = [&](cryptoki::record which) {
    const auto number = static_cast<u16>(which);
    return cryptoki::records[number].size == size && record(out, index, number, at, phase::before, depth);
  };
  if (!readable(pages_, at, size)) return tape::pointer_bad;
  if (type == CK_SP800_108_ITERATION_VARIABLE || type == CK_SP800_108_OPTIONAL_COUNTER)
    return as_record(cryptoki::record::CK_SP800_108_COUNTER_FORMAT) ? 0 : u64{tape::pointer_withheld};
  if (type == CK_SP800_108_DKM_LENGTH)
    return as_record(cryptoki::record::CK_SP800_108_DKM_LENGTH_FORMAT) ? 0 : u64{tape::pointer_withheld};
  if (type == CK_SP800_108_KEY_HANDLE && size == sizeof(CK_OBJECT_HANDLE)) {
    CK_OBJECT_HANDLE value = 0;
    copy_from_caller(&value, at, sizeof value);
    out.number_item(index, value);
    return 0;
  }
  const bool whole = cryptoki::treat(how_.profile, redaction_class::parameter) == treatment::whole;
  if (type != CK_SP800_108_BYTE_ARRAY || !whole) return tape::pointer_withheld;
  copy(out, index, item_form::bytes, at, size, limit_for(redaction_class::parameter));
  return 0;
}

void encoder::remember_mechanism(const function_plan& plan, const u64* words) noexcept {
  if (plan.restores) {
    for (std::size_t i = 0; i < operation_count; ++i) how_.operations[i].set(words[0], session_mechanisms::unknown);
    return;
  }
  auto& mechanisms = how_.of(plan.part_of);
  caps_.mechanism_before = mechanisms.get(words[0]);
  caps_.mechanism = session_mechanisms::unknown;
  mechanisms.set(words[0], session_mechanisms::unknown);
  const u8* at = plan.begins ? as_pointer(words[1]) : nullptr;
  CK_MECHANISM m;
  if (at == nullptr || !readable(pages_, at, sizeof m)) return;
  copy_from_caller(&m, at, sizeof m);
  caps_.mechanism = m.mechanism;
}

}  // namespace p11tape::capture
