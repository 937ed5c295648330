// SPDX-License-Identifier: Apache-2.0
#include "import/display.hpp"

#include <algorithm>

#include "import/bind.hpp"
#include "import/scan.hpp"

namespace p11tape::import {

using cryptoki::shape;
using kind = value::kind;

namespace {

constexpr u64 most_bytes = 1 << 20;  // of one dump that is kept

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

struct dump_row {
  std::string bytes;
  bool masked = false;  ///< some of them are not shown
  bool whole = false;   ///< there is one at least, and a blank behind each
};

// Up to `most` pairs of digits, each followed by one blank. What is behind them shows the same as characters.
dump_row scan_dump_row(scanner& s, std::size_t most) {
  dump_row row;
  std::size_t n = 0;
  const auto is_mask = [](char c) { return c == 'x' || c == 'X' || c == '*' || c == '?' || c == '.'; };
  for (; n < most && s.rest.size() >= 2; ++n) {
    const int high = hex_digit(s.rest[0]), low = hex_digit(s.rest[1]);
    if (high >= 0 && low >= 0) {
      row.bytes += static_cast<char>(high * 16 + low);
    } else if (is_mask(s.rest[0]) && s.rest[1] == s.rest[0]) {
      row.masked = true;
    } else {
      break;
    }
    s.rest.remove_prefix(2);
    if (!s.rest.empty() && s.rest.front() != ' ') return row;
    if (!s.rest.empty()) s.rest.remove_prefix(1);
  }
  row.whole = n > 0;
  return row;
}

// Text in single quotes, with its padding. A text that ends in NUL before the field does is printed right-aligned.
std::string quoted(std::string_view text, std::size_t size) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '\'') return {};
  text.remove_prefix(1);
  if (text.back() == '\'') text.remove_suffix(1);
  std::string s(text);
  if (const auto start = s.find_first_not_of(' '); start != std::string::npos && start > 0 && s.back() != ' ') {
    s.erase(0, start);
    s.resize(size, '\0');
  }
  s.resize(size, ' ');
  return s;
}

struct version {
  u64 major = 0, minor = 0;
};

std::optional<version> scan_version(std::string_view text) noexcept {
  scanner s(text);
  const auto major = s.decimal();
  if (!major || !s.character('.')) return std::nullopt;
  const auto minor = s.decimal();
  if (!minor) return std::nullopt;
  return version{*major, *minor};
}

