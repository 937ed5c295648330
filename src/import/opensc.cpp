// SPDX-License-Identifier: Apache-2.0
// OpenSC's debug log (OPENSC_DEBUG, debug_file): the module's own view, from the calls down to the card.
//
//   P:4711; T:0x139872650110592 17:40:01.123 [opensc-pkcs11] pkcs11-session.c:347:C_Login: C_Login(0x55d0, 1)
//   P:4711; T:0x139872650110592 17:40:01.125 [opensc-pkcs11] reader-pcsc.c:323:pcsc_transmit: reader '...'
//   Outgoing APDU (13 bytes):                                                       (card_lines.hpp)
//   P:4711; T:0x139872650110592 17:40:01.140 [opensc-pkcs11] pkcs11-session.c:384:C_Login: fLogin() rv 160
//
// Until 0.19 the line begins with 0xTHREAD alone; on Windows the time has a date. The function that writes the line
// says which call it belongs to. Not every call writes a line, few arguments are shown, and the result of some calls is
// not: such a call has ended, with a result that is not known, when the thread's next one begins.
#include "import/bind.hpp"
#include "import/card_lines.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::function;
using cryptoki::shape;
using kind = value::kind;

struct log_line {
  std::optional<u64> process, thread;
  u64 time = 0;
  bool dated = false;
  std::string_view application, function, text;
};

std::optional<log_line> parse(std::string_view text) noexcept {
  scanner s(text);
  log_line found;
  if (s.literal("P:")) {
    found.process = s.decimal();
    if (!found.process || !s.literal("; T:")) return std::nullopt;
    s.literal("0x");
    found.thread = s.decimal();
    if (!found.thread) return std::nullopt;
  } else if (s.rest.starts_with("0x")) {
    found.thread = s.hex();
    if (!found.thread) return std::nullopt;
  }
  s.blanks();
  auto time = scan_date_time(s);
  found.dated = time.has_value();
  if (!time) time = scan_time(s);
  if (!time || !s.literal(" [")) return std::nullopt;
  found.time = *time;
  const auto application = s.until(']');
  if (!application || !s.character(' ')) return std::nullopt;
  found.application = *application;
  const auto file = s.until(':');
  if (!file || file->find(".c") == std::string_view::npos || !s.until(':')) return std::nullopt;
  const auto function = s.until(':');
  if (!function) return std::nullopt;
  found.function = *function;
  s.character(' ');
  found.text = s.rest;
  return found;
}

struct call_lines {
  bool entered = false;   ///< the line that every call begins with was read
  bool finished = false;  ///< its result is known
  u64 result = 0;
};

