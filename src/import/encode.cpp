// SPDX-License-Identifier: Apache-2.0
#include "import/encode.hpp"

#include <sys/random.h>

#include <cstring>

#include "capture/encode/encode.hpp"
#include "capture/encode/secrets.hpp"
#include "cryptoki/pin_text.hpp"
#include "cryptoki/redaction.hpp"
#include "import/bind.hpp"

namespace p11tape::import {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::item_form;
using kind = value::kind;

namespace {

constexpr int deepest = 6;
constexpr std::size_t default_profile = 0;
constexpr u64 longest_iv = 64;
constexpr std::size_t most_attributes = 512;      // of one template, as the recorder has it
constexpr std::size_t largest_record = 8u << 20;  // of its body, about

void put(body& out, const void* from, std::size_t size) {
  const auto* at = static_cast<const std::byte*>(from);
  out.insert(out.end(), at, at + size);
}

void put_number(body& out, u64 n) {
  n = tape::le(n);
  put(out, &n, sizeof n);
}

void set_word(body& out, std::size_t at, u64 word) {
  word = tape::le(word);
  std::memcpy(out.data() + at, &word, sizeof word);
}

// An item whose payload is put behind it; its size is filled in by the destructor.
class item {
 public:
  item(body& out, u16 field, item_form form, unsigned flags = 0) : out_(out), start_(out.size()) {
    const tape::item_header h{tape::le(field), static_cast<u8>(form), static_cast<u8>(flags), 0};
    put(out, &h, sizeof h);
  }
  ~item() {
    const u32 size = tape::le(static_cast<u32>(out_.size() - start_ - sizeof(tape::item_header)));
    std::memcpy(out_.data() + start_ + offsetof(tape::item_header, size), &size, sizeof size);
    out_.resize(tape::padded(out_.size()));
  }
  item(const item&) = delete;
  item& operator=(const item&) = delete;

