// SPDX-License-Identifier: Apache-2.0
// pkcs11-logger of the Pkcs11Interop project, 2.0 to 2.3.
//
//   0x00001267 : 0x00007f3a2c0d4740 : ***...***                                          process, thread; each optional
//   0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.123456 - Entered C_Login       before 2.3: Calling C_Login
//   0x00001267 : 0x00007f3a2c0d4740 : Input
//   0x00001267 : 0x00007f3a2c0d4740 :  hSession: 1                                       a blank more for each level
//   0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.123460 - Calling C_Login
//   0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.140000 - Received response from C_Login
//   0x00001267 : 0x00007f3a2c0d4740 : Output
//   0x00001267 : 0x00007f3a2c0d4740 : 2026-11-28 17:40:01.140010 - Returning 0 (CKR_OK)
//
// The module's own time lies between "Calling" and "Received response". Before 2.3 there is one time a call, in
// seconds, in the line of stars.
#include "import/bind.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::shape;
using kind = value::kind;

struct call_lines {
  bool output = false;
  int argument = -1;              ///< the latest that has a value; what is nested belongs to it
  std::vector<value*> templates;  ///< open ones, the innermost last
  value* version = nullptr;       ///< an embedded CK_VERSION whose fields follow
};

struct prefix {
  std::optional<u64> process, thread;
};

// "0x00001267 : 0x00007f3a2c0d4740 : ", either half or none.
prefix take_prefix(scanner& s) noexcept {
  prefix p;
  for (int half = 0; half < 2; ++half) {
    const auto before = s.rest;
    const auto n = s.rest.starts_with("0x") ? s.hex() : std::nullopt;
    if (!n || !s.literal(" : ")) {
      s.rest = before;
      break;
    }
    const auto digits = before.find(' ');
    if (half == 0 && digits <= 10) {
      p.process = n;
    } else {
      p.thread = n;
    }
  }
  return p;
}

// "1", "160 (CKR_PIN_INCORRECT)", "384 (CKA_EC_PARAMS or CKA_ECDSA_PARAMS)": a number, its name perhaps, and nothing else.
std::optional<u64> number_alone(scanner& s) noexcept {
  const auto n = s.number();
  if (!n) return std::nullopt;
  s.blanks();
  std::string_view words;
  if (s.character('(')) {
    const auto inside = s.until(')');
    if (!inside) return std::nullopt;
    words = *inside;
  }
  while (!words.empty()) {
    scanner w(words);
    const auto name = w.name();
    if (!name.starts_with("CK") && name != "or" && name != "Unknown") return std::nullopt;
    w.blanks();
    words = w.rest;
  }
  return s.at_end() ? n : std::nullopt;
}

bool is_stars(std::string_view text) noexcept { return text.starts_with("***************"); }