void set_version(value& v, const version& n) {
  make_structure(v, static_cast<u16>(cryptoki::record_named("CK_VERSION")));
  v.parts[0].set_number(n.major & 0xff);
  v.parts[1].set_number(n.minor & 0xff);
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

void display_lines::expect_dump(value& v, bool secret) noexcept {
  last_ = &v;
  secret_ = secret;
  characters_follow_ = false;
  row_missing_ = characters_missing_ = 0;
}

bool display_lines::awaits_secret() const noexcept {
  return last_ != nullptr && secret_ && (last_->what == kind::pointer || last_->partial);
}

line_use display_lines::disown(std::string_view text) {
  if (last_ != nullptr) {
    last_->bytes.clear();
    last_->partial = true;
  }
  secret_ = true;
  return masked(text);
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
        if (const auto version = scan_version(s.rest)) {
          set_version(v, *version);
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

bool display_lines::dump(std::string_view text) {
  scanner s(text);
  if (s.rest.starts_with("DN:")) return true;
  if (s.rest.size() < 10) return false;
  for (std::size_t i = 0; i < 8; ++i)
    if (hex_digit(s.rest[i]) < 0) return false;
  const auto offset = scanner(s.rest.substr(0, 8)).hex();
  if (!offset || s.rest[8] != ' ') return false;
  s.rest.remove_prefix(8);
  s.blanks();
  auto& v = *last_;
  if (v.what == kind::pointer || v.what == kind::unknown) {  // an attribute whose value follows after all
    v.what = kind::bytes;
    v.bytes.clear();
  }
  if (v.what != kind::bytes) return false;
  const u64 missing = v.length_known && v.length > *offset ? v.length - *offset : 16;
  const auto row = scan_dump_row(s, static_cast<std::size_t>(std::min<u64>(missing, 16)));
  if (!row.whole && v.length != 0) return false;
  if (*offset == v.bytes.size() && !row.masked && v.bytes.size() < most_bytes) {
    v.bytes += row.bytes;
  } else {
    v.partial = true;
  }
  v.partial = v.bytes.size() != v.length;
  const auto shown = std::min<u64>(missing, 16);
  const bool cut = !row.masked && row.bytes.size() < shown && s.at_end();
  row_missing_ = cut ? static_cast<std::size_t>(shown) - row.bytes.size() : 0;
  characters_missing_ = cut ? static_cast<std::size_t>(shown) : s.at_end() ? row.bytes.size() : 0;
  mask_ = secret_;
  mask_from_ = 8;
  return true;
}

// A mail program has broken a line of the dump in two: the rest of the digits, or the characters alone.
bool display_lines::wrapped(std::string_view text) {
  if (characters_missing_ == 0 || text.size() > 3 * row_missing_ + characters_missing_ + 2) return false;
  const auto digits = row_missing_;
  row_missing_ = 0;
  characters_missing_ = 0;
  auto& v = *last_;
  scanner s(text);
  if (digits != 0) {
    const auto row = scan_dump_row(s, digits);
    if (!row.whole) return false;
    v.bytes += row.bytes;
    v.partial = row.masked || v.bytes.size() != v.length;
  } else if ((text.size() >= 10 && text[8] == ' ' && hex_digit(text[0]) == 0 && hex_digit(text[7]) == 0) ||
             text.starts_with('[') || text.starts_with("CKA_") || text.starts_with("CKF_")) {
    return false;  // the next line of the dump, or of what is around it
  }
  mask_ = secret_;
  mask_from_ = 0;
  return true;
}

// Before the offsets came: groups of four bytes, and a line of the characters below.
bool display_lines::print_dump(std::string_view text) {
  auto& v = *last_;
  if (characters_follow_) {
    characters_follow_ = false;
    mask_ = secret_;
    mask_from_ = 0;
    return true;
  }
  if ((v.what != kind::bytes && v.what != kind::pointer) || text.size() < 2) return false;
  const auto row = scan_hex_bytes(text);
  if (!row) return false;
  if (v.what == kind::pointer) {
    v.what = kind::bytes;
    v.bytes.clear();
  }
  if (v.bytes.size() + row->bytes.size() <= v.length) v.bytes += row->bytes;
  v.partial = row->partial || v.bytes.size() != v.length;
  characters_follow_ = true;
  mask_ = secret_;
  mask_from_ = 0;
  return true;
}

bool display_lines::initialize_flags(call& c, std::string_view text) {
  scanner s(text);
  s.blanks();
  const auto flags = s.number();
  if (!flags) return false;
  make_structure(c.in[0], static_cast<u16>(cryptoki::record_named("CK_C_INITIALIZE_ARGS")));
  c.in[0].parts[static_cast<std::size_t>(find_field(c.in[0].id, "flags"))].set_number(*flags);
  return true;
}

bool display_lines::list_line(call& c, std::string_view text) {
  if (text.starts_with("DN:") || text.starts_with("(unknown type --") || text == "[compat]") return true;
  if (text.starts_with("CKF_")) return text.find(' ') == std::string_view::npos;
  scanner s(text);
  if (c.function == cryptoki::function::C_Initialize && s.literal("flags:")) return initialize_flags(c, s.rest);
  if (s.literal("Object ")) {
    const auto object = s.number();
    if (!object || !s.literal(" matches")) return false;
    const int i = find_argument(c.row(), "phObject");
    if (i < 0) return false;
    auto& v = c.out[static_cast<std::size_t>(i)];
    v.what = kind::numbers;
    if (v.numbers.size() < most_elements) v.numbers.push_back(*object);
    return true;
  }
  if (open_ == list::structure && c.function == cryptoki::function::C_GetMechanismInfo) return mechanism_info(c, text);
  if (open_ == list::structure) return structure_field(text);
  const bool slots = open_ == list::slots && s.literal("Slot ");
  const bool counted = !slots && open_ != list::none && s.literal("Count is ");
  if (slots || counted) {
    const auto n = s.signed_decimal();
    if (!n || !s.at_end()) return false;
    if (slots) {
      if (into_->numbers.size() < most_elements) into_->numbers.push_back(*n);
    } else {  // a NULL buffer: only the number was asked for
      into_->what = kind::null;
      for (std::size_t i = 0; i < c.out.size(); ++i)
        if (&c.out[i] == into_) set_count(c.row().arguments, c.out, i, *n);
    }
    return true;
  }
  const bool request = c.function == cryptoki::function::C_GetMechanismInfo && open_ == list::none;
  if (open_ != list::mechanisms && !request) return open_ == list::interfaces && text.starts_with("Interface '");
  const auto type = s.literal("Unknown Mechanism (") ? s.hex() : find_constant(text);
  if (!type) return false;
  if (request) {
    c.in[1].set_number(*type);
  } else {
    if (into_->numbers.size() < most_elements) into_->numbers.push_back(*type);
  }
  return true;
}

// "CKM_RSA_PKCS : min:512 max:4096 flags:0x801 ( Hardware Sign )"
bool display_lines::mechanism_info(call&, std::string_view text) {
  const auto at = text.find(" : min:");
  if (at == std::string_view::npos) return false;
  scanner s(text.substr(at + 7));
  const auto least = s.signed_decimal();
  if (!least || !s.literal(" max:")) return false;
  const auto most = s.signed_decimal();
  if (!most || !s.literal(" flags:")) return false;
  const auto flags = s.number();
  if (!flags) return false;
  into_->parts[0].set_number(*least);
  into_->parts[1].set_number(*most);
  into_->parts[2].set_number(*flags);
  return true;
}

bool display_lines::structure_field(std::string_view text) {
  scanner s(text);
  if (half_ != nullptr && s.rest.starts_with('\'')) {  // the second half of slotDescription
    half_->bytes.resize(32, ' ');
    half_->set_bytes(half_->bytes + quoted(s.rest, 32));
    half_ = nullptr;
    return true;
  }
  half_ = nullptr;
  const auto name = s.until(':');
  if (!name) return false;
  const int i = find_field(into_->id, *name == "time" ? "utcTime" : *name);
  if (i < 0) return false;
  auto& v = into_->parts[static_cast<std::size_t>(i)];
  const auto& f = cryptoki::records[into_->id].fields[static_cast<std::size_t>(i)];
  const auto rest = trimmed(s.rest);
  if (f.kind == shape::record) {
    const auto version = scan_version(rest);
    if (version) set_version(v, *version);
    return version.has_value();
  }
  if (f.fixed != 0) {
    const bool halves = f.fixed == 64;
    v.set_bytes(quoted(rest, halves ? 32 : f.fixed));
    if (halves) half_ = &v;
    return !v.bytes.empty();
  }
  if (f.name == "state") {  // 'CKS_...' up to 0.22, then 3 (CKS_...)
    const auto at = rest.find("CKS_");
    if (at != std::string_view::npos) {
      if (const auto state = find_constant(scanner(rest.substr(at)).name())) v.set_number(*state);
      return true;
    }
  }
  const bool hexadecimal = f.name == "flags" || f.name == "ulDeviceError" || f.name == "state";
  scanner r(rest);
  const auto n = hexadecimal ? r.hex() : r.number();
  if (!n || !r.at_end()) return f.name == "state";
  v.set_number(*n);
  return true;
}

}  // namespace p11tape::import
