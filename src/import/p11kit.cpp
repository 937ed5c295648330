// SPDX-License-Identifier: Apache-2.0
// p11-kit's call log (log-calls: yes, or P11_KIT_DEBUG's sibling): what goes through a module that p11-kit manages.
//
//   C_Login
//     IN: hSession = S1
//     IN: userType = CKU_USER
//     IN: pPin = (4) "1234"
//   C_Login = CKR_OK
//
// The first part is written before the call, the rest after it: a call that hangs leaves its inputs. There is neither
// time nor thread. Letters in front of handles say what they are; handles are p11-kit's own. Byte strings end after
// some 120 characters. Input templates show types only.
#include "import/bind.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::shape;
using kind = value::kind;

struct call_lines {
  value* structure = nullptr;  ///< an open "{"
  value* mechanism = nullptr;
};

// "S1", "SL0", "H17", "5", "0x1F", "CK_TRUE", "CKU_USER", "CK_UNAVAILABLE_INFORMATION"
std::optional<u64> number_of(std::string_view text) noexcept {
  text = trimmed(text);
  if (text == "CK_TRUE") return 1;
  if (text == "CK_FALSE") return 0;
  if (text.starts_with("CK")) return find_constant(text);
  for (const std::string_view letter : {"SL", "S", "H"})
    if (text.size() > letter.size() && text.starts_with(letter) && is_digit(text[letter.size()])) {
      text.remove_prefix(letter.size());
      break;
    }
  scanner s(text);
  const auto n = s.number();
  return s.rest.empty() || s.rest.front() == ' ' ? n : std::nullopt;
}

// The next byte of a string as p11-kit prints it.
std::optional<char> next_byte(scanner& s) noexcept {
  if (s.rest.empty()) return std::nullopt;
  if (s.rest.size() >= 2 && s.rest[0] == '\\') {
    const char e = s.rest[1];
    if (e == 't' || e == 'n' || e == 'r') {
      s.rest.remove_prefix(2);
      return e == 't' ? '\t' : e == 'n' ? '\n' : '\r';
    }
    if (e == 'x' && s.rest.size() >= 4 && hex_digit(s.rest[2]) >= 0 && hex_digit(s.rest[3]) >= 0) {
      const auto c = static_cast<char>(hex_digit(s.rest[2]) * 16 + hex_digit(s.rest[3]));
      s.rest.remove_prefix(4);
      return c;
    }
  }
  const char c = s.rest.front();
  s.rest.remove_prefix(1);
  return c;
}

struct printed_string {
  std::string bytes;
  bool partial = false;
  bool ended = true;  ///< what follows is the end of a string of that length
};

// `"text"` of `length` bytes: the text may hold quotation marks, so the length decides where it ends.
printed_string string_of(scanner& s, u64 length) {
  printed_string found;
  if (!s.character('"')) {
    found.partial = length != 0;
    found.ended = s.literal("????");
    return found;
  }
  while (found.bytes.size() < length) {
    const auto c = s.literal("...\"") ? std::nullopt : next_byte(s);
    if (!c) {
      found.partial = true;
      return found;
    }
    found.bytes += *c;
  }
  found.ended = s.character('"') || s.literal("...\"");
  return found;
}

