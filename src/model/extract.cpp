// SPDX-License-Identifier: Apache-2.0
#include "model/extract.hpp"

#include "cryptoki/pkcs11.hpp"

namespace p11tape::model {
namespace {

using tape::attribute_view;
using tape::byte_view;
using tape::fields_view;
using tape::item_form;
using tape::item_view;

constexpr std::size_t longest_text = 1024;    // of a label or ID that is kept
constexpr std::size_t most_mechanisms = 256;  // of CKA_ALLOWED_MECHANISMS

std::string text_of(byte_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), longest_text)};
}

// True where the value stands on the tape as it was.
bool is_whole(const attribute_view& a) noexcept {
  constexpr u32 not_whole = tape::item_unreadable | tape::item_cut | tape::item_withheld | tape::item_null;
  return a.form != item_form::none && (a.flags & not_whole) == 0;
}

u32 bit_of(u64 attribute) noexcept {
  switch (attribute) {
    case CKA_TOKEN:
      return bit_token;
    case CKA_PRIVATE:
      return bit_private;
    case CKA_SENSITIVE:
      return bit_sensitive;
    case CKA_EXTRACTABLE:
      return bit_extractable;
    case CKA_ENCRYPT:
      return bit_encrypt;
    case CKA_DECRYPT:
      return bit_decrypt;
    case CKA_SIGN:
      return bit_sign;
    case CKA_VERIFY:
      return bit_verify;
    case CKA_WRAP:
      return bit_wrap;
    case CKA_UNWRAP:
      return bit_unwrap;
    case CKA_DERIVE:
      return bit_derive;
    case CKA_ALWAYS_AUTHENTICATE:
      return bit_always_authenticate;
    case CKA_MODIFIABLE:
      return bit_modifiable;
    case CKA_LOCAL:
      return bit_local;
    default:
      return 0;
  }
}

// Booleans are one byte; a number item holds it.
bool truth_of(const attribute_view& a) noexcept {
  return a.form == item_form::number ? a.number() != 0 : !a.payload.empty() && a.payload[0] != std::byte{0};
}

u32 modulus_bits(byte_view modulus) noexcept {
  while (!modulus.empty() && modulus[0] == std::byte{0}) modulus = modulus.subspan(1);
  if (modulus.empty() || modulus.size() > 8192) return 0;
  auto first = static_cast<unsigned>(modulus[0]);
  u32 bits = 8 * static_cast<u32>(modulus.size() - 1);
  for (; first != 0; first >>= 1) ++bits;
  return bits;
}

void take_allowed(object& o, const attribute_view& a) {
  o.allowed_mechanisms.clear();
  if (a.form != item_form::numbers) return;
  for (std::size_t i = 0; i < std::min(a.payload.size() / 8, most_mechanisms); ++i)
    o.allowed_mechanisms.push_back(tape::load<u64>(a.payload, 8 * i));
}

void learn_one(object& o, const attribute_view& a) {
  if (a.is_unproven()) return;  // no news: what an earlier call read stays
  // The length of a key that may not be read still tells what kind of key it is.
  if (a.type == CKA_VALUE && a.length != 0 && a.length < 4096 && !a.has(tape::item_length_rounded))
    o.value_length = static_cast<u32>(a.length);
  if (!is_whole(a)) {
    // An empty label or ID has no bytes to keep, and is a fact all the same.
    const bool is_empty = a.length == 0 && (a.flags & (tape::item_unreadable | tape::item_withheld)) == 0;
    if (is_empty && a.type == CKA_LABEL) o.label = "";
    if (is_empty && a.type == CKA_ID) o.id = "";
    return;
  }
  switch (a.type) {
    case CKA_CLASS:
      o.object_class = a.number();
      break;
    case CKA_KEY_TYPE:
      o.key_type = a.number();
      break;
    case CKA_LABEL:
      if (a.form == item_form::bytes) o.label = text_of(a.payload);
      break;
    case CKA_ID:
      if (a.form == item_form::bytes) o.id = text_of(a.payload);
      break;
    case CKA_MODULUS_BITS:
      if (a.number() < 65536) o.bits = static_cast<u32>(a.number());
      break;
    case CKA_MODULUS:
      if (a.form == item_form::bytes) o.bits = modulus_bits(a.payload);
      break;
    case CKA_VALUE_LEN:
      if (a.number() != 0 && a.number() < 8192) o.bits = static_cast<u32>(8 * a.number());
      break;
    case CKA_EC_PARAMS:
      if (a.form == item_form::bytes) o.ec_params = text_of(a.payload);
      break;
    case CKA_ALLOWED_MECHANISMS:
      take_allowed(o, a);
      break;
    default:
      if (const auto bit = bit_of(a.type); bit != 0) {
        o.said |= bit;
        o.set = truth_of(a) ? o.set | bit : o.set & ~bit;
      }
  }
}

}  // namespace

