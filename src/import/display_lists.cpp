// SPDX-License-Identifier: Apache-2.0
// Lines that belong to a list or a struct which a line above has opened.
#include "import/display.hpp"

#include "import/bind.hpp"
#include "import/scan.hpp"

namespace p11tape::import {

using cryptoki::shape;
using kind = value::kind;

namespace {

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

}  // namespace

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
    auto version = scan_version(rest);
    if (!version) return false;
    v = *std::move(version);
    return true;
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