 private:
  body& out_;
  std::size_t start_;
};

// Text is UTF-8 without control characters.
bool is_text(std::string_view s) noexcept {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<u8>(s[i]);
    const std::size_t more = c < 0x80                ? 0
                             : c >= 0xc2 && c < 0xe0 ? 1
                             : c >= 0xe0 && c < 0xf0 ? 2
                             : c >= 0xf0 && c < 0xf5 ? 3
                                                     : 9;
    if (more == 9 || i + more >= s.size() || c < 0x20 || c == 0x7f) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((static_cast<u8>(s[i + k]) & 0xc0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

u32 anomalies(std::string_view pin) {
  const auto found = capture::anomalies_of_pin(reinterpret_cast<const u8*>(pin.data()), pin.size());
  return found | (is_text(pin) ? u32{0} : u32{tape::pin_not_text});
}

void not_known(body& out, std::size_t field) {
  const item i(out, static_cast<u16>(field), item_form::none, tape::item_unknown);
}

// What counts the room at a NULL pointer means nothing, and may be whatever lay in the client's memory.
bool counts_null(std::span<const field> fields, const std::vector<value>& values, std::size_t index) noexcept {
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].count == static_cast<int>(index) && values[i].what == kind::null) return true;
  return false;
}

const u8* as_bytes(std::string_view s) noexcept { return reinterpret_cast<const u8*>(s.data()); }

void put_bytes(body& out, u16 field, std::string_view bytes, bool cut) {
  constexpr std::size_t most = capture::most_public_bytes;
  const item i(out, field, item_form::bytes, cut || bytes.size() > most ? tape::item_cut : 0);
  bytes = bytes.substr(0, most);
  put(out, bytes.data(), bytes.size());
}

bool is_written(flow w) noexcept { return w == flow::out || w == flow::inout; }

// What one word of mechanisms.def says of a parameter's bytes.
template <class Each>
void for_each_layout(u64 mechanism, Each each) {
  const auto* m = cryptoki::find_mechanism(mechanism);
  for (auto rest = m != nullptr ? m->layouts : std::string_view{}; !rest.empty();) {
    const auto end = rest.find_first_of(", ");
    if (const auto word = rest.substr(0, end); !word.empty()) each(word);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

}  // namespace

u64 number_in(std::string_view bytes) noexcept {
  u64 n = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) n |= u64{static_cast<u8>(bytes[i])} << (8 * i);
  return n;
}

std::optional<value> read_structure(std::string_view memory, u16 structure, u64 word_size) {
  const auto& r = cryptoki::records[structure];
  std::size_t at = 0, largest = 1;
  value read;
  make_structure(read, structure);
  for (std::size_t i = 0; i < r.fields.size(); ++i) {
    const auto& f = r.fields[i];
    if (f.kind == shape::record) return std::nullopt;
    const bool byte = f.kind == shape::byte;
    const std::size_t size = byte ? 1 : word_size, count = !cryptoki::is_pointer(f.kind) && f.fixed != 0 ? f.fixed : 1;
    at = (at + size - 1) / size * size;
    largest = std::max(largest, size);
    if (at + size * count > memory.size()) return std::nullopt;
    const auto here = memory.substr(at, size * count);
    auto& v = read.parts[i];
    if (cryptoki::is_pointer(f.kind)) {
      v.what = number_in(here) == 0 ? kind::null : kind::pointer;
    } else if (count > 1) {
      v.set_bytes(here);
    } else {
      v.set_number(number_in(here));
    }
    at += size * count;
  }
  if ((at + largest - 1) / largest * largest != memory.size()) return std::nullopt;
  return read;
}

encoder::encoder(u64 word_size) : word_size_(word_size), pins_(std::make_unique<capture::pin_memory>()) {
  if (getrandom(pins_->key, sizeof pins_->key, GRND_NONBLOCK) < 0)
    pins_->key[0] = reinterpret_cast<std::uintptr_t>(pins_.get());
}
encoder::encoder(encoder&&) noexcept = default;
encoder::~encoder() = default;

u64 encoder::stored_length(u64 n) const noexcept { return n == unavailable && word_size_ == 4 ? 0xffffffffu : n; }

void encoder::enter(const call& c, body& out) const {
  out.clear();
  fields(out, c.row().arguments, c.in, &c.out, 0);
}

void encoder::leave(const call& c, body& out) const {
  out.clear();
  put_number(out, c.result.value_or(0));
  const auto arguments = c.row().arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (is_written(arguments[i].way) && c.out[i].known()) output(out, arguments, c.out, i);
}

// Words, then items. `outputs`: what the call wrote, of a call; it tells of pointers that the log does not show.
void encoder::fields(body& out, row fields, const std::vector<value>& values, const std::vector<value>* outputs,
                     int depth) const {
  const auto words = out.size();
  out.resize(words + 8 * fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& f = fields[i];
    const auto& v = values[i];
    const auto index = static_cast<u16>(i);
    if (cryptoki::is_pointer(f.kind)) {
      const auto* written = outputs != nullptr ? &(*outputs)[i] : nullptr;
      u64 word = 0;
      if (v.known()) {
        word = pointer(out, fields, values, i, depth);
      } else if (written != nullptr && written->known()) {
        word = written->what == kind::null ? 0 : u64{tape::pointer_given};
      } else {
        // What the call writes to is given in all likelihood; of what it does not write, nothing is likely.
        const bool likely =
            f.kind == shape::bytes || f.kind == shape::attributes || f.kind == shape::mechanism || is_written(f.way);
        word = (likely ? u64{tape::pointer_given} : 0) | tape::pointer_unknown;
      }
      set_word(out, words + 8 * i, word);
    } else if (!v.known()) {
      not_known(out, i);
    } else if (f.kind == shape::record) {
      if (v.what == kind::structure) structure(out, index, v, depth + 1);
    } else if (f.fixed != 0 && v.what == kind::bytes) {
      if (cryptoki::treat(default_profile, f.secret) == treatment::whole)
        put_bytes(out, index, std::string_view(v.bytes).substr(0, f.fixed), v.partial);
    } else if (v.what == kind::number) {
      set_word(out, words + 8 * i, f.kind == shape::byte ? v.number & 0xff : v.number);
    }
  }
}

// What is behind a pointer that is an input; the bits for its word.
u64 encoder::pointer(body& out, row fields, const std::vector<value>& values, std::size_t i, int depth) const {
  const auto& f = fields[i];
  const auto& v = values[i];
  const auto index = static_cast<u16>(i);
  if (v.what == kind::null) return 0;
  if (depth >= deepest) return tape::pointer_given | tape::pointer_withheld;
  switch (f.kind) {
    case shape::bytes: {
      if (f.way == flow::out) return tape::pointer_given;
      const auto* n = f.count >= 0 ? &values[static_cast<std::size_t>(f.count)] : nullptr;
      if (n == nullptr || n->what != kind::number || f.counts_bits || (v.length_known && v.length == n->number))
        return tape::pointer_given | bytes(out, f, v, index);
      value counted = v;  // not all of the bytes are in the log, or only their number
      counted.set_length(n->number);
      counted.partial = true;
      return tape::pointer_given | bytes(out, f, counted, index);
    }
    case shape::numbers:
      if (v.what == kind::number) {
        if (v.number != 0 && counts_null(fields, values, i)) return tape::pointer_given | tape::pointer_withheld;
        const item n(out, index, item_form::number);
        put_number(out, v.number);
      }
      return tape::pointer_given;
    case shape::records:
    case shape::address:
      if (v.what == kind::structure) {
        structure(out, index, v, depth + 1);
      } else if (v.what == kind::bytes && f.kind == shape::address && f.count >= 0) {
        return tape::pointer_given | bytes(out, f, v, index);
      } else if (f.secret == redaction_class::opaque) {
        return tape::pointer_given | tape::pointer_withheld;
      }
      return tape::pointer_given;
    case shape::attributes:
      if (v.what == kind::attributes) attributes(out, index, v, depth, f.way == flow::out);
      return tape::pointer_given;
    case shape::mechanism:
      if (v.what == kind::mechanism && !v.partial) {
        mechanism(out, index, v, depth);
      } else {
        not_known(out, i);
      }
      return tape::pointer_given;
    default:
      return tape::pointer_given;
  }
}

u64 encoder::bytes(body& out, const field& f, const value& v, u16 index) const {
  switch (cryptoki::treat(default_profile, f.secret)) {
    case treatment::whole:
      if (v.what != kind::bytes || (v.partial && v.bytes.empty())) {
        not_known(out, index);
        return 0;
      }
      if (f.secret == redaction_class::identity && cryptoki::holds_pin(v.bytes)) return tape::pointer_withheld;
      if (f.terminated) {
        const item i(out, index, item_form::text);
        put(out, v.bytes.data(), std::min<std::size_t>(v.bytes.size(), 256));
      } else {
        put_bytes(out, index, v.bytes, v.partial);
      }
      return 0;
    case treatment::pin_facts: {
      if (v.what != kind::bytes && !v.length_known) return tape::pointer_withheld;
      const bool whole = v.what == kind::bytes && !v.partial && v.bytes.size() == v.length;
      const item i(out, index, item_form::pin, whole ? 0U : unsigned{tape::item_unknown});
      put_number(out, v.length);
      const u32 number = whole && v.length != 0 ? number_of_pin(*pins_, as_bytes(v.bytes), v.bytes.size()) : 0;
      put_number(out, whole ? u64{number} << 32 | anomalies(v.bytes) : 0);
      return tape::pointer_withheld;
    }
    default:
      return tape::pointer_withheld;
  }
}

// What a call wrote, as an item of its LEAVE.
void encoder::output(body& out, row fields, const std::vector<value>& values, std::size_t i) const {
  const auto& f = fields[i];
  const auto& v = values[i];
  const auto index = static_cast<u16>(i);
  switch (f.kind) {
    case shape::numbers:
      if (v.what == kind::number) {
        const item n(out, index, item_form::number);
        put_number(out, v.number);
      } else if (v.what == kind::numbers) {
        // Some loggers show the whole buffer, whatever the call has said of how much of it is filled.
        u64 size = v.numbers.size();
        if (f.count >= 0 && values[static_cast<std::size_t>(f.count)].what == kind::number)
          size = std::min(size, values[static_cast<std::size_t>(f.count)].number);
        const bool cut = size > most_elements || (v.length_known && v.length > v.numbers.size());
        const item n(out, index, item_form::numbers, cut ? tape::item_cut : 0);
        for (std::size_t k = 0; k < size && k < most_elements; ++k) put_number(out, v.numbers[k]);
      }
      return;
    case shape::bytes:
      if (v.what == kind::bytes && !v.partial && cryptoki::treat(default_profile, f.secret) == treatment::whole)
        put_bytes(out, index, v.bytes, false);
      return;
    case shape::attributes:
      if (v.what == kind::attributes) attributes(out, index, v, 0, false);
      return;
    case shape::records:
    case shape::function_list:
    case shape::interface:
      if (v.what == kind::structure) structure(out, index, v, 1);
      return;
    default:
      return;
  }
}

void encoder::structure(body& out, u16 index, const value& v, int depth) const {
  const item i(out, index, item_form::record);
  put_number(out, v.id);
  fields(out, cryptoki::records[v.id].fields, v.parts, nullptr, depth);
}

// `request`: types and room for a call that reads attributes.
void encoder::attributes(body& out, u16 index, const value& v, int depth, bool request) const {
  const bool cut = (v.length_known && v.length != unavailable && v.length > v.parts.size()) ||
                   v.parts.size() > most_attributes || out.size() > largest_record;
  const item i(out, index, item_form::template_, cut ? tape::item_cut : 0);
  bool certificate = false;
  for (const auto& a : v.parts)
    if (a.type == CKA_CLASS) {
      if (a.what == kind::number) certificate |= a.number == CKO_CERTIFICATE;
      if (a.what == kind::bytes && !a.partial) certificate |= number_in(a.bytes) == CKO_CERTIFICATE;
    }
  std::size_t n = 0;
  for (const auto& a : v.parts)
    if (++n <= most_attributes && out.size() < largest_record) attribute(out, a, certificate, depth, request);
}

void encoder::attribute(body& out, const value& a, bool certificate, int depth, bool request) const {
  const auto* r = cryptoki::find_attribute(a.type);
  const auto how_read = r != nullptr ? r->kind : form::bytes;
  auto secret = r != nullptr ? r->secret : redaction_class::key;
  tape::attribute_header h{};
  h.type = tape::le(a.type);
  u64 length = a.length_known ? a.length : 0;
  unsigned flags = 0;
  const auto header_at = out.size();
  out.resize(header_at + sizeof h);
  const auto payload_at = out.size();
  if (a.what == kind::null) {
    flags |= tape::item_null;
  } else if (request && a.what != kind::attributes) {
    if (!a.length_known) flags |= tape::item_unknown;
  } else if (a.what == kind::attributes && depth < deepest) {
    h.form = static_cast<u8>(item_form::template_);
    std::size_t n = 0;
    for (const auto& inner : a.parts)
      if (++n <= most_attributes && out.size() < largest_record) attribute(out, inner, false, depth + 1, request);
  } else if (a.what == kind::number) {
    if (!a.length_known) length = word_size_;
    if (secret == redaction_class::open && cryptoki::is_scalar(how_read)) {
      h.form = static_cast<u8>(item_form::number);
      put_number(out, a.number);
    } else {
      flags |= tape::item_withheld;
    }
  } else if ((a.what == kind::bytes && !(a.partial && a.bytes.empty())) ||
             (a.what == kind::pointer && a.length_known && a.length == 0)) {
    const auto* at = as_bytes(a.bytes);
    const u64 size = a.bytes.size();
    if (secret == redaction_class::value)
      secret = (certificate && capture::looks_signed(at, size, a.partial)) ||
                       (!a.partial && capture::looks_like_certificate(at, size))
                   ? redaction_class::open
                   : redaction_class::key;
    // A scalar of another size is none: logs do not all have the size of the recorded program's CK_ULONG.
    const bool fits = cryptoki::fits(how_read, size, word_size_) || (how_read == form::number && size == 4);
    if (!a.partial && !fits) secret = redaction_class::key;
    const bool pin = secret == redaction_class::identity && cryptoki::holds_pin(a.bytes);
    if (cryptoki::treat(default_profile, secret) != treatment::whole || pin) {
      flags |= tape::item_withheld;
    } else if (how_read == form::number && (size == 8 || size == 4) && !a.partial) {
      h.form = static_cast<u8>(item_form::number);
      put_number(out, number_in(a.bytes));
    } else if ((how_read == form::numbers || how_read == form::mechanisms) && !a.partial && size % word_size_ == 0) {
      if (size != 0) h.form = static_cast<u8>(item_form::numbers);
      for (std::size_t i = 0; i < size; i += word_size_)
        put_number(out, number_in(std::string_view(a.bytes).substr(i, word_size_)));
    } else {
      constexpr u64 most = capture::most_public_bytes;
      h.form = static_cast<u8>(item_form::bytes);
      if (a.partial || size > most) flags |= tape::item_cut;
      put(out, at, std::min(size, most));
    }
  } else if (a.what != kind::pointer || a.length != unavailable) {
    // Whether the log hides the value or the recorder would have: secret is said where both hold.
    flags |= a.length_known && is_secret_attribute(a.type, false) ? unsigned{tape::item_withheld}
                                                                  : unsigned{tape::item_unknown};
  }
  h.length = tape::le(stored_length(length));
  h.flags = static_cast<u8>(flags);
  h.size = tape::le(static_cast<u32>(out.size() - payload_at));
  std::memcpy(out.data() + header_at, &h, sizeof h);
  out.resize(tape::padded(out.size()));
}

void encoder::mechanism(body& out, u16 index, const value& m, int depth) const {
  const auto* p = m.parts.empty() ? nullptr : &m.parts.front();
  u64 length = 0;
  if (p != nullptr && p->what == kind::structure) length = p->length_known ? p->length : cryptoki::records[p->id].size;
  if (p != nullptr && (p->what == kind::bytes || p->what == kind::pointer)) length = p->length;
  const auto start = out.size();
  unsigned flags = p == nullptr || !p->known() ? tape::item_unknown : 0;
  {
    const item i(out, index, item_form::mechanism);
    put_number(out, m.number);
    put_number(out, length);
    if (p != nullptr && p->known() && p->what != kind::null && length != 0 && !parameter(out, m, depth + 1))
      flags |= tape::item_withheld;
  }
  out[start + offsetof(tape::item_header, flags)] = static_cast<std::byte>(flags);
}

// The parameter, as far as its layout says that it may be kept.
bool encoder::parameter(body& out, const value& m, int depth) const {
  const auto& p = m.parts.front();
  if (p.what == kind::structure) {
    structure(out, 0, p, depth);
    return true;
  }
  if (p.what != kind::bytes || p.partial) return false;
  bool done = false;
  for_each_layout(m.number, [&](std::string_view layout) {
    if (done) return;
    const u64 size = p.bytes.size();
    if ((layout == "iv" && size <= longest_iv) || layout == "bytes") {
      put_bytes(out, 0, p.bytes, false);
      done = true;
    } else if ((layout == "number" || layout == "handle") && size == word_size_) {
      const item i(out, 0, item_form::number);
      put_number(out, number_in(p.bytes));
      done = true;
    } else if (const auto id = cryptoki::record_named(layout); id < cryptoki::record_count) {
      const auto v = read_structure(p.bytes, static_cast<u16>(id), word_size_);
      if (!v) return;
      structure(out, 0, *v, depth);
      done = true;
    }
  });
  return done;
}

}  // namespace p11tape::import