void learn(object& o, byte_view payload) {
  for (const auto& a : tape::sequence<attribute_view>(payload)) learn_one(o, a);
}

void learn(search& s, byte_view payload) {
  for (const auto& a : tape::sequence<attribute_view>(payload)) {
    ++s.attributes;
    const bool is_name = a.type == CKA_LABEL || a.type == CKA_ID;
    if (!is_whole(a)) {
      if (is_name && a.length == 0)
        (a.type == CKA_LABEL ? s.label : s.id) = "";
      else
        s.withheld |= is_name;
      continue;
    }
    if (a.type == CKA_CLASS) s.object_class = a.number();
    if (a.type == CKA_KEY_TYPE) s.key_type = a.number();
    if (is_name && a.form == item_form::bytes) (a.type == CKA_LABEL ? s.label : s.id) = text_of(a.payload);
  }
}

void learn(object& o, const search& s) {
  if (s.object_class != unknown) o.object_class = s.object_class;
  if (s.key_type != unknown) o.key_type = s.key_type;
  if (s.label) o.label = s.label;
  if (s.id) o.id = s.id;
}

void learn_from_generation(object& o, u64 mechanism) {
  if (o.key_type != unknown) return;
  switch (mechanism) {
    case CKM_RSA_PKCS_KEY_PAIR_GEN:
    case CKM_RSA_X9_31_KEY_PAIR_GEN:
      o.key_type = CKK_RSA;
      break;
    case CKM_EC_KEY_PAIR_GEN:
      o.key_type = CKK_EC;
      break;
    case CKM_EC_EDWARDS_KEY_PAIR_GEN:
      o.key_type = CKK_EC_EDWARDS;
      break;
    case CKM_EC_MONTGOMERY_KEY_PAIR_GEN:
      o.key_type = CKK_EC_MONTGOMERY;
      break;
    case CKM_DSA_KEY_PAIR_GEN:
      o.key_type = CKK_DSA;
      break;
    case CKM_AES_KEY_GEN:
      o.key_type = CKK_AES;
      break;
    case CKM_DES3_KEY_GEN:
      o.key_type = CKK_DES3;
      break;
    case CKM_GENERIC_SECRET_KEY_GEN:
      o.key_type = CKK_GENERIC_SECRET;
      break;
    default:
      break;
  }
}

u64 number_named(const fields_view& fields, std::string_view name) {
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields.row()[i].name == name) return fields.word(i);
  return 0;
}

std::string text_named(const fields_view& fields, std::string_view name) {
  item_view item;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields.row()[i].name == name)
      return fields.find(i, item) && !item.has(tape::item_withheld) ? text_of(item.payload) : std::string();
  return {};
}

std::optional<fields_view> output_struct(const call& c, std::size_t field) {
  item_view item;
  tape::nested_view nested;
  if (!c.ended() || !c.result().find(field, item) || item.form != item_form::record) return {};
  if (!tape::nested_view::parse(item.payload, nested)) return {};
  const auto* row = c.tape->rows().structure(nested.record);
  if (row == nullptr) return {};
  return fields_view(row->fields, nested.body);
}

void learn(slot& s, const fields_view& info) {
  const auto unpadded = [](std::string text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
    return text;
  };
  s.description = unpadded(text_named(info, "slotDescription"));
  s.manufacturer = unpadded(text_named(info, "manufacturerID"));
  s.flags = number_named(info, "flags");
}

namespace {

// A CK_VERSION inside a struct, as major * 256 + minor.
u64 version_named(const fields_view& fields, std::string_view name) {
  item_view item;
  tape::nested_view nested;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields.row()[i].name == name && fields.find(i, item) && item.form == item_form::record &&
        tape::nested_view::parse(item.payload, nested) && nested.body.size() >= 16)
      return (tape::load<u64>(nested.body, 0) & 255) << 8 | (tape::load<u64>(nested.body, 8) & 255);
  return unknown;
}

}  // namespace

