// SPDX-License-Identifier: Apache-2.0
#include "import/display.hpp"

#include <algorithm>

#include "import/bind.hpp"
#include "import/scan.hpp"

namespace p11tape::import {

using cryptoki::shape;
using kind = value::kind;

namespace {

u64 length_of(scanner& s) noexcept {
  const auto n = s.signed_decimal();
  return !n || *n == 0xffffffffu ? unavailable : *n;
}

// "CKM_RSA_PKCS", "64" or "0x40", and nothing else.
std::optional<u64> constant_or_number(std::string_view text) noexcept {
  if (const auto n = find_constant(text)) return n;
  scanner s(text);
  const auto n = s.number();
  return s.at_end() ? n : std::nullopt;
}

struct address_and_length {
  bool null = false;
  u64 length = 0;
  u64 digits = 0;  ///< of the address
};

// "00007ffd41d31f80 / 8": an address of 8 or 16 digits.
std::optional<address_and_length> scan_address_and_length(std::string_view text) noexcept {
  scanner s(text);
  s.literal("0x");
  const auto before = s.rest.size();
  const auto address = s.hex();
  if (!address) return std::nullopt;
  address_and_length found;
  found.digits = before - s.rest.size();
  found.null = *address == 0;
  if (found.digits < 6 || !s.blanks() || !s.character('/')) return std::nullopt;
  s.blanks();
  found.length = length_of(s);
  const auto rest = trimmed(s.rest);
  if (!rest.empty() && (found.length != unavailable || !rest.starts_with("(CK_"))) return std::nullopt;
  return found;
}

bool is_secret_value(const value& list, const value& attribute, bool certificate) {
  const bool is_certificate = certificate || std::any_of(list.parts.begin(), list.parts.end(), [](const value& v) {
                                return v.type == CKA_CLASS && v.what == kind::number && v.number == CKO_CERTIFICATE;
                              });
  return is_secret_attribute(attribute.type, is_certificate);
}

}  // namespace

u64 display_lines::word_size_shown(std::string_view text) noexcept {
  const auto slash = text.rfind(" / ");
  if (slash == std::string_view::npos) return 0;
  const auto start = text.rfind(' ', slash - 1);
  const auto piece = text.substr(start == std::string_view::npos ? 0 : start + 1);
  const auto shown = scan_address_and_length(piece);
  if (!shown) return 0;
  if (shown->digits == 8 || piece.ends_with(" 4294967295")) return 4;
  return shown->digits == 16 ? 8 : 0;
}

line_use display_lines::masked(std::string_view text) {
  cleaned.assign(text);
  const auto indent = std::min(text.find_first_not_of(" \t"), text.size());
  for (auto i = indent + mask_from_; i < cleaned.size(); ++i)
    if (cleaned[i] != ' ') cleaned[i] = '*';
  return line_use::masked;
}

line_use display_lines::take(call& c, std::string_view text) {
  mask_ = took_dump_ = false;
  // 0.22 and 0.23 forget a line break between the two.
  if (c.function == cryptoki::function::C_GetMechanismInfo)
    if (const auto second = text.find("[out]", 1); second != std::string_view::npos)
      return take(c, text.substr(0, second)) == line_use::unknown ? line_use::unknown : take(c, text.substr(second));
  while (!text.empty() && (text.back() == '\r' || is_blank(text.back()))) text.remove_suffix(1);
  scanner s(text);
  const auto indent = s.blanks();
  bool ok = false;
  if (s.rest.empty()) {
    ok = true;
  } else if (s.rest.front() == '[' && (s.literal("[in") || s.literal("[out"))) {
    const bool out = text.substr(indent).starts_with("[out");
    s.blanks();
    ok = s.character(']') && (s.blanks(), parameter(c, s.rest, out));
  } else if (s.rest.starts_with("CKA_")) {
    ok = attribute(s.rest);
  } else if (last_ != nullptr && (wrapped(s.rest) || (indent > 0 && (dump(s.rest) || print_dump(s.rest))))) {
    ok = took_dump_ = true;
  } else {
    ok = list_line(c, s.rest);
    // Before 0.22 some inputs come without a mark in front.
    if (!ok && (s.rest.find('=') != std::string_view::npos || s.rest.find("->") != std::string_view::npos))
      ok = parameter(c, s.rest, false);
  }
  if (!ok) return line_use::unknown;
  return mask_ ? masked(text) : line_use::used;
}

bool display_lines::parameter(call& c, std::string_view text, bool out) {
  open_ = list::none;
  into_ = last_ = half_ = nullptr;
  certificate_ = false;
  // The name goes up to a blank, '=' or ':' outside of brackets.
  std::size_t n = 0;
  for (int depth = 0; n < text.size(); ++n) {
    if (text[n] == '[') ++depth;
    if (text[n] == ']') --depth;
    if (depth == 0 && (text[n] == ' ' || text[n] == '=' || text[n] == ':')) break;
  }
  const auto path = text.substr(0, n);
  const auto rest = text.substr(n);
  if (const auto arrow = path.find("->"); arrow != std::string_view::npos) {
    const int i = find_argument(c.row(), path.substr(0, arrow));
    if (i < 0 || c.row().arguments[static_cast<std::size_t>(i)].kind != shape::mechanism) return false;
    return mechanism_part(c.in[static_cast<std::size_t>(i)], path.substr(arrow + 2), rest);
  }
  const int i = find_argument(c.row(), path);
  if (i < 0 && path == "flags" && c.function == cryptoki::function::C_Initialize)
    return initialize_flags(c, rest.substr(std::min(rest.find_first_not_of(" ="), rest.size())));
  if (i < 0 && unnamed_mechanism_part(c, path, rest)) return true;
  if (i < 0) return path == "fakeVersion" || path == "pReserved" || path == "[compat]";
  if (!out && c.row().arguments[static_cast<std::size_t>(i)].kind == shape::attributes) {  // pTemplate[3]
    scanner s(path.substr(std::min(path.find('['), path.size())));
    if (const auto count = s.character('[') ? s.decimal() : std::nullopt) {
      set_count(c.row().arguments, c.in, static_cast<std::size_t>(i), *count);
      if (*count == 0) return true;  // whether it is NULL is not shown
    }
  }
  return argument_value(c, static_cast<std::size_t>(i), out, path.starts_with('*'), rest);
}

bool display_lines::argument_value(call& c, std::size_t index, bool out, bool star, std::string_view rest) {
  const auto& f = c.row().arguments[index];
  auto& v = (out ? c.out : c.in)[index];
  scanner s(rest);
  s.blanks();
  if (s.character('=')) {
    s.blanks();
    if (s.rest.empty()) return true;
    if (cryptoki::is_pointer(f.kind) && f.kind != shape::numbers) {
      if (f.kind == shape::mechanism && s.literal("NULL")) {
        v.what = kind::null;
        return true;
      }
      if (f.kind == shape::records) {  // pVersion = 3.0
        if (auto version = scan_version(s.rest)) {
          v = *std::move(version);
          return true;
        }
      }
      const bool plain = s.rest.starts_with("0x") || s.rest.starts_with('(') || s.rest.starts_with("NULL");
      const auto what = scan_pointer(s);
      if (!what) return false;
      v.what = *what;
      if (!plain && is_secret(f.secret)) return false;  // digits: a pointer of Windows, or what somebody wrote there
      return s.at_end();
    }
    if (f.kind == shape::numbers && out && !star && f.count >= 0) return false;
    if (s.rest.starts_with("CK")) {
      const auto constant = trimmed(s.rest);
      if (const auto n = find_constant(constant)) v.set_number(*n);
      // Of a name that we do not know the value stays unknown.
      return v.known() || std::all_of(constant.begin(), constant.end(), is_name);
    }
    if (s.literal("(null)")) return s.at_end();
    if (const auto type = s.literal("Unknown Mechanism (") ? s.hex() : std::nullopt) {
      v.set_number(*type);
      return s.character(')') && s.at_end();
    }
    if (s.literal("(nil)") || s.literal("NULL")) {
      v.what = kind::null;
      return s.at_end();
    }
    const auto n = s.number();
    if (!n || !s.at_end()) return false;
    v.set_number(*n);
    return true;
  }
  if (f.kind == shape::bytes) {
    if (!bytes_header(c.row().arguments, out ? c.out : c.in, index, s.rest)) return false;
    // What is asked for is the input that counts it: C_GenerateRandom's is shown nowhere else.
    if (out && v.what == kind::bytes && f.count >= 0 && !c.in[static_cast<std::size_t>(f.count)].known() &&
        !cryptoki::is_pointer(c.row().arguments[static_cast<std::size_t>(f.count)].kind))
      c.in[static_cast<std::size_t>(f.count)].set_number(v.length);
    return true;
  }
  if (!s.character(':') || !s.at_end()) return false;
  switch (f.kind) {
    case shape::attributes:
      v.what = kind::attributes;
      open_ = list::attributes;
      certificate_ = false;
      break;
    case shape::records:
      if (f.count >= 0) {
        open_ = list::interfaces;
      } else {
        make_structure(v, static_cast<u16>(cryptoki::record_named(f.meaning)));
        open_ = list::structure;
      }
      break;
    case shape::numbers:
      v.what = kind::numbers;
      open_ = f.meaning == "mechanism" ? list::mechanisms : f.meaning == "object" ? list::objects : list::slots;
      break;
    default:
      return false;
  }
  into_ = &v;
  return true;
}

bool display_lines::bytes_header(std::span<const cryptoki::field> row, std::vector<value>& values, std::size_t index,
                                 std::string_view rest) {
  auto& v = values[index];
  rest = trimmed(rest);
  if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
  if (rest.starts_with("NULL")) {
    v.what = kind::null;
    const auto open = rest.find('(');
    scanner s(open == std::string_view::npos ? std::string_view{} : rest.substr(open + 1));
    if (const auto length = s.signed_decimal()) set_count(row, values, index, *length);
    return true;
  }
  if (rest == "EMPTY") {
    v.what = kind::pointer;
    return true;
  }
  // Who hides a value writes words or stars in its place.
  const auto shown = scan_address_and_length(rest);
  if (!shown) return false;
  v.what = shown->null ? kind::null : kind::bytes;
  v.partial = !shown->null && shown->length != 0;
  v.set_length(shown->length);
  set_count(row, values, index, shown->length);
  if (!shown->null) expect_dump(v, is_secret(row[index].secret));
  return true;
}

// libpkcs11shim: "[in] pParameter[ulParameterLen]" and "[out] pSourceData[...]", below the line that names the mechanism.
bool display_lines::unnamed_mechanism_part(call& c, std::string_view path, std::string_view rest) {
  for (std::size_t i = 0; i < c.in.size(); ++i) {
    if (c.row().arguments[i].kind != shape::mechanism || c.in[i].what != kind::mechanism) continue;
    if (path.starts_with("pParameter")) return mechanism_part(c.in[i], path, rest);
    return mechanism_part(c.in[i], "pParameter->" + std::string(path), rest);
  }
  return false;
}

bool display_lines::mechanism_part(value& m, std::string_view path, std::string_view rest) {
  if (m.what != kind::mechanism) {
    m.what = kind::mechanism;
    m.partial = true;  // its type is not known yet
  }
  rest = trimmed(rest);
  if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
  if (path == "type" || path == "mechanism") {
    const auto type = constant_or_number(rest);
    if (!type) return true;
    m.number = *type;
    m.partial = false;
    return true;
  }
  if (!path.starts_with("pParameter")) return path == "ulParameterLen";
  if (m.parts.empty()) m.parts.emplace_back();
  auto& parameter = m.parts.front();
  path.remove_prefix(10);
  if (path.empty()) {
    scanner s(rest);
    const auto what = scan_pointer(s);
    if (!what) return false;
    parameter.what = *what;
    return true;
  }
  if (path.starts_with('[')) {
    if (rest.starts_with("NULL")) {
      parameter.what = kind::null;
      return true;
    }
    const auto shown = scan_address_and_length(rest);
    if (!shown) return false;
    parameter.what = shown->null ? kind::null : kind::bytes;
    parameter.partial = shown->length != 0;
    parameter.set_length(shown->length);
    if (!shown->null) expect_dump(parameter, true);  // what its bytes mean is decided when all of them are there
    return true;
  }
  if (!path.starts_with("->")) return false;
  const auto index = parameter_field(m, path.substr(2));
  if (!index) return false;
  auto& values = m.parts.front().parts;
  const auto fields = cryptoki::records[m.parts.front().id].fields;
  const auto& f = fields[*index];
  if (f.kind == shape::bytes || (f.kind == shape::address && !f.counted_by.empty()))
    return bytes_header(fields, values, *index, rest);
  if (const auto n = constant_or_number(rest)) values[*index].set_number(*n);
  return true;
}

bool display_lines::attribute(std::string_view text) {
  if (open_ != list::attributes || into_ == nullptr) return false;
  last_ = nullptr;
  scanner s(text);
  const auto name = s.name();
  std::optional<u64> type;
  if (name == "CKA_" && s.character('?')) {
    s.blanks();
    if (s.character('(')) type = s.hex();
    if (!type || !s.character(')')) return false;
  } else {
    s.literal("(NSS)");
    type = find_constant(name);
    if (!type) return false;
  }
  value a;
  a.type = *type;
  const auto rest = trimmed(s.rest);
  bool dump_follows = false;
  if (const auto shown = scan_address_and_length(rest)) {
    a.what = shown->null ? kind::null : kind::pointer;
    a.set_length(shown->length);
    dump_follows = !shown->null && shown->length != unavailable && shown->length != 0;
  } else if (rest == "True" || rest == "False") {
    a.set_bytes(std::string_view(rest == "True" ? "\1" : "\0", 1));
  } else if (rest == "EMPTY") {
    a.what = kind::pointer;
    a.set_length(unavailable);
  } else if (rest.starts_with("Value ")) {
    const auto n = scanner(rest.substr(6)).hex();
    if (!n) return false;
    a.set_number(*n);
  } else if (const auto n = find_constant(rest)) {
    a.set_number(*n);
  } else if (rest.empty() || rest.front() == '<' || rest.front() == '*' || rest.front() == '[') {
    a.what = kind::unknown;  // somebody took the value out, or wrote something else in its place
    mask_ = !rest.empty();
    mask_from_ = text.size() - rest.size();
  } else {
    return false;
  }
  if (into_->parts.size() >= most_elements) return true;
  into_->parts.push_back(std::move(a));
  into_->set_length(into_->parts.size());
  if (dump_follows) expect_dump(into_->parts.back(), is_secret_value(*into_, into_->parts.back(), certificate_));
  return true;
}

}  // namespace p11tape::import
