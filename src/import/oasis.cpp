// SPDX-License-Identifier: Apache-2.0
// The XML test cases of the PKCS #11 Profiles (OASIS): a call is two elements, the request and the response.
//
//   <C_Login>
//     <Session value="${Session}"/> <UserType value="USER"/> <Pin value="${Pin}"/>
//   </C_Login>
//   <C_Login rv="OK"/>
//
// Names are the specification's without the letters for types; constants are without their prefix. ${...} is a variable of
// the test: handles and slots get a number each, other variables are not known. Bytes are hexadecimal, text is text.
#include <map>

#include "import/bind.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::field;
using cryptoki::form;
using cryptoki::shape;
using kind = value::kind;

struct tag {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string_view>> attributes;
  bool closes = false, empty = false;

  bool has(std::string_view which) const noexcept {
    for (const auto& [key, text] : attributes)
      if (key == which) return true;
    return false;
  }
  std::string_view get(std::string_view which) const noexcept {
    for (const auto& [key, text] : attributes)
      if (key == which) return text;
    return {};
  }
  std::optional<u64> length() const noexcept { return scanner(get("length")).number(); }
};

// The next tag of a line; what stands before it is no markup and says nothing.
std::optional<tag> next_tag(scanner& s) {
  if (!s.until('<')) return std::nullopt;
  tag t;
  t.closes = s.character('/');
  t.name = s.name();
  for (;;) {
    s.blanks();
    t.empty = s.literal("/>");
    if (t.empty || s.character('>')) return t;
    const auto key = s.name();
    if (key.empty() || !s.character('=') || !s.character('"')) return std::nullopt;
    const auto text = s.until('"');
    if (!text) return std::nullopt;
    t.attributes.emplace_back(key, *text);
  }
}