token token_of(const fields_view& info) {
  token t;
  t.label = text_named(info, "label");
  t.manufacturer = text_named(info, "manufacturerID");
  t.model = text_named(info, "model");
  t.serial = text_named(info, "serialNumber");
  t.utc_time = text_named(info, "utcTime");
  t.flags = number_named(info, "flags");
  t.max_sessions = number_named(info, "ulMaxSessionCount");
  t.sessions = number_named(info, "ulSessionCount");
  t.max_rw_sessions = number_named(info, "ulMaxRwSessionCount");
  t.rw_sessions = number_named(info, "ulRwSessionCount");
  t.max_pin = number_named(info, "ulMaxPinLen");
  t.min_pin = number_named(info, "ulMinPinLen");
  t.firmware = version_named(info, "firmwareVersion");
  return t;
}

locking locking_of(const call& initialize) {
  locking l;
  if (!initialize.begun()) return l;
  l.told = true;
  const auto arguments = initialize.arguments();
  l.arguments = arguments.given(0);
  item_view item;
  tape::nested_view nested;
  if (!arguments.find(0, item) || item.form != item_form::record || !tape::nested_view::parse(item.payload, nested))
    return l;
  const auto* row = initialize.tape->rows().structure(nested.record);
  if (row == nullptr) return l;
  const fields_view fields(row->fields, nested.body);
  const auto flags = number_named(fields, "flags");
  l.os_locking = (flags & CKF_OS_LOCKING_OK) != 0;
  l.no_threads = (flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS) != 0;
  l.reserved = (number_named(fields, "pReserved") & tape::pointer_given) != 0;
  for (const auto* name : {"CreateMutex", "DestroyMutex", "LockMutex", "UnlockMutex"})
    l.mutexes += (number_named(fields, name) & tape::pointer_given) != 0;
  return l;
}

u64 mechanism_of(const call& c, const function_role& r) {
  item_view item;
  tape::mechanism_view m;
  if (r.mechanism < 0 || !c.arguments().find(static_cast<std::size_t>(r.mechanism), item)) return unknown;
  return item.form == item_form::mechanism && tape::mechanism_view::parse(item.payload, m) ? m.type : unknown;
}

byte_view template_of(const call& c, std::int8_t argument) {
  item_view item;
  if (argument < 0 || !c.arguments().find(static_cast<std::size_t>(argument), item)) return {};
  return item.form == item_form::template_ ? item.payload : byte_view{};
}

numbers output_numbers(const call& c, std::int8_t argument) {
  numbers n;
  if (argument >= 0 && c.ended()) c.result().find(static_cast<std::size_t>(argument), n.item);
  return n;
}

bool made_by(const call& c, const function_role& r, const recorded_process& in, slot_id slot, std::size_t which,
             object& out) {
  if (r.does != cryptoki::effect::create_object || !c.ended() || c.return_value() != CKR_OK) return false;
  if (which > 1 || (which == 1 && r.more_result < 0)) return false;
  const auto handles = output_numbers(c, which == 0 ? r.result : r.more_result);
  if (handles.size() == 0) return false;
  out = object{};
  const bool copies = r.which == cryptoki::function::C_CopyObject;
  if (copies)
    if (const auto* from = in.find_object(slot, object_handle(c.arguments().word(static_cast<std::size_t>(r.object)))))
      out = *from;
  out.handle = object_handle(handles[0]);
  out.slot = slot;
  out.first_seen_in = c.number;
  out.created = true;
  learn(out, template_of(c, which == 0 ? r.values : r.more_values));
  if (r.which == cryptoki::function::C_GenerateKeyPair) {
    out.object_class = which == 0 ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY;
    if (which == 1) {  // size and curve are the public key's attributes
      object pair;
      learn(pair, template_of(c, r.values));
      out.bits = pair.bits;
      out.ec_params = pair.ec_params;
    }
  }
  if (r.which == cryptoki::function::C_GenerateKey && out.object_class == unknown) out.object_class = CKO_SECRET_KEY;
  learn_from_generation(out, mechanism_of(c, r));
  return true;
}

}  // namespace p11tape::model