class p11kit_reader final : public reader {
 public:
  explicit p11kit_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    const auto text = l.text;
    if (trimmed(text).empty()) return line_use::used;
    scanner s(text);
    if (s.literal("C_")) return milestone(text, l.number);
    s.blanks();
    const bool in = s.literal("IN: "), out = !in && s.literal("OUT: ");
    secrets_.clear();
    bool ok = false;
    if (in || out) {
      ok = open_.offer([&](auto& e) {
        secrets_.clear();
        return parameter(e, scanner(s.rest), out);
      }) != nullptr;
    } else if (auto* e = open_.current();
               e != nullptr && (e->state.structure != nullptr || e->state.mechanism != nullptr)) {
      ok = s.rest == "}" ? (e->state = {}, true) : nested(e->state, s.rest);
    }
    if (!ok) return behind_text(text, l.number);
    if (secrets_.empty()) return line_use::used;
    // Lengths stay; the text does not.
    cleaned_.clear();
    const char* from = text.data();
    for (const auto& secret : secrets_) {
      cleaned_.append(from, secret.data());
      cleaned_ += "????";
      from = secret.data() + secret.size();
    }
    cleaned_.append(from, text.data() + text.size());
    return line_use::masked;
  }

  void finish() override { open_.give_up(false); }

 private:
  line_use milestone(std::string_view text, u64 at) {
    const auto split = text.find(" = ");
    const auto f = find_function(trimmed(text.substr(0, split)));
    if (!f) return line_use::unknown;
    if (split == std::string_view::npos) {
      open_.begin(*f, at);
      return line_use::used;
    }
    const auto result = number_of(text.substr(split + 3));
    if (!result) return line_use::unknown;
    if (open_.offer([&](auto& e) { return e.c.function == *f; }) == nullptr) {
      facts_.gaps = true;
      return line_use::used;
    }
    open_.end_current(*result, at);
    return line_use::used;
  }

  // "Signing using RSA-SHA256... C_SignInit": the program had not ended its line.
  line_use behind_text(std::string_view text, u64 at) {
    const auto name = text.substr(text.find_last_of(" \t.:>") + 1);
    if (name.size() == text.size() || !name.starts_with("C_")) return line_use::unknown;
    const auto f = find_function(name);
    if (!f) return line_use::unknown;
    open_.begin(*f, at);
    cleaned_ = name;
    return line_use::masked;
  }

  bool string_value(scanner& s, u64 length, value& v, bool secret) {
    const auto before = s.rest;
    auto shown = string_of(s, length);
    v.what = kind::bytes;
    v.bytes = std::move(shown.bytes);
    v.partial = shown.partial;
    v.set_length(length);
    if (!shown.ended) return false;
    if (secret) secrets_.push_back(before.substr(0, before.size() - s.rest.size()));
    return true;
  }

  template <class Entry>
  bool parameter(Entry& e, scanner s, bool out) {
    const auto split = s.rest.find(" = ");
    if (split == std::string_view::npos) return false;
    const auto name = s.rest.substr(0, split);
    s.rest.remove_prefix(split + 3);
    const int found = find_argument(e.c.row(), name);
    if (found < 0) return false;
    const auto i = static_cast<std::size_t>(found);
    const auto& f = e.c.row().arguments[i];
    if (out && f.way == cryptoki::flow::in) return false;
    auto& v = (out ? e.c.out : e.c.in)[i];
    auto& values = out ? e.c.out : e.c.in;
    e.state = {};
    if (s.rest == "{") {
      if (f.kind == shape::mechanism) {
        v.what = kind::mechanism;
        v.partial = true;
        e.state.mechanism = &v;
        return true;
      }
      const auto id = cryptoki::record_named(f.kind == shape::address ? f.target : f.meaning);
      if (id == cryptoki::record_count) return false;
      make_structure(v, static_cast<u16>(id));
      e.state.structure = &v;
      return true;
    }
    if (s.rest.starts_with('(')) return counted(e.c.row().arguments, values, i, s);
    if (!cryptoki::is_pointer(f.kind)) {
      const auto n = number_of(s.rest);
      if (!n) return false;
      v.set_number(*n);
      return true;
    }
    if (s.rest == "NULL") {
      v.what = kind::null;
      return true;
    }
    if (f.kind == shape::bytes && s.rest.starts_with('"')) {  // a label: blank padded, so its length is fixed
      std::string text(s.rest.substr(1));
      if (!text.empty() && text.back() == '"') text.pop_back();
      if (f.fixed != 0) text.resize(f.fixed, ' ');
      v.set_bytes(text);
      if (is_secret(f.secret)) secrets_.push_back(s.rest);
      return true;
    }
    if (!s.hex()) return false;
    v.what = kind::pointer;
    if (f.kind == shape::numbers && s.literal(" = "))
      if (const auto n = number_of(s.rest)) v.set_number(*n);
    return true;
  }

  // "(2) ..." and "(?) ..."
  bool counted(std::span<const cryptoki::field> row, std::vector<value>& values, std::size_t i, scanner s) {
    auto& v = values[i];
    const auto& f = row[i];
    u64 n = unavailable;
    s.character('(');
    if (!s.literal("?) ")) {
      const auto shown = s.signed_decimal();
      if (!shown || !s.literal(") ")) return false;
      n = *shown;
    }
    if (n != unavailable) set_count(row, values, i, n);
    if (s.literal("NO-VALUES") || s.literal("NOTHING") || s.literal("NONE") || s.literal("NULL")) {
      v.what = kind::null;
      v.set_length(n);
      return true;
    }
    if (f.kind == shape::bytes) {
      return string_value(s, n, v, is_secret(f.secret));
    }
    if (!s.character('[')) return false;
    if (f.kind == shape::attributes) return attributes(v, s);
    v.what = kind::numbers;
    while (!s.rest.empty()) {
      s.blanks();
      if (s.rest.starts_with(']')) break;
      const auto end = s.rest.find_first_of(",]");
      const auto word = s.rest.substr(0, end);
      s.rest.remove_prefix(end == std::string_view::npos ? s.rest.size() : end + (s.rest[end] == ','));
      const auto number = number_of(word);
      if (!number) return false;
      v.numbers.push_back(*number);
    }
    return true;
  }

  // " CKA_CLASS, CKA_ID ]" of an input, " { CKA_CLASS = CKO_DATA }, { CKA_ID = (1) "\x01" } ]" of an output
  bool attributes(value& list, scanner& s) {
    list.what = kind::attributes;
    bool certificate = false;
    for (;;) {
      s.blanks();
      s.character(',');
      s.blanks();
      if (s.rest.empty() || s.character(']')) return true;
      const bool braces = s.literal("{ ");
      const auto type = find_constant(s.name());
      if (!type) return false;
      value a;
      a.type = *type;
      if (braces) {
        if (!s.literal(" = ")) return false;
        if (!attribute(a, s, certificate)) return false;
        certificate |= a.type == CKA_CLASS && a.what == kind::number && a.number == CKO_CERTIFICATE;
        if (!s.literal(" }")) return false;
      }
      list.parts.push_back(std::move(a));
    }
  }

  bool attribute(value& a, scanner& s, bool certificate) {
    if (!s.character('(')) {
      const auto end = s.rest.find(" }");
      const auto n = end != std::string_view::npos ? number_of(s.rest.substr(0, end)) : std::nullopt;
      if (!n) return false;
      s.rest.remove_prefix(end);
      a.set_number(*n);
      return true;
    }
    const auto length = s.signed_decimal();
    if (!length || !s.literal(") ")) return false;
    a.set_length(*length);
    if (s.literal("INVALID") || s.literal("NOT-PRINTED")) {
      a.what = kind::pointer;
      return true;
    }
    if (s.literal("NULL")) {
      a.what = kind::null;
      return true;
    }
    return string_value(s, *length, a, is_secret_attribute(a.type, certificate));
  }

  // "label: "text"" and "mechanism: CKM_X"
  bool nested(call_lines& state, std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto name = text.substr(0, colon);
    scanner s(text.substr(colon + 1));
    s.blanks();
    if (state.mechanism != nullptr) {
      auto& m = *state.mechanism;
      if (name == "mechanism") {
        if (s.rest == "NULL") {
          m.what = kind::null;
        } else if (const auto type = number_of(s.rest)) {
          m.number = *type;
          m.partial = false;
        }
        return true;
      }
      if (name != "pParameter" || !s.character('(')) return false;
      const auto length = s.decimal();
      if (!length || !s.literal(") ")) return false;
      if (m.parts.empty()) m.parts.emplace_back();
      auto& p = m.parts.front();
      if (s.literal("NULL")) {
        p.what = kind::null;
        return true;
      }
      return string_value(s, *length, p, true);
    }
    auto& v = *state.structure;
    const int i = find_field(v.id, name == "reserved" ? "pReserved" : name);
    if (i < 0) return false;
    auto& part = v.parts[static_cast<std::size_t>(i)];
    const auto& f = cryptoki::records[v.id].fields[static_cast<std::size_t>(i)];
    // p11-kit prints ulMaxSessionCount in place of these.
    constexpr std::string_view wrong[] = {"ulMaxRwSessionCount", "ulTotalPublicMemory", "ulFreePublicMemory",
                                          "ulTotalPrivateMemory", "ulFreePrivateMemory"};
    for (const auto w : wrong)
      if (f.name == w) return true;
    if (f.kind == shape::record) {
      const auto major = s.decimal();
      if (!major || !s.character('.')) return false;
      const auto minor = s.decimal();
      if (!minor) return false;
      make_structure(part, static_cast<u16>(cryptoki::record_named(f.meaning)));
      part.parts[0].set_number(*major & 0xff);
      part.parts[1].set_number(*minor & 0xff);
      return true;
    }
    if (f.fixed != 0) {
      if (!s.character('"')) return true;  // a clock that is not supported
      std::string bytes(s.rest);
      if (!bytes.empty() && bytes.back() == '"') bytes.pop_back();
      bytes.resize(f.fixed, ' ');
      part.set_bytes(bytes);
      return true;
    }
    if (cryptoki::is_pointer(f.kind)) {
      const auto what = scan_pointer(s);
      if (!what) return false;
      part.what = *what;
      return true;
    }
    // The two words are swapped in p11-kit.
    if (s.rest.starts_with("CK_UNAVAILABLE_INFORMATION")) return part.set_number(0), true;
    if (s.rest.starts_with("CK_EFFECTIVELY_INFINITE")) return part.set_number(unavailable), true;
    // Flags of slots and tokens are decimal, of modules, mechanisms and sessions hexadecimal.
    const bool decimal =
        v.id == cryptoki::record_named("CK_SLOT_INFO") || v.id == cryptoki::record_named("CK_TOKEN_INFO");
    if (f.name == "flags" && s.rest.starts_with('=')) return true;  // of C_Initialize some names alone, not the number
    const auto n = f.name == "flags" && !decimal ? s.hex() : number_of(s.rest);
    if (!n) return false;
    part.set_number(*n);
    return true;
  }

  open_calls<call_lines> open_;
  std::vector<std::string_view> secrets_;  // pieces of the line, in order
};

int recognise(std::string_view text) {
  if (text.starts_with("  IN: ") || text.starts_with(" OUT: "))
    return text.find(" = ") != std::string_view::npos ? 2 : 0;
  if (!text.starts_with("C_")) return 0;
  const auto split = text.find(" = CKR_");
  return split != std::string_view::npos && find_function(text.substr(0, split)) ? 2 : 0;
}

}  // namespace

const log_kind p11kit_log{"p11-kit", "p11-kit (log-calls)", recognise,
                          [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<p11kit_reader>(to); },
                          tape::lacks_failed_outputs};

}  // namespace p11tape::import