class opensc_reader final : public reader {
 public:
  explicit opensc_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    if (trimmed(l.text).empty()) return line_use::used;
    auto at = parse(l.text);
    if (!at) {
      auto* e = open_.of_thread(process_, thread_);
      const auto use = card_.take(l.text, e != nullptr ? &e->c : nullptr, time_);
      if (use == line_use::masked) cleaned_ = card_.cleaned;
      return use;
    }
    process_ = at->process;
    thread_ = at->thread;
    facts_.processes |= at->process.has_value();
    facts_.threads |= at->thread.has_value();
    facts_.times = facts_.end_times = true;
    if (!at->dated) at->time = with_day(at->time);
    time_ = at->time;
    // A program other than a PKCS#11 module makes no calls, whatever its functions are called.
    if (at->application.find("pkcs11") == std::string_view::npos &&
        at->application.find("PKCS11") == std::string_view::npos && !at->function.starts_with("C_"))
      return without_text(l.text, *at);
    if (at->function == "sc_create_object_int") at->function = "C_CreateObject";
    const auto f = at->function.starts_with("C_") ? find_function(at->function) : std::nullopt;
    if (!f) {
      auto* e = open_.of_thread(process_, thread_);
      card_.take(at->text, e != nullptr ? &e->c : nullptr, time_);
      return without_text(l.text, *at);
    }
    return call_line(l, *at, *f);
  }

  void finish() override {
    while (auto* e = open_.current()) settle(*e, false);
  }

 private:
  using entry = open_calls<call_lines>::entry;

  // Times have no date: they only grow, and start again at midnight.
  u64 with_day(u64 time) noexcept {
    constexpr u64 day = u64{86400} * 1'000'000'000;
    if (time + day / 2 < last_in_day_) ++days_;
    last_in_day_ = time;
    return time + days_ * day;
  }

  // Free text of the module may hold anything; where it was written stays.
  line_use without_text(std::string_view whole, const log_line& at) {
    const auto text = trimmed(at.text);
    if (text.empty() || text == "called" || text.starts_with("returning with: ")) return line_use::used;
    cleaned_.assign(whole.substr(0, whole.size() - at.text.size()));
    cleaned_ += "[removed]";
    return line_use::masked;
  }

  // Of the others there is a line when they begin, and none when they return.
  static bool logs_result(function f) noexcept {
    switch (f) {
      case function::C_Finalize:
      case function::C_GetInfo:
      case function::C_GetTokenInfo:
      case function::C_CloseSession:
      case function::C_CloseAllSessions:
      case function::C_Logout:
      case function::C_SetPIN:
      case function::C_CreateObject:
      case function::C_SetAttributeValue:
      case function::C_DestroyObject:
      case function::C_FindObjectsInit:
      case function::C_GenerateKeyPair:
        return false;
      default:
        return true;
    }
  }

  // Hands a call on whose end is known, or with `returned` one whose result the log does not show.
  void settle(entry& e, bool returned) {
    if (e.state.finished) {
      open_.end_current(e.state.result, e.c.end_line);
      return;
    }
    e.c.result_lost = returned || !logs_result(e.c.function);
    open_.drop_current();
  }

  line_use call_line(const line& l, const log_line& at, cryptoki::function f) {
    auto* e = open_.of_thread(process_, thread_);
    const auto name = cryptoki::row(f).name;
    const auto text = trimmed(at.text);
    const auto arguments = text.starts_with(name) ? text.find('(') : std::string_view::npos;
    // "C_Login(0x55d0, 1)" begins a call, "C_Login() userType 1" and "C_Initialize() = CKR_OK" are inside of it.
    const auto closes = arguments == name.size() ? text.find(')', arguments) : std::string_view::npos;
    const auto behind = closes == std::string_view::npos ? text : trimmed(text.substr(closes + 1));
    const bool entry_line = behind.empty() || behind.starts_with("called");
    if (e != nullptr && (e->c.function != f || e->state.finished || (entry_line && e->state.entered))) {
      if (e->c.function != f || e->state.finished || !is_again(text)) {
        settle(*e, true);
        e = nullptr;
      }
    }
    if (e == nullptr) {
      e = &open_.begin(f, l.number);
      e->c.process = process_;
      e->c.thread = thread_;
      e->c.start = at.time;
    }
    e->state.entered |= entry_line;
    e->c.end_line = l.number;
    if (entry_line || arguments != std::string_view::npos) take_arguments(e->c, text.substr(arguments + 1));
    const auto use = take_text(*e, text);
    take_result(*e, text, at.time);
    if (use == line_use::used) return use;
    return without_text(l.text, at);
  }

  static bool is_again(std::string_view text) noexcept { return text.find("slot:") != std::string_view::npos; }

  // "C_Login(0x55d0, 1)", "C_DestroyObject(hSession=0x1, hObject=0x2)", "C_GetSlotList(token=1, refresh)"
  static void take_arguments(call& c, std::string_view list) {
    const auto end = list.find(')');
    if (end == std::string_view::npos) return;
    list = list.substr(0, end);
    for (std::size_t place = 0; !list.empty(); ++place) {
      const auto comma = list.find(',');
      auto word = trimmed(list.substr(0, comma));
      list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
      int i = static_cast<int>(place);
      if (const auto split = word.find_first_of("=:"); split != std::string_view::npos) {
        i = find_argument(c.row(), word.substr(0, split));
        if (i < 0 && word.starts_with("token")) i = find_argument(c.row(), "tokenPresent");
        word = word.substr(split + 1);
      }
      if (i < 0 || static_cast<std::size_t>(i) >= c.in.size()) continue;
      const auto shown = c.row().arguments[static_cast<std::size_t>(i)].kind;
      if (shown != shape::number && shown != shape::byte) continue;
      scanner s(word);
      if (const auto n = s.number(); n && s.at_end()) c.in[static_cast<std::size_t>(i)].set_number(*n);
    }
  }

  line_use take_text(entry& e, std::string_view text) {
    auto& c = e.c;
    scanner s(text);
    if (const auto at = text.find(": CKA_"); at != std::string_view::npos) return attribute(e, text.substr(at + 2));
    if (const auto handle = s.literal("C_OpenSession handle: ") ? s.number() : std::nullopt) {
      const int session = find_argument(c.row(), "phSession");
      if (session < 0) return line_use::unknown;  // a line of another call
      c.out[static_cast<std::size_t>(session)].set_number(*handle);
      return line_use::used;
    }
    s = scanner(text);
    if (c.function == function::C_GetSlotList && (s.literal("was only a size inquiry (") || s.literal("returned "))) {
      const bool inquiry = text.starts_with("was");
      const auto count = s.decimal();
      if (!count) return line_use::unknown;
      if (inquiry) c.out[1].what = kind::null;
      c.out[2].set_number(*count);
      return line_use::used;
    }
    if (c.function == function::C_InitPIN || c.function == function::C_InitToken || c.function == function::C_SetPIN)
      return line_use::masked;
    const bool plain = text.find_first_of("'\"") == std::string_view::npos;
    if (plain && (text.starts_with(c.row().name) || text.starts_with("fLogin()") || text == "called"))
      return line_use::used;
    return line_use::unknown;
  }

  // "CKA_CLASS = CKO_CERTIFICATE": of a template that the call was given, or of what C_GetAttributeValue answers.
  line_use attribute(entry& e, std::string_view text) {
    auto& c = e.c;
    const auto split = text.find(" = ");
    if (split == std::string_view::npos) return line_use::unknown;
    int i = -1;
    for (std::size_t k = 0; k < c.in.size() && i < 0; ++k)
      if (c.row().arguments[k].kind == shape::attributes) i = static_cast<int>(k);
    const auto type = find_constant(text.substr(0, split));
    if (i < 0 || !type) return line_use::unknown;
    value a;
    a.type = *type;
    const bool out = c.function == function::C_GetAttributeValue;
    auto& list = (out ? c.out : c.in)[static_cast<std::size_t>(i)];
    if (list.what != kind::attributes) {
      list = value{};
      list.what = kind::attributes;
    }
    const auto shown = text.substr(split + 3);
    const auto* row = cryptoki::find_attribute(a.type);
    if (shown == "<size inquiry>") {
      a.what = kind::null;
    } else if (shown == "TRUE" || shown == "FALSE") {
      a.set_bytes(std::string_view(shown == "TRUE" ? "\1" : "\0", 1));
    } else if (const auto n = shown.starts_with("CK") ? find_constant(shown) : std::nullopt) {
      a.set_number(*n);
    } else if (row != nullptr && row->kind == cryptoki::form::text) {
      a.set_bytes(shown);
    } else if (const auto hex = scan_hex_bytes(shown); hex && !hex->bytes.empty()) {
      a.set_bytes(hex->bytes);
    } else {
      a.what = kind::pointer;
    }
    const bool secret = is_secret_attribute(a.type, false);
    if (list.parts.size() < most_elements) list.parts.push_back(std::move(a));
    return secret ? line_use::masked : line_use::used;
  }

  void take_result(entry& e, std::string_view text, u64 time) {
    std::optional<u64> result;
    const auto after = [&](std::string_view mark) {
      const auto at = text.rfind(mark);
      return at == std::string_view::npos ? std::string_view{} : text.substr(at + mark.size());
    };
    if (const auto name = after("= "); !name.empty() && text.starts_with("C_")) {
      scanner s(name);
      if (name.starts_with("CKR_")) {
        result = find_constant(s.name());
      } else if (name.starts_with("0x")) {
        result = s.hex();
      }
    }
    if (const auto name = after(") returns "); name.starts_with("CKR_"))
      if (const auto n = find_constant(scanner(name).name())) result = n;
    for (const std::string_view mark : {"fLogin() rv ", "init-pin result ", "returns 0x"})
      if (const auto number = after(mark); !number.empty()) {
        scanner s(number);
        if (const auto n = mark.ends_with("0x") ? s.hex() : s.signed_decimal()) result = n;
      }
    if (e.c.function == function::C_GetSlotList) {
      if (text.starts_with("returned ") || text.starts_with("was only")) result = CKR_OK;
      if (text.starts_with("buffer was too small")) result = CKR_BUFFER_TOO_SMALL;
    }
    if (text.find("Cryptoki already initialized") != std::string_view::npos) result = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (!result) return;
    e.state.finished = true;
    e.state.result = *result;
    e.c.end = time;
  }

  open_calls<call_lines> open_;
  card_lines card_;
  std::optional<u64> process_, thread_, time_;
  u64 last_in_day_ = 0, days_ = 0;
};

int recognise(std::string_view text) {
  const auto at = parse(text);
  if (!at) return 0;
  return at->function.starts_with("C_") ? 3 : 1;
}

}  // namespace

const log_kind opensc_log{"opensc-debug", "OpenSC (debug log)", recognise,
                          [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<opensc_reader>(to); },
                          tape::lacks_inputs | tape::lacks_outputs | tape::lacks_failed_outputs |
                              tape::lacks_pin_facts | tape::lacks_calls | tape::lacks_fine_times};

}  // namespace p11tape::import