class logger_reader final : public reader {
 public:
  explicit logger_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    scanner s(l.text);
    const auto from = take_prefix(s);
    facts_.processes |= from.process.has_value();
    facts_.threads |= from.thread.has_value();
    const auto text = s.rest;
    if (trimmed(text).empty()) return line_use::used;
    if (is_stars(text)) return stars(text);
    if (text.starts_with("PKCS11-LOGGER ")) {
      facts_.version = trimmed(text.substr(14));
      return line_use::used;
    }
    for (const std::string_view loaded : {"Successfuly loaded ", "Successfully loaded "})
      if (s.literal(loaded)) {
        process_start p;
        p.module = trimmed(s.rest);
        p.line = l.number;
        if (!from.process) open_.give_up(false);
        to_.begin_process(p);
        return line_use::used;
      }
    auto time = scan_date_time(s);
    if (time && !s.literal(" - ")) time.reset();
    if (const auto library = s.literal("Loading library \"") ? s.until('"') : std::nullopt) {
      process_start p;
      p.module = *library;
      p.line = l.number;
      if (!from.process) open_.give_up(false);
      to_.begin_process(p);
      return line_use::used;
    }
    if (banner(s.rest)) return line_use::used;
    if (const auto use = milestone(s, time, from, l.number); use != line_use::unknown) return use;
    auto* const e = from.thread ? open_.of_thread(from.process, from.thread) : open_.current();
    if (e == nullptr) return line_use::unknown;
    if (text == "Input" || text == "Output") {
      e->state.output = text == "Output";
      return line_use::used;
    }
    secret_ = false;
    if (!parameter(e->c, e->state, text)) return line_use::unknown;
    if (!secret_) return line_use::used;
    cleaned_.assign(l.text.substr(0, l.text.size() - text.size() + text.find(": ") + 2));
    cleaned_ += "*** removed ***";
    return line_use::masked;
  }

  void finish() override { open_.give_up(false); }

 private:
  line_use stars(std::string_view text) {
    const auto digit = text.find_first_not_of("* ");
    scanner s(digit == std::string_view::npos ? std::string_view{} : text.substr(digit));
    if (const auto time = scan_date_time(s)) star_time_ = time;
    return line_use::used;
  }

  line_use milestone(scanner& s, std::optional<u64> time, const prefix& from, u64 at) {
    const bool entered = s.literal("Entered "), calling = !entered && s.literal("Calling ");
    if (entered || calling) {
      const auto name = s.name();
      if (!s.at_end() || !name.starts_with("C_")) return line_use::unknown;
      auto* e = from.thread ? open_.of_thread(from.process, from.thread) : open_.current();
      if (calling && e != nullptr && !e->state.output && e->c.row().name == name && time) {
        e->c.start = time;  // the module's own time begins here
        facts_.times = true;
        return line_use::used;
      }
      if (calling && time && e == nullptr) return line_use::used;
      const auto f = find_function(name);
      if (!f) return line_use::unknown;
      auto& made = open_.begin(*f, at);
      made.c.process = from.process;
      made.c.thread = from.thread;
      made.c.start = time ? time : star_time_;
      facts_.times |= made.c.start.has_value();
      star_time_.reset();
      return line_use::used;
    }
    const bool response = s.literal("Received response from ");
    if (!response && !s.literal("Returning ")) return line_use::unknown;
    auto* e = from.thread ? open_.of_thread(from.process, from.thread) : open_.current();
    if (e == nullptr) {
      facts_.gaps = true;
      return line_use::used;
    }
    if (response) {
      e->c.end = time;
      facts_.end_times |= time.has_value();
      return line_use::used;
    }
    const auto result = number_alone(s);
    if (!result) return line_use::unknown;
    open_.end_current(*result, at);
    return line_use::used;
  }

  // What the logger says of itself while it starts.
  static bool banner(std::string_view text) noexcept {
    if ((text.starts_with("Calling ") || text.starts_with("Received ")) && text.ends_with(" function")) return true;
    for (const std::string_view known :
         {"PKCS#11 logging proxy", "Developed as a part", "Please visit ", "NOTE: Memory contents", "Memory contents",
          "Environment variable ", "Value of ", "Trying to load ", "Getting pointer to ", "Acquiring function list",
          "C_GetFunctionList returned", "Function list acquired", "Flags: ", "Log file: ", "Successfully ",
          "Retrieving function", "Original library", "Loading "})
      if (text.starts_with(known)) return true;
    return false;
  }

  // " name: value" and what is nested below it.
  bool parameter(call& c, call_lines& state, std::string_view text) {
    scanner s(text);
    const auto depth = s.blanks();
    if (depth == 0) return false;
    if (s.literal("*** Begin attribute template")) return begin_template(c, state);
    if (s.literal("*** End attribute template")) {
      if (state.templates.empty()) return false;
      state.templates.pop_back();
      return true;
    }
    if (s.rest.starts_with("Note:")) return true;
    const auto colon = s.rest.find(':');
    if (!state.templates.empty()) return attribute(*state.templates.back(), s.rest, colon);
    if (colon == std::string_view::npos) return false;
    const auto name = s.rest.substr(0, colon);
    auto rest = s.rest.substr(colon + 1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    if (name.starts_with("CKF_")) return rest == "TRUE" || rest == "FALSE";
    if (depth >= 2 && state.argument >= 0 && nested(c, state, depth, name, rest)) return true;
    return argument(c, state, name, rest);
  }

  bool begin_template(call& c, call_lines& state) {
    if (!state.templates.empty()) {  // a template in an attribute
      auto& outer = *state.templates.back();
      if (outer.parts.empty()) return false;
      outer.parts.back().what = kind::attributes;
      state.templates.push_back(&outer.parts.back());
      return true;
    }
    if (state.argument < 0) return false;
    const auto i = static_cast<std::size_t>(state.argument);
    if (c.row().arguments[i].kind != shape::attributes) return false;
    auto& v = (state.output ? c.out : c.in)[i];
    v = value{};
    v.what = kind::attributes;
    state.templates.push_back(&v);
    return true;
  }

  bool attribute(value& list, std::string_view text, std::size_t colon) {
    if (text.starts_with("Attribute ")) return true;  // its number
    if (colon == std::string_view::npos) return false;
    scanner s(text.substr(colon + 1));
    s.blanks();
    const auto name = text.substr(0, colon);
    if (name == "Attribute") {
      const auto type = number_alone(s);
      if (!type) return false;
      if (list.parts.size() < most_elements) list.parts.emplace_back().type = *type;
      return true;
    }
    if (list.parts.empty()) return false;
    auto& a = list.parts.back();
    if (name == "pValue") {
      const auto what = scan_pointer(s);
      if (!what || !s.at_end()) return false;
      a.what = *what;
      return true;
    }
    if (name == "ulValueLen") {
      const auto length = number_alone(s);
      if (!length) return false;
      if (*length == 0xffffffffu) facts_.word_size = 4;
      a.set_length(*length == 0xffffffffu ? unavailable : *length);
      return true;
    }
    if (name != "*pValue") return false;
    secret_ = is_secret_attribute(a.type, is_certificate(list));
    return hex_value(a, s.rest);
  }

  static bool is_certificate(const value& list) noexcept {
    for (const auto& a : list.parts)
      if (a.type == CKA_CLASS && !a.bytes.empty() && a.bytes.front() == char{CKO_CERTIFICATE} &&
          a.bytes.find_first_not_of('\0', 1) == std::string::npos)
        return true;
    return false;
  }

  // "HEX(0102)", or words that say why there is none.
  static bool hex_value(value& v, std::string_view text) {
    scanner s(text);
    if (!s.literal("HEX(")) return text.starts_with("***");
    const auto end = s.rest.find(')');
    auto shown = scan_hex_bytes(s.rest.substr(0, end));
    if (!shown) return false;
    const bool whole = end != std::string_view::npos && !shown->partial;
    const u64 length = v.length;
    const bool had_length = v.length_known;
    v.what = kind::bytes;
    v.bytes = std::move(shown->bytes);
    v.partial = !whole;
    v.set_length(whole || !had_length ? v.bytes.size() : length);
    return true;
  }

  // A field of the struct or mechanism that the latest argument points to.
  bool nested(call& c, call_lines& state, std::size_t depth, std::string_view name, std::string_view rest) {
    const auto i = static_cast<std::size_t>(state.argument);
    const auto& f = c.row().arguments[i];
    auto& v = (state.output ? c.out : c.in)[i];
    if (f.kind == shape::mechanism) return mechanism(c.in[i], name, rest);
    if (f.kind != shape::records && !(f.kind == shape::address && !f.target.empty())) return false;
    const auto id = cryptoki::record_named(f.kind == shape::address ? f.target : f.meaning);
    if (id == cryptoki::record_count) return false;
    if (depth >= 3 && state.version != nullptr) {
      const int k = find_field(state.version->id, name);
      const auto n = scanner(rest).decimal();
      if (k < 0 || !n) return false;
      state.version->parts[static_cast<std::size_t>(k)].set_number(*n);
      return true;
    }
    state.version = nullptr;
    const int k = find_field(static_cast<u16>(id), name == "Flags" ? "flags" : name);
    if (k < 0) return false;
    make_structure(v, static_cast<u16>(id));
    const auto& field = cryptoki::records[id].fields[static_cast<std::size_t>(k)];
    auto& part = v.parts[static_cast<std::size_t>(k)];
    if (field.kind == shape::record) {
      make_structure(part, static_cast<u16>(cryptoki::record_named(field.meaning)));
      state.version = &part;
      return true;
    }
    if (field.fixed != 0) {
      std::string padded(rest.substr(0, field.fixed));
      padded.resize(field.fixed, ' ');
      part.set_bytes(padded);
      return true;
    }
    scanner s(rest);
    if (cryptoki::is_pointer(field.kind)) {
      const auto what = scan_pointer(s);
      if (!what || !s.at_end()) return false;
      part.what = *what;
      return true;
    }
    const auto n = number_alone(s);
    if (!n) return false;
    part.set_number(*n);
    return true;
  }

  bool mechanism(value& m, std::string_view name, std::string_view rest) {
    scanner s(rest);
    if (const auto type = name == "mechanism" ? number_alone(s) : std::nullopt) {
      m.what = kind::mechanism;
      m.number = *type;
      return true;
    }
    if (m.what != kind::mechanism) return false;
    if (m.parts.empty()) m.parts.emplace_back();
    auto& p = m.parts.front();
    if (name == "pParameter") {
      const auto what = scan_pointer(s);
      if (!what || !s.at_end()) return false;
      p.what = *what;
      return true;
    }
    if (name == "ulParameterLen" && rest == "(nil)") return true;  // printed as if it were a pointer
    if (name == "ulParameterLen") {
      const auto length = number_alone(s);
      if (!length) return false;
      if (p.what == kind::pointer) p.set_length(*length);
      return true;
    }
    if (name != "*pParameter") return false;
    secret_ = true;  // what its bytes mean depends on the mechanism
    return hex_value(p, rest);
  }

  bool argument(call& c, call_lines& state, std::string_view name, std::string_view rest) {
    const bool star = name.starts_with('*');
    const bool element = name.ends_with(']');
    if (state.argument >= 0 && star && name == "*pParameter")
      return mechanism(c.in[static_cast<std::size_t>(state.argument)], name, rest);
    const int found = find_argument(c.row(), name);
    if (found < 0) return name == "pReserved" || name == "pRserved";
    const auto i = static_cast<std::size_t>(found);
    const auto& f = c.row().arguments[i];
    auto& v = (state.output ? c.out : c.in)[i];
    if (!star && !element && cryptoki::is_pointer(f.kind)) {
      state.argument = found;
      state.version = nullptr;
    }
    scanner s(rest);
    if (!cryptoki::is_pointer(f.kind)) {
      const auto n = number_alone(s);
      if (!n) return false;
      v.set_number(*n);
      return true;
    }
    if (element) {  // before the call they are what happened to be in memory
      const auto n = number_alone(s);
      if (!n) return false;
      if (!state.output) return true;
      if (v.what != kind::numbers) v = value{};
      v.what = kind::numbers;
      if (v.numbers.size() < most_elements) v.numbers.push_back(*n);
      return true;
    }
    if (!star) {
      const auto what = scan_pointer(s);
      if (!what || !s.at_end()) return false;
      if (!v.known()) v.what = *what;
      return true;
    }
    if (f.kind == shape::numbers) {
      const auto n = number_alone(s);
      if (!n) return false;
      if (state.output || f.way == cryptoki::flow::inout) v.set_number(*n);
      return true;
    }
    if (f.kind != shape::bytes) return false;
    secret_ = is_secret(f.secret);
    if (rest.starts_with("HEX(") || rest.starts_with("***")) return hex_value(v, rest);
    v.set_bytes(rest);
    if (f.fixed != 0) {
      v.bytes.resize(f.fixed, ' ');
      v.length = f.fixed;
    }
    return true;
  }

  open_calls<call_lines> open_;
  std::optional<u64> star_time_;
  bool secret_ = false;  // the line shows a secret
};

int recognise(std::string_view text) {
  scanner s(text);
  const auto from = take_prefix(s);
  const bool any = from.process || from.thread;
  if (s.rest.starts_with("PKCS11-LOGGER ")) return 3;
  if (is_stars(s.rest)) return any ? 2 : 0;
  const bool timed = scan_date_time(s) && s.literal(" - ");
  if (s.literal("Entered C_") || s.literal("Received response from C_")) return timed ? 3 : 0;
  if (s.literal("Calling C_")) return timed || any || s.at_end() || s.rest.size() < 30 ? 1 : 0;
  if (s.literal("Returning ") && s.rest.find("(CKR_") != std::string_view::npos) return 2;
  return any && s.rest.starts_with(' ') ? 1 : 0;
}

}  // namespace

const log_kind logger_log{"pkcs11-logger", "pkcs11-logger", recognise,
                          [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<logger_reader>(to); },
                          0};

}  // namespace p11tape::import
