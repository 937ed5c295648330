// SPDX-License-Identifier: Apache-2.0
// Handles as people would call the things behind them.
#include "cryptoki/pkcs11.hpp"
#include "cryptoki/tables.hpp"
#include "decode/decode.hpp"
#include "model/extract.hpp"
#include "model/state.hpp"
#include "text/numbers.hpp"
#include "text/safe.hpp"
#include "text/slot_number.hpp"

namespace p11tape::model {
namespace {

text::bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string quoted(std::string_view text) { return '"' + text::safe_text(bytes_of(text)) + '"'; }

std::string_view without_padding(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

std::string in_words(u64 object_class) {
  switch (object_class) {
    case CKO_DATA:
      return "data object";
    case CKO_CERTIFICATE:
      return "certificate";
    case CKO_PUBLIC_KEY:
      return "public";
    case CKO_PRIVATE_KEY:
      return "private";
    case CKO_SECRET_KEY:
      return "secret";
    default:
      return object_class == unknown ? "object" : cryptoki::display_name("object_class", object_class) + " object";
  }
}

std::string curve_of(const object& o) {
  const auto curve = decode::curve(bytes_of(o.ec_params));
  if (!curve) return {};
  return curve.facts.empty() ? curve.text : curve.facts.back().text;
}

// "RSA-2048", "EC P-256", "AES-256", "key" where nothing is known.
std::string kind_of(const object& o) {
  if (o.key_type == unknown) return o.bits != 0 ? std::to_string(o.bits) + "-bit key" : "key";
  auto name = cryptoki::display_name("key_type", o.key_type);
  if (name.starts_with("CKK_")) name.erase(0, 4);
  if (name.empty()) name = "key of type " + std::to_string(o.key_type);
  if (!o.ec_params.empty()) {
    const auto curve = curve_of(o);
    return curve.empty() ? name : name + " " + curve;
  }
  auto bits = o.bits;
  if (bits == 0 && o.object_class == CKO_SECRET_KEY) bits = 8 * o.value_length;
  return bits == 0 ? name + " key" : name + "-" + std::to_string(bits);
}

}  // namespace

std::string describe_id(std::string_view id) { return id.empty() ? "(empty)" : text::hex(bytes_of(id)); }

std::string describe(const slot& s) {
  if (!s.token) return text::slot(s.id.value());
  const auto label = without_padding(s.token->label);
  return label.empty() ? "the unlabelled token in " + text::slot(s.id.value()) : quoted(label);
}

std::string describe(const recorded_process& in, const session& s) {
  auto text = "session " + std::to_string(s.number.value());
  if (s.slot == none) return text;
  const auto* at = in.find_slot(s.slot);
  return text + " on " + (at != nullptr ? describe(*at) : text::slot(s.slot.value()));
}

std::string describe_short(const object& o) {
  auto text = in_words(o.object_class);
  const bool is_key = o.object_class == CKO_PUBLIC_KEY || o.object_class == CKO_PRIVATE_KEY ||
                      o.object_class == CKO_SECRET_KEY || o.key_type != unknown;
  if (is_key) text += " " + kind_of(o);
  if (o.label) text += " " + quoted(*o.label);
  if (o.id) text += " id " + describe_id(*o.id);
  return text;
}

std::string describe(const recorded_process& in, const object& o) {
  auto text = describe_short(o);
  if (o.slot == none) return text;
  const auto* at = in.find_slot(o.slot);
  return text + " on " + (at != nullptr ? describe(*at) : text::slot(o.slot.value()));
}

std::string meaning(const call_context& now, std::string_view kind, u64 number) {
  const auto& in = *now.process;
  if (kind == "slot") {
    const auto* s = in.find_slot(slot_id(number));
    return s != nullptr && s->token ? describe(*s) : "";
  }
  if (kind == "session") {
    // C_OpenSession is the one function that gives a session: what it gives is new, whatever had the handle before.
    if (now.role->does == cryptoki::effect::open_session)
      return now.slot != nullptr ? "a new session on " + describe(*now.slot) : "a new session";
    const session_handle handle(number);
    if (const auto* s = in.find_session(handle)) return describe(in, *s);
    const auto* p = in.find_past(handle);
    return p != nullptr ? "session " + std::to_string(p->number.value()) + ", closed" : "";
  }
  if (kind != "object" || number == CK_INVALID_HANDLE) return {};
  const object_handle handle(number);
  object made;
  for (std::size_t which = 0; made_by(*now.call, *now.role, in, now.slot_id, which, made); ++which)
    if (made.handle == handle) return describe(in, made);
  if (const auto* o = in.find_object(now.slot_id, handle)) return describe(in, *o);
  if (now.role->does == cryptoki::effect::find_step && now.session != nullptr) {
    learn(made, now.session->find);
    made.slot = now.slot_id;
    return made.label || made.id || made.object_class != unknown ? describe(in, made) : "";
  }
  return {};
}

}  // namespace p11tape::model
