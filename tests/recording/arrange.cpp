// SPDX-License-Identifier: Apache-2.0
#include "arrange.hpp"

#include <cstring>

namespace p11tape::test {

using cryptoki::field;
using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::shape;

namespace {

std::uint64_t word_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

redaction_class otp_secrecy(std::uint64_t type) {
  if (type == CK_OTP_PIN) return redaction_class::password;
  if (type == CK_OTP_FLAGS || type == CK_OTP_OUTPUT_LENGTH || type == CK_OTP_OUTPUT_FORMAT)
    return redaction_class::parameter;
  return redaction_class::key;
}

}  // namespace

unsigned char* arranger::keep(std::size_t size) {
  memory_.emplace_back((size + 7) / 8 + 1, 0);
  return reinterpret_cast<unsigned char*>(memory_.back().data());
}

std::vector<std::uint64_t> arranger::addresses() const {
  std::vector<std::uint64_t> all;
  for (const auto& m : memory_) all.push_back(word_of(m.data()));
  return all;
}

std::string arranger::make_canary() {
  // No digits: eight of them in a row may stand in a time by chance. So many letters that no two canaries share eight.
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string s(canary_size, ' ');
  for (char& c : s) c = letters[random_() % letters.size()];
  return s;
}

unsigned char* arranger::place_canary(const std::string& where, redaction_class secret, bool scalar) {
  placed_.push_back({where, make_canary(), secret, scalar});
  unsigned char* at = keep(canary_size + 1);
  placed_.back().at = at;
  std::memcpy(at, placed_.back().bytes.data(), canary_size);
  return at;
}

// A canary as the content of something signed: SEQUENCE { SEQUENCE { canary }, SEQUENCE {}, BIT STRING {} }.
unsigned char* arranger::signed_canary(const std::string& where) {
  constexpr unsigned char before[] = {0x30, signed_size - 2, 0x30, canary_size}, after[] = {0x30, 0, 0x03, 0};
  auto* const at = keep(signed_size);
  placed_.push_back({where, make_canary(), redaction_class::open});
  placed_.back().at = at + sizeof before;
  std::memcpy(at, before, sizeof before);
  std::memcpy(at + sizeof before, placed_.back().bytes.data(), canary_size);
  std::memcpy(at + sizeof before + canary_size, after, sizeof after);
  return at;
}

// Which way memory goes whose way depends on the call, as the rows say it.
bool arranger::is_output(const target& t, std::size_t i) const {
  const auto& f = t.row[i];
  if (f.way == cryptoki::flow::out) return true;
  if (f.way != cryptoki::flow::inout || (!f.sealed && f.maker < 0)) return false;
  const auto name = cryptoki::row(function_).name;
  const auto has = [&](std::string_view word) { return name.find(word) != std::string_view::npos; };
  return !has("Decrypt") && !has("Verify") && !has("Unwrap");
}

// Another canary stands where the module is to write, or fails to.
void arranger::stale(const output& o) {
  std::string bytes;
  while (bytes.size() < o.size) bytes += make_canary();
  bytes.resize(o.size);
  std::memcpy(o.at, bytes.data(), o.size);
  if (o.size >= 8) placed_.push_back({o.where + ", before the call", bytes, redaction_class::key});
}

std::vector<mock::output_write> arranger::writes(writing how, bool lengths, bool certain) {
  std::vector<mock::output_write> all;
  for (const auto& o : outputs_) {
    const bool written = how == writing::all || (how == writing::some && random_() % 2 == 0);
    const auto inside = [&](const canary& c) { return c.at >= o.at && c.at < o.at + o.size; };
    if (written) {
      auto* content = keep(o.size);
      std::memcpy(content, o.at, o.size);
      all.push_back({o.at, content, o.size});
    }
    bool any = false;
    for (auto& c : placed_) {
      if (!inside(c)) continue;
      any = true;
      c.optional = written && !certain;
      if (written) continue;
      c.secret = redaction_class::key;
      c.scalar = false;
    }
    if (written) {
      stale(o);
    } else if (!any) {
      stale(o);
    }
  }
  if (!lengths) return all;
  for (auto* length : lengths_) {
    if (random_() % 2 == 0) continue;
    auto* other = keep(sizeof(CK_ULONG));
    const CK_ULONG value = random_() % 2 == 0 ? *length + 8 : *length - *length / 3;
    std::memcpy(other, &value, sizeof value);
    all.push_back({reinterpret_cast<unsigned char*>(length), other, sizeof value});
  }
  return all;
}

void arranger::set(const target& t, std::size_t i, std::uint64_t value) {
  std::memcpy(t.base + t.places[i].offset, &value, t.places[i].size);
}

std::vector<std::uint64_t> arranger::arguments(cryptoki::function f, std::uint64_t mechanism, std::string_view layout) {
  mechanism_ = mechanism;
  layout_ = layout;
  function_ = f;
  outputs_.clear();
  lengths_.clear();
  const auto& row = cryptoki::row(f);
  std::vector<std::uint64_t> words(row.arguments.size());
  std::vector<cryptoki::place> places;
  for (std::size_t i = 0; i < words.size(); ++i) places.push_back({static_cast<std::uint16_t>(8 * i), 8});
  const auto first = placed_.size();
  fill({row.arguments, places, reinterpret_cast<unsigned char*>(words.data())}, std::string{row.name}, 0);
  if (pin_texts_) hide_pins(first);
  return words;
}

// Puts the beginning of what has a PIN behind it over the beginning of each name.
void arranger::hide_pins(std::size_t first) {
  static constexpr std::string_view beginnings[] = {"<P11>!", "pin-value=", "%50in%2DvaLue=", "GSK_PKCS11="};
  constexpr std::size_t window = 8;  // of what is searched for, so much has to remain
  for (auto i = first; i < placed_.size(); ++i) {
    auto& c = placed_[i];
    if (c.secret != redaction_class::identity || c.bytes.size() < beginnings[0].size() + window) continue;
    auto beginning = beginnings[i % std::size(beginnings)];
    if (c.bytes.size() < beginning.size() + window) beginning = beginnings[0];
    std::memcpy(const_cast<unsigned char*>(c.at), beginning.data(), beginning.size());
    c.bytes.erase(0, beginning.size());
    c.secret = redaction_class::pin;
  }
}

void arranger::fill(const target& t, const std::string& where, int depth) {
  // Numbers first: the counters among them are set again by what they count.
  for (std::size_t i = 0; i < t.row.size(); ++i) {
    const auto& f = t.row[i];
    const std::string here = where + "." + std::string{f.name};
    if (f.kind == shape::number && f.fixed == 0) {
      set(t, i, f.name == "type" && parameter_type_ != 0 ? parameter_type_ : random_());
      if (f.way == cryptoki::flow::out) outputs_.push_back({t.base + t.places[i].offset, t.places[i].size, here});
    } else if (f.kind == shape::byte && f.fixed == 0) {
      set(t, i, random_() % 2);
    } else if (f.kind == shape::record) {
      const auto& inner = cryptoki::records[cryptoki::record_named(f.meaning)];
      fill({inner.fields, inner.places, t.base + t.places[i].offset}, here, depth + 1);
    } else if (!cryptoki::is_pointer(f.kind)) {  // an array inside a struct
      const std::string bytes = make_canary() + make_canary() + make_canary();
      const std::size_t size = t.places[i].size;
      std::memcpy(t.base + t.places[i].offset, bytes.data(), size);
      if (size < 8) continue;
      placed_.push_back({here, bytes.substr(0, size), f.secret, f.kind == shape::number});
      placed_.back().at = t.base + t.places[i].offset;
    }
  }
  for (std::size_t i = 0; i < t.row.size(); ++i) {
    const auto& f = t.row[i];
    if (!cryptoki::is_pointer(f.kind)) continue;
    const std::string here = where + "." + std::string{f.name};
    std::size_t count = f.fixed != 0 ? f.fixed : f.count < 0 ? 1 : f.kind == shape::bytes ? canary_size : 2;
    std::uint64_t value = 0;
    if (f.target == "message_parameter") {
      if (!message_.empty()) {
        count = cryptoki::records[cryptoki::record_named(message_)].size;
        value = records(cryptoki::record_named(message_), 1, here, depth + 1);
      } else {
        count = canary_size;
        value = word_of(place_canary(here, redaction_class::key));
      }
    } else if (f.kind == shape::attributes) {
      value = attribute_list(here, depth, count, f.way == cryptoki::flow::out);
    } else if (f.secret == redaction_class::by_otp_type || f.secret == redaction_class::by_prf_type) {
      count = canary_size;
      if (parameter_type_ == CK_SP800_108_DKM_LENGTH) {  // a struct of that size: numbers alone
        set(t, i, word_of(keep(count)));
        set(t, static_cast<std::size_t>(f.count), count);
        continue;
      }
      const bool prf = f.secret == redaction_class::by_prf_type;
      const auto secret =
          prf ? (parameter_type_ == CK_SP800_108_BYTE_ARRAY ? redaction_class::parameter : redaction_class::key)
              : otp_secrecy(parameter_type_);
      value = word_of(place_canary(here, secret));
    } else {
      value = pointer_to(f, here, count, depth);
    }
    set(t, i, value);
    const std::size_t element = f.kind == shape::bytes     ? 1
                                : f.kind == shape::numbers ? sizeof(CK_ULONG)
                                : f.kind == shape::records ? cryptoki::records[cryptoki::record_named(f.meaning)].size
                                                           : 0;
    if (element != 0 && value != 0 && is_output(t, i))
      outputs_.push_back({reinterpret_cast<unsigned char*>(value), count * element, here});
    if (f.count >= 0) {
      const auto counter = static_cast<std::size_t>(f.count);
      const std::uint64_t n = f.counts_bits ? count * 8 : count;
      if (t.row[counter].kind == shape::numbers) {
        std::uint64_t at = 0;
        std::memcpy(&at, t.base + t.places[counter].offset, 8);
        if (at == 0 || counter > i) {
          auto* number = keep(sizeof(CK_ULONG));
          std::memcpy(number, &n, sizeof(CK_ULONG));
          at = word_of(number);
        }
        std::memcpy(reinterpret_cast<void*>(at), &n, sizeof(CK_ULONG));
        set(t, counter, at);
      } else {
        set(t, counter, n);
      }
    }
    if (f.cap >= 0) set(t, static_cast<std::size_t>(f.cap), count);
  }
  // Counters behind pointers were set by what they count; pointer_to() may have made them anew after that.
  for (const auto& f : t.row) {
    if (f.count < 0 || t.row[static_cast<std::size_t>(f.count)].kind != shape::numbers) continue;
    const auto counter = static_cast<std::size_t>(f.count);
    std::uint64_t at = 0;
    std::memcpy(&at, t.base + t.places[counter].offset, 8);
    const std::uint64_t n = f.kind == shape::bytes ? (f.counts_bits ? canary_size * 8 : canary_size) : 2;
    if (at != 0) std::memcpy(reinterpret_cast<void*>(at), &n, sizeof(CK_ULONG));
  }
}

std::uint64_t arranger::pointer_to(const field& f, const std::string& where, std::size_t count, int depth) {
  switch (f.kind) {
    case shape::bytes:
      if (f.terminated && pin_texts_) return word_of(place_canary(where, redaction_class::identity));
      if (f.terminated || f.count >= 0) return word_of(place_canary(where, f.secret));
      if (f.fixed >= 8) {
        std::string bytes = make_canary() + make_canary();
        bytes.resize(f.fixed);
        placed_.push_back({where, bytes, f.secret});
        auto* at = keep(bytes.size());
        placed_.back().at = at;
        std::memcpy(at, bytes.data(), bytes.size());
        return word_of(at);
      }
      return word_of(f.fixed != 0 ? keep(f.fixed) : place_canary(where, f.secret));
    case shape::numbers: {
      auto* at = keep(count * sizeof(CK_ULONG));
      for (std::size_t i = 0; i < count; ++i) {
        const CK_ULONG n = static_cast<CK_ULONG>(random_());
        std::memcpy(at + i * sizeof n, &n, sizeof n);
      }
      return word_of(at);
    }
    case shape::records:
      return records(cryptoki::record_named(f.meaning), count, where, depth + 1);
    case shape::mechanism:
      return mechanism_struct(where, depth + 1);
    case shape::address:
      if (!f.target.empty()) return records(cryptoki::record_named(f.target), 1, where, depth + 1);
      return word_of(place_canary(where, redaction_class::opaque));
    case shape::callback:
      return word_of(place_canary(where, redaction_class::opaque));
    default:
      return 0;
  }
}

std::uint64_t arranger::records(std::size_t record, std::size_t count, const std::string& where, int depth) {
  const auto& row = cryptoki::records[record];
  auto* at = keep(row.size * count);
  if (depth <= 3)
    for (std::size_t i = 0; i < count; ++i)
      fill({row.fields, row.places, at + i * row.size}, where + "[" + std::to_string(i) + "]", depth);
  return word_of(at);
}

std::uint64_t arranger::mechanism_struct(const std::string& where, int depth) {
  auto* at = keep(sizeof(CK_MECHANISM));
  CK_MECHANISM m{static_cast<CK_MECHANISM_TYPE>(mechanism_), nullptr, 0};
  const auto record = cryptoki::record_named(layout_);
  if (depth > 1) {
    m.mechanism = CKM_RSA_PKCS;  // a mechanism inside a parameter
  } else if (record != cryptoki::record_count) {
    m.pParameter = reinterpret_cast<void*>(records(record, 1, where, depth));
    m.ulParameterLen = static_cast<CK_ULONG>(cryptoki::records[record].size);
  } else if (layout_ == "iv" || layout_ == "bytes") {
    m.pParameter = place_canary(where + ".pParameter", redaction_class::parameter);
    m.ulParameterLen = canary_size;
  } else if (layout_ == "unknown") {
    m.pParameter = place_canary(where + ".pParameter", redaction_class::key);
    m.ulParameterLen = canary_size;
  }
  std::memcpy(at, &m, sizeof m);
  return word_of(at);
}

std::uint64_t arranger::attribute_list(const std::string& where, int depth, std::size_t& count, bool outputs) {
  std::vector<CK_ATTRIBUTE> list;
  const auto add = [&](CK_ATTRIBUTE_TYPE type, const void* value, std::size_t size) {
    list.push_back({type, const_cast<void*>(value), static_cast<CK_ULONG>(size)});
    const auto* row = cryptoki::find_attribute(type);
    const bool nested = row != nullptr && row->kind == form::template_;
    if (outputs && !nested)
      outputs_.push_back({static_cast<unsigned char*>(const_cast<void*>(value)), size,
                          where + "." + (row != nullptr ? std::string{row->name} : std::to_string(type))});
  };
  const bool certificates = objects_ != objects::of_each_kind;
  if (depth > 0 || certificates) {
    auto* object = keep(sizeof(CK_OBJECT_CLASS));
    const CK_OBJECT_CLASS which = certificates ? CKO_CERTIFICATE : CKO_SECRET_KEY;
    std::memcpy(object, &which, sizeof which);
    add(CKA_CLASS, object, sizeof which);
    add(CKA_LABEL, place_canary(where + ".CKA_LABEL", redaction_class::identity), canary_size);
    if (objects_ == objects::certificates) {
      const auto* const value = signed_canary(where + ".CKA_VALUE");
      add(CKA_VALUE, value, signed_size);
    } else {
      add(CKA_VALUE, place_canary(where + ".CKA_VALUE", redaction_class::key), canary_size);
    }
    add(CKA_PRIVATE_EXPONENT, place_canary(where + ".CKA_PRIVATE_EXPONENT", redaction_class::key), canary_size);
  } else {
    for (const auto& a : cryptoki::attributes()) {
      const std::string here = where + "." + std::string{a.name};
      const auto type = static_cast<CK_ATTRIBUTE_TYPE>(a.type);
      switch (a.kind) {
        case form::flag:
          add(type, keep(1), 1);
          break;
        case form::number: {
          const std::string bytes = make_canary().substr(0, sizeof(CK_ULONG));
          placed_.push_back({here, bytes, a.secret, a.secret == redaction_class::open});
          auto* at = keep(bytes.size());
          placed_.back().at = at;
          std::memcpy(at, bytes.data(), bytes.size());
          add(type, at, bytes.size());
          break;
        }
        case form::numbers:
        case form::mechanisms:
          add(type, place_canary(here, a.secret, true), canary_size);
          break;
        case form::version:
          add(type, keep(2), 2);
          break;
        case form::date:
        case form::check:
          add(type, place_canary(here, a.secret), 8);
          placed_.back().bytes.resize(8);
          break;
        case form::template_: {
          std::size_t inner = 0;
          const auto* at = reinterpret_cast<const void*>(attribute_list(here, depth + 1, inner, outputs));
          add(type, at, inner * sizeof(CK_ATTRIBUTE));
          break;
        }
        case form::value:
          add(type, place_canary(here, redaction_class::key), canary_size);
          break;
        default:
          add(type, place_canary(here, a.secret), canary_size);
      }
    }
    add(CKA_VENDOR_DEFINED + 0x123, place_canary(where + ".vendor", redaction_class::key), canary_size);
    add(0x7777, place_canary(where + ".unknown", redaction_class::key), canary_size);
  }
  count = list.size();
  auto* at = keep(count * sizeof(CK_ATTRIBUTE));
  std::memcpy(at, list.data(), count * sizeof(CK_ATTRIBUTE));
  for (std::size_t i = 0; outputs && i < count; ++i)
    lengths_.push_back(reinterpret_cast<CK_ULONG*>(at + i * sizeof(CK_ATTRIBUTE) + offsetof(CK_ATTRIBUTE, ulValueLen)));
  return word_of(at);
}

}  // namespace p11tape::test