class oasis_reader final : public reader {
 public:
  explicit oasis_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    const auto text = trimmed(l.text);
    if (text.empty() || text.starts_with('#') || text.starts_with("<?") || text.starts_with("<!"))
      return line_use::used;
    if (!text.starts_with('<')) return line_use::unknown;
    scanner s(text);
    secrets_.clear();
    bool all = true;
    while (!s.at_end()) {
      const auto t = next_tag(s);
      if (!t) return line_use::unknown;
      all &= element(*t, l.number);
    }
    if (!all) return line_use::unknown;
    if (secrets_.empty()) return line_use::used;
    cleaned_.clear();
    const char* from = l.text.data();
    for (const auto& secret : secrets_) {
      cleaned_.append(from, secret.data());
      cleaned_ += "${removed}";
      from = secret.data() + secret.size();
    }
    cleaned_.append(from, l.text.data() + l.text.size());
    return line_use::masked;
  }

  void finish() override { open_.give_up(false); }

 private:
  struct nothing {};

  bool element(const tag& t, u64 at) {
    if (t.name == "PKCS11") return true;
    if (t.name.starts_with("C_") && path_.empty()) {
      if (t.closes) return leave(at);
      return enter(t, at);
    }
    if (t.name.starts_with("C_") && t.closes) {
      path_.clear();
      return leave(at);
    }
    if (t.closes) {
      if (!path_.empty()) path_.pop_back();
      return true;
    }
    auto* e = open_.current();
    const bool ok = e != nullptr && place(e->c, t);
    if (!t.empty) path_.emplace_back(t.name);
    return ok;
  }

  bool enter(const tag& t, u64 at) {
    const auto f = find_function(t.name);
    if (!f) return false;
    output_ = t.has("rv");
    argument_ = -1;
    if (output_) {
      auto* e = open_.current();
      if (e == nullptr || e->c.function != *f) open_.begin(*f, at);
      const auto shown = t.get("rv");
      auto result = find_constant("CKR_" + std::string(shown));
      if (!result) result = find_constant(shown);
      if (!result) result = scanner(shown).number();
      if (!result) return false;
      result_ = *result;
    } else {
      open_.give_up(true);
      open_.begin(*f, at);
    }
    return !t.empty || leave(at);
  }

  bool leave(u64 at) {
    path_.clear();
    if (output_ && !open_.empty()) {
      auto& c = open_.current()->c;
      for (std::size_t i = 0; i < c.out.size(); ++i)
        if (c.out[i].what == kind::numbers) set_count(c.row().arguments, c.out, i, c.out[i].numbers.size());
      open_.end_current(result_, at);
    }
    output_ = false;
    return true;
  }

  // An element inside a call: an argument, or a part of the one that is open.
  bool place(call& c, const tag& t) {
    auto& values = output_ ? c.out : c.in;
    if (path_.empty()) {
      argument_ = argument_of(c, t.name);
      if (argument_ < 0) return false;
      const auto i = static_cast<std::size_t>(argument_);
      return argument(c.row().arguments, values, i, t);
    }
    if (argument_ < 0) return false;
    const auto i = static_cast<std::size_t>(argument_);
    const auto& f = c.row().arguments[i];
    auto& v = values[i];
    switch (f.kind) {
      case shape::numbers: {
        if (v.what != kind::numbers) v = value{};
        v.what = kind::numbers;
        const auto n = number(f.meaning, t.get("value"));
        if (!n) return false;
        if (v.numbers.size() < most_elements) v.numbers.push_back(*n);
        return true;
      }
      case shape::attributes:
        if (v.what != kind::attributes) v = value{};
        v.what = kind::attributes;
        return attribute(v, t);
      case shape::mechanism:
        return mechanism(c.in[i], t);
      case shape::records: {
        const auto id = cryptoki::record_named(f.meaning);
        if (id == cryptoki::record_count) return false;
        make_structure(v, static_cast<u16>(id));
        return structure_field(v, t);
      }
      default:
        return false;
    }
  }

  static int argument_of(const call& c, std::string_view name) {
    if (name == "Info" || name == "SlotInfo" || name == "TokenInfo" || name == "SessionInfo" || name == "MechanismInfo")
      name = "pInfo";
    return find_argument(c.row(), name);
  }

  bool argument(std::span<const field> row, std::vector<value>& values, std::size_t i, const tag& t) {
    const auto& f = row[i];
    auto& v = values[i];
    if (const auto n = t.length()) {
      // C_FindObjects has room and count apart; all others write the count over the room.
      if (f.cap >= 0 && !output_) {
        values[static_cast<std::size_t>(f.cap)].set_number(*n);
      } else {
        set_count(row, values, i, *n);
      }
    }
    if (!cryptoki::is_pointer(f.kind)) {
      if (const auto n = number(f.meaning, t.get("value"))) v.set_number(*n);
      return true;
    }
    if (f.kind == shape::bytes) {
      if (is_secret(f.secret) && t.has("value")) secrets_.push_back(t.get("value"));
      if (t.has("value"))
        return bytes(v, t.get("value"),
                     f.secret == cryptoki::redaction_class::pin || f.secret == cryptoki::redaction_class::identity) &&
               (v.what != kind::bytes || (set_count(row, values, i, v.length), true));
      if (!t.has("length")) v.what = kind::null;
      return true;
    }
    if (f.kind == shape::numbers) {
      if (const auto n = t.has("value") ? number(f.meaning, t.get("value")) : std::nullopt) {
        v.set_number(*n);
      } else if (t.empty && !t.has("length")) {
        v.what = output_ ? kind::numbers : kind::null;
      }
      return true;
    }
    if (f.kind == shape::attributes) v.what = kind::attributes;
    return true;
  }

  // Text, or hexadecimal digits. A variable is a value that is not known.
  static bool bytes(value& v, std::string_view shown, bool text) {
    if (shown.starts_with("${")) {
      v.what = kind::pointer;
      return true;
    }
    if (text) {
      v.set_bytes(shown);
    } else if (const auto hex = scan_hex_bytes(shown); hex && !hex->partial) {
      v.set_bytes(hex->bytes);
    } else {
      return false;
    }
    return true;
  }

  std::optional<u64> number(std::string_view meaning, std::string_view shown) {
    constexpr struct {
      std::string_view meaning, prefix;
    } prefixes[] = {{"user_type", "CKU_"},    {"mechanism", "CKM_"}, {"session_state", "CKS_"},
                    {"object_class", "CKO_"}, {"key_type", "CKK_"},  {"certificate_type", "CKC_"},
                    {"mgf", "CKG_"},          {"kdf", "CKD_"},       {"attribute", "CKA_"}};
    if (shown.starts_with("${")) {
      if (meaning != "slot" && meaning != "session" && meaning != "object") return std::nullopt;
      return variables_.try_emplace(std::string(shown), variables_.size() + 1).first->second;
    }
    if (meaning == "boolean") return shown == "true" || shown == "TRUE" ? 1 : 0;
    scanner s(shown);
    if (const auto n = s.number(); n && s.at_end()) return n;
    if (cryptoki::is_flags(meaning)) {
      u64 flags = 0;
      while (!shown.empty()) {
        const auto bar = shown.find('|');
        const auto bit = find_constant("CKF_" + std::string(trimmed(shown.substr(0, bar))));
        if (!bit) return std::nullopt;
        flags |= *bit;
        shown = bar == std::string_view::npos ? std::string_view{} : shown.substr(bar + 1);
      }
      return flags;
    }
    for (const auto& p : prefixes)
      if (p.meaning == meaning) return find_constant(std::string(p.prefix) + std::string(shown));
    return std::nullopt;
  }

  bool attribute(value& list, const tag& t) {
    if (t.name != "Attribute") return false;
    const auto type = find_constant("CKA_" + std::string(t.get("type")));
    if (!type) return false;
    value a;
    a.type = *type;
    const auto* row = cryptoki::find_attribute(a.type);
    const auto shown = t.get("value");
    const bool certificate = [&] {
      for (const auto& other : list.parts)
        if (other.type == CKA_CLASS && other.what == kind::number) return other.number == CKO_CERTIFICATE;
      return false;
    }();
    if (t.has("value")) {
      if (is_secret_attribute(a.type, certificate)) secrets_.push_back(shown);
      const bool is_number = row != nullptr && row->kind == form::number;
      if (row != nullptr && row->kind == form::flag) {
        a.set_bytes(std::string_view(shown == "TRUE" || shown == "true" ? "\1" : "\0", 1));
      } else if (const auto n = is_number ? number(row->meaning, shown) : std::nullopt) {
        a.set_number(*n);
      } else if (!bytes(a, shown, row != nullptr && (row->kind == form::text || row->kind == form::date))) {
        a.what = kind::pointer;
      }
    } else if (const auto length = t.length()) {
      a.what = output_ ? kind::null : kind::pointer;
      a.set_length(*length);
    } else {
      a.what = kind::null;
      a.set_length(0);
    }
    if (list.parts.size() < most_elements) list.parts.push_back(std::move(a));
    return true;
  }

  bool mechanism(value& m, const tag& t) {
    if (path_.back() == "Parameter") return parameter(m, t);
    if (t.name == "Parameter") {
      if (!t.has("value")) return true;
      if (m.parts.empty()) m.parts.emplace_back();
      return bytes(m.parts.front(), t.get("value"), false);
    }
    if (t.name != "Type") return false;
    const auto type = number("mechanism", t.get("value"));
    if (!type) return false;
    m.what = kind::mechanism;
    m.number = *type;
    return true;
  }

  // A field of the struct that is a mechanism's parameter.
  bool parameter(value& m, const tag& t) {
    const auto index = parameter_field(m, t.name);
    if (!index) return false;
    auto& all = m.parts.front();
    auto& v = all.parts[*index];
    const auto& fields = cryptoki::records[all.id].fields;
    const auto& f = fields[*index];
    if (f.kind == shape::bytes) {
      if (is_secret(f.secret) && t.has("value")) secrets_.push_back(t.get("value"));
      if (t.has("value")) {
        if (!bytes(v, t.get("value"), false)) return false;
        if (v.what == kind::bytes) set_count(fields, all.parts, *index, v.length);
      } else if (const auto length = t.length()) {
        v.what = kind::pointer;
        set_count(fields, all.parts, *index, *length);
      }
      return true;
    }
    if (f.kind != shape::number && f.kind != shape::byte) return false;
    if (const auto n = number(f.meaning, t.get("value"))) v.set_number(*n);
    return true;
  }

  bool structure_field(value& v, const tag& t) {
    const int i = find_field(v.id, t.name == "Flags" ? "flags" : t.name);
    if (i < 0) return false;
    auto& part = v.parts[static_cast<std::size_t>(i)];
    const auto& f = cryptoki::records[v.id].fields[static_cast<std::size_t>(i)];
    if (f.kind == shape::record) {
      const auto major = scanner(t.get("major")).number(), minor = scanner(t.get("minor")).number();
      if (!major || !minor) return false;
      make_structure(part, static_cast<u16>(cryptoki::record_named(f.meaning)));
      part.parts[0].set_number(*major & 0xff);
      part.parts[1].set_number(*minor & 0xff);
      return true;
    }
    if (f.fixed != 0) {
      std::string text(t.get("value"));
      text.resize(f.fixed, ' ');
      part.set_bytes(text);
      return true;
    }
    if (const auto n = number(f.meaning, t.get("value"))) part.set_number(*n);
    return true;
  }

  open_calls<nothing> open_;
  std::vector<std::string> path_;  // of open elements inside a call
  int argument_ = -1;
  bool output_ = false;
  u64 result_ = 0;
  std::map<std::string, u64> variables_;
  std::vector<std::string_view> secrets_;  // pieces of the line, in order
};

int recognise(std::string_view text) {
  text = trimmed(text);
  if (text == "<PKCS11>") return 3;
  return text.starts_with("<C_") && (text.ends_with("/>") || text.ends_with(">")) ? 2 : 0;
}

}  // namespace

const log_kind oasis_log{"oasis-xml", "OASIS test cases (XML)", recognise,
                         [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<oasis_reader>(to); },
                         tape::lacks_failed_outputs};

}  // namespace p11tape::import
