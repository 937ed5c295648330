// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/encode.hpp"

#include <bit>
#include <cstring>

#include "cryptoki/redaction.hpp"

namespace p11tape::capture {

using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::item_form;

namespace {

constexpr u64 most_records = 64;
constexpr u64 most_text = 256;
constexpr u64 shortened_bytes = 32;
constexpr u64 shortened_elements = 32;
constexpr u64 largest_record = 256;  // bytes of the largest struct of the rows

consteval bool records_fit() {
  for (const auto& r : cryptoki::records)
    if (r.size > largest_record) return false;
  return true;
}
static_assert(records_fit());

u64 number_at(const u8* at, u64 size) noexcept {
  if (size == sizeof(u64)) [[likely]] {
    u64 v;
    std::memcpy(&v, at, sizeof v);
    return v;
  }
  if (size == 1) return *at;
  u32 v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

// What the profile `payload` keeps of an operation's data. The input of sign, verify and digest stays input, whatever
// the mechanism does with it.
bool is_payload(redaction_class s) noexcept {
  return s == redaction_class::ciphertext || s == redaction_class::cipher_in || s == redaction_class::signature ||
         s == redaction_class::digest;
}

}  // namespace

void encoder::enter_any(encoder& e, sink& out, const u64* words) noexcept {
  e.body(out, plan_of(e.function_), reinterpret_cast<const u8*>(words), phase::before, false, 0);
}

void encoder::leave_any(encoder& e, sink& out, const u64* words) noexcept {
  const auto& plan = plan_of(e.function_);
  const source r{plan.steps, reinterpret_cast<const u8*>(words)};
  for (u32 left = plan.outputs; left != 0; left &= left - 1) {
    const auto i = static_cast<u16>(std::countr_zero(left));
    if (may_be_written(plan.steps[i], e.rv_)) e.pointer(out, r, i, phase::after, 0);
  }
}

u64 encoder::load(const source& r, const step& s) const noexcept { return number_at(r.base + s.offset, s.size); }

// The class of an OTP parameter depends on its type, the field before it.
treatment encoder::treatment_of(const source& r, const step& s) const noexcept {
  auto secret = s.secret;
  if (secret == redaction_class::by_otp_type) {
    switch (load(r, r.steps[0])) {
      case CK_OTP_FLAGS:
      case CK_OTP_OUTPUT_LENGTH:
      case CK_OTP_OUTPUT_FORMAT:
        secret = redaction_class::parameter;
        break;
      case CK_OTP_PIN:
        secret = redaction_class::password;
        break;
      default:
        secret = redaction_class::key;
    }
  } else if (is_payload(secret) && !may_be_kept(r, secret)) {
    secret = redaction_class::key;
  }
  return cryptoki::treat(how_.profile, secret);
}

// Which way the memory behind a pointer goes in this very call.
flow encoder::way_of(const source& r, const step& s) const noexcept {
  if (s.way != flow::inout || (!s.sealed && s.maker < 0)) return s.way;
  if (plan_of(function_).decrypts) return flow::in;
  return s.sealed || load(r, r.steps[static_cast<std::size_t>(s.maker)]) != 0 ? flow::out : flow::in;
}

// Whether what an operation takes or gives is only what its class says depends on its mechanism and its direction; a
// mechanism that is not known may do anything.
bool encoder::may_be_kept(const source& r, redaction_class s) const noexcept {
  if (cryptoki::treat(how_.profile, s) != treatment::whole) return true;  // it is not kept anyway
  const auto& plan = plan_of(function_);
  auto which = plan.part_of;
  if (which == operation::none) return true;  // the ciphertext of a key encapsulation: public by its nature
  if (which == operation::dual) which = s == redaction_class::ciphertext ? operation::encrypt : operation::decrypt;
  const u64 mechanism = plan.begins ? caps_.mechanism : how_.of(which).get(load(r, r.steps[0]));
  return keeps_payload(mechanism, which);
}

u64 encoder::limit_for(redaction_class s) const noexcept {
  if (shortened_) return shortened_bytes;
  switch (s) {
    case redaction_class::data:
    case redaction_class::cipher_in:
    case redaction_class::ciphertext:
    case redaction_class::signature:
    case redaction_class::digest:
      return how_.most_payload;
    default:
      return how_.most_bytes;
  }
}

// How many elements lie behind a pointer. False where the counter itself cannot be read, or is absurd.
bool encoder::count_of(const source& r, const step& s, phase p, u64& count) noexcept {
  count = s.fixed != 0 ? s.fixed : 1;
  if (s.count < 0) return true;
  const auto& counter = r.steps[static_cast<std::size_t>(s.count)];
  count = load(r, counter);
  if (p == phase::before && counter.way == flow::out) {  // not written yet: the room is what counts
    count = s.cap >= 0 ? load(r, r.steps[static_cast<std::size_t>(s.cap)]) : 0;
  } else if (counter.kind == shape::numbers) {
    CK_ULONG value = 0;
    if (!readable(pages_, as_pointer(count), sizeof value)) return false;
    copy_from_caller(&value, as_pointer(count), sizeof value);
    count = value;
    // What the module says it wrote is believed up to the room that it was given.
    if (p == phase::after && counter.written) {
      if (!caps_.counter_known) return false;
      if (count > caps_.counter) count = caps_.counter;
    }
  }
  if (s.cap >= 0) {
    const u64 room = load(r, r.steps[static_cast<std::size_t>(s.cap)]);
    if (count > room) count = room;
  }
  if (s.counts_bits) count = count / 8 + (count % 8 != 0);
  return count <= absurd_length;
}

// Words for all fields, then items. `all`: a struct that a call has written, of which everything is read afterwards.
void encoder::body(sink& out, const plan& plan, const u8* base, phase p, bool all, int depth) noexcept {
  const source r{plan.steps, base};
  u8* words = out.take(8 * r.steps.size());
  if (words == nullptr) return;
  if (plan.flat) {
    std::memcpy(words, base, 8 * r.steps.size());
    return;
  }
  const auto fields = static_cast<u16>(r.steps.size());
  for (u16 i = 0; i < fields; ++i) {
    const auto& s = r.steps[i];
    u64 word = 0;
    if (s.plain) {
      word = load(r, s);
    } else if (s.embedded) {
      const u8* at = r.base + s.offset;
      if (s.kind == shape::record) {
        u8* item = out.begin_item(i, item_form::record);
        record_payload(out, s.target, at, p, depth + 1);
        out.end_item(item);
      } else if (s.kind == shape::number) {
        u8* item = out.begin_item(i, item_form::numbers);
        for (u64 k = 0; k < s.fixed; ++k) out.number(number_at(behind(at, k * sizeof(CK_ULONG)), sizeof(CK_ULONG)));
        out.end_item(item);
      } else if (cryptoki::treat(how_.profile, s.secret) == treatment::whole &&
                 !(s.secret == redaction_class::identity && holds_pin(at, s.fixed))) {
        copy(out, i, item_form::bytes, at, s.fixed, s.fixed);
      }
    } else if (!cryptoki::is_pointer(s.kind)) {
      if (s.way != flow::out || (p == phase::after && has_changed(origin_ + s.offset)))
        word = shown_number(s, load(r, s));
    } else if (load(r, s) != 0) {
      word = tape::pointer_given | pointer_word(out, r, i, p, all, depth);
    }
    word = le(word);
    std::memcpy(words + 8 * i, &word, 8);
  }
}

// The bits of a pointer's word besides `given`. What the call may write to is noted before it.
u64 encoder::pointer_word(sink& out, const source& r, u16 index, phase p, bool all, int depth) noexcept {
  const auto& s = r.steps[index];
  const auto way = way_of(r, s);
  const u8* at = as_pointer(load(r, s));
  u64 bits = 0;
  if (p == phase::before && is_output(way)) note_room(r, s, at, depth);
  const bool wanted = p == phase::before ? is_input(way) : is_output(way) || (all && is_input(way));
  if (wanted) return pointer(out, r, index, p, depth);
  // The caller's buffer is known by its length alone; the room for attributes is in the template itself.
  if (p == phase::before && s.kind == shape::attributes && way == flow::out) {
    u64 count = 0;
    bits = count_of(r, s, p, count) ? attributes(out, index, at, count, false, true, depth) : u64{tape::pointer_bad};
  }
  return bits;
}

// What lies behind one pointer; answers the bits for its word.
u64 encoder::pointer(sink& out, const source& r, u16 index, phase p, int depth) noexcept {
  const auto& s = r.steps[index];
  const u8* at = as_pointer(load(r, s));
  if (at == nullptr) return 0;
  switch (s.kind) {
    case shape::bytes:
      return s.terminated ? text(out, s, index, at) : bytes(out, r, s, index, p, at);
    case shape::numbers:
      return s.count >= 0 ? numbers(out, r, s, index, p, at) : number(out, r, s, index, p, at);
    case shape::records:
      if (s.count >= 0) return records(out, r, s, index, p, at, depth);
      return output_record(out, r, s, index, p, at, depth);
    case shape::attributes: {
      u64 count = 0;
      if (!count_of(r, s, p, count)) return tape::pointer_bad;
      return attributes(out, index, at, count, true, s.way != flow::in, depth);
    }
    case shape::mechanism:
      return mechanism(out, index, at, p, depth);
    case shape::function_list:
    case shape::interface:
      return list_pointer(out, s, index, p, at, depth);
    case shape::address:
      return address(out, r, index, p, at, depth);
    default:
      return tape::pointer_withheld;
  }
}

u64 encoder::list_pointer(sink& out, const step& s, u16 index, phase p, const u8* at, int depth) noexcept {
  u64 word = 0;
  if (!readable(pages_, at, sizeof(CK_VOID_PTR))) return tape::pointer_bad;
  copy_from_caller(&word, at, sizeof(CK_VOID_PTR));
  if (word == 0) return 0;
  if (has_changed(at)) how_.numbers->add(word);
  if (!how_.numbers->has(word)) return unchanged(out, index), 0;
  return record(out, index, s.target, as_pointer(word), p, depth) ? 0 : u64{tape::pointer_bad};
}

u64 encoder::address(sink& out, const source& r, u16 index, phase p, const u8* at, int depth) noexcept {
  const auto& s = r.steps[index];
  if (s.secret == redaction_class::by_otp_type) return bytes(out, r, s, index, p, at);
  if (s.secret == redaction_class::by_prf_type) {
    u64 size = 0;
    return count_of(r, s, p, size) ? prf_value(out, r, index, at, size, depth) : u64{tape::pointer_bad};
  }
  if (s.target == message_parameter) {
    u64 size = 0;
    if (!count_of(r, s, p, size)) return tape::pointer_bad;
    const u64 type = how_.of(plan_of(function_).part_of).get(load(r, r.steps[0]));
    return parameter(out, index, type, at, size, p, depth);
  }
  if (s.target == no_target)
    return s.secret == redaction_class::opaque ? u64{tape::pointer_withheld} : bytes(out, r, s, index, p, at);
  return output_record(out, r, s, index, p, at, depth);
}

// One struct, which is an output where the call is over.
u64 encoder::output_record(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at,
                           int depth) noexcept {
  const u64 size = cryptoki::records[s.target].size;
  u8 flags = 0;
  if (!readable(pages_, at, size)) return tape::pointer_bad;
  if (p == phase::after && is_output(way_of(r, s)) && !may_record(at, size, flags)) return unchanged(out, index), 0;
  return record(out, index, s.target, at, p, depth, flags) ? 0 : u64{tape::pointer_bad};
}

u64 encoder::bytes(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept {
  u64 size = 0;
  u8 flags = 0;
  if (!count_of(r, s, p, size)) return tape::pointer_bad;
  switch (const auto treated = treatment_of(r, s)) {
    case treatment::whole:
      if (!readable(pages_, at, size)) return tape::pointer_bad;
      if (p == phase::after && is_output(way_of(r, s)) && !may_record(at, size, flags)) return unchanged(out, index), 0;
      if (s.secret == redaction_class::identity && holds_pin(at, size)) return tape::pointer_withheld;
      copy(out, index, item_form::bytes, at, size, limit_for(s.secret), flags);
      return 0;
    case treatment::pin_facts: {
      if (!readable(pages_, at, size)) return tape::pointer_bad | tape::pointer_withheld;
      // One look at the caller's memory: the PIN itself goes nowhere.
      const u32 number = size == 0 ? 0 : number_of_pin(*how_.pins, at, size);
      u8* item = out.begin_item(index, item_form::pin);
      out.number(size);
      out.number(u64{number} << 32 | anomalies_of_pin(at, size));
      out.end_item(item);
      return tape::pointer_withheld;
    }
    default:
      return bits_without_value(treated);
  }
}

void encoder::copy(sink& out, u16 index, item_form form, const u8* at, u64 size, u64 limit, u8 flags) noexcept {
  const u64 kept = size < limit ? size : limit;
  u8* item = out.begin_item(index, form, kept < size ? u8(flags | tape::item_cut) : flags);
  if (u8* room = out.take(kept)) copy_from_caller(room, at, kept);
  out.end_item(item);
}

u64 encoder::numbers(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept {
  u64 count = 0;
  if (!count_of(r, s, p, count)) return tape::pointer_bad;
  const u64 most = shortened_ ? shortened_elements : most_elements;
  const u64 kept = count < most ? count : most;
  if (!readable(pages_, at, kept * sizeof(CK_ULONG))) return tape::pointer_bad;
  const bool output = p == phase::after && is_output(s.way);
  const bool changed = output && has_changed(at);
  const auto element = [&](u64 i) noexcept {
    CK_ULONG value = 0;
    copy_from_caller(&value, behind(at, i * sizeof value), sizeof value);
    return u64{value};
  };
  for (u64 i = 0; output && i < kept; ++i) {
    if (changed)
      how_.numbers->add(element(i));
    else if (!how_.numbers->has(element(i)))
      return unchanged(out, index), 0;
  }
  u8* item = out.begin_item(index, item_form::numbers, kept < count ? u8{tape::item_cut} : u8{0});
  for (u64 i = 0; i < kept && !out.overflowed(); ++i) out.number(element(i));
  out.end_item(item);
  return 0;
}

u64 encoder::number(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at) noexcept {
  CK_ULONG value = 0;
  if (!readable(pages_, at, sizeof value)) return tape::pointer_bad;
  copy_from_caller(&value, at, sizeof value);
  // A length for which there is no buffer is an output only.
  const bool asks = s.written && s.counts >= 0 && load(r, r.steps[static_cast<std::size_t>(s.counts)]) == 0;
  if (p == phase::before) {
    if (s.written) {
      caps_.counter = value;
      caps_.counter_known = true;
    }
    if (asks && value != 0) {
      out.end_item(out.begin_item(index, item_form::none, tape::item_withheld));
      return 0;
    }
  } else if (is_output(s.way)) {
    const bool given = s.written && !asks;
    if (has_changed(at))
      s.written ? void() : how_.numbers->add(value);
    else if (!given && !how_.numbers->has(value))
      return unchanged(out, index), 0;
  }
  out.number_item(index, shown_number(s, value));
  return 0;
}

u64 encoder::text(sink& out, const step& s, u16 index, const u8* at) noexcept {
  u64 size = 0;
  while (size < most_text) {
    if (!readable(pages_, behind(at, size), 1)) return tape::pointer_bad;
    u8 c = 0;
    copy_from_caller(&c, behind(at, size), 1);
    if (c == 0) break;
    ++size;
  }
  if (cryptoki::treat(how_.profile, s.secret) != treatment::whole) return tape::pointer_withheld;
  if (holds_pin(at, size)) return tape::pointer_withheld;
  copy(out, index, item_form::text, at, size, most_text);
  return 0;
}

bool encoder::record(sink& out, u16 index, u16 which, const u8* at, phase p, int depth, u8 flags) noexcept {
  if (!readable(pages_, at, cryptoki::records[which].size)) return false;
  if (const auto& plan = plan_of_record(which); plan.flat && depth < deepest) [[likely]] {  // in one piece
    const u64 size = 8 * plan.steps.size();
    if (u8* room = out.flat_record_item(index, which, size, flags)) copy_from_caller(room, at, size);
    return true;
  }
  u8* item = out.begin_item(index, item_form::record, flags);
  const bool ok = record_payload(out, which, at, p, depth + 1);
  out.end_item(item);
  return ok;
}

bool encoder::record_payload(sink& out, u16 which, const u8* at, phase p, int depth) noexcept {
  if (depth > deepest) return false;
  const auto& plan = plan_of_record(which);
  if (plan.flat) {
    out.number(u64{which});
    const u64 size = 8 * plan.steps.size();
    if (u8* room = out.take(size)) copy_from_caller(room, at, size);
    return true;
  }
  // A copy, so that what is decided on and what is written are the same even while another thread changes it.
  alignas(8) u8 local[largest_record];
  copy_from_caller(local, at, cryptoki::records[which].size);
  out.number(u64{which});
  const u8* const outer = origin_;
  origin_ = at;
  body(out, plan, local, p, plan.outputs == 0, depth);
  origin_ = outer;
  return true;
}

u64 encoder::records(sink& out, const source& r, const step& s, u16 index, phase p, const u8* at, int depth) noexcept {
  u64 count = 0;
  if (!count_of(r, s, p, count)) return tape::pointer_bad;
  const u64 kept = count < most_records ? count : most_records;
  const u64 size = cryptoki::records[s.target].size;
  if (!readable(pages_, at, kept * size)) return tape::pointer_bad;
  u8 flags = kept < count ? u8{tape::item_cut} : u8{0};
  if (p == phase::after && s.way == flow::out && !may_record(at, kept * size, flags)) return unchanged(out, index), 0;
  u8* item = out.begin_item(index, item_form::records, flags);
  for (u64 i = 0; i < kept && !out.overflowed(); ++i) {
    u8* length = out.take(8);
    const u8* start = out.position();
    record_payload(out, s.target, behind(at, i * size), p, depth + 1);
    if (length == nullptr || out.overflowed()) break;
    const u64 payload = le(static_cast<u64>(out.position() - start));
    std::memcpy(length, &payload, 8);
    out.pad(start);
  }
  out.end_item(item);
  return 0;
}

}  // namespace p11tape::capture
