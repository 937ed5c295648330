// SPDX-License-Identifier: Apache-2.0
// NSS's debug module (NSS_DEBUG_PKCS11_MODULE, NSPR_LOG_MODULES=nss_mod_log:4):
//
//   1024[805ef10]: C_OpenSession
//   1024[805ef10]:   slotID = 0x1
//   1024[805ef10]:   *phSession = 0x1000001
//   1024[805ef10]: rv = CKR_OK                    (before 2019: rv = 0x0)
//
// Newer NSPR: 2026-11-28 17:40:01.123456 UTC - [4711:Main Thread]: D/nss_mod_log C_OpenSession. Attributes have two more
// blanks. The next result of a thread is that of its call; pointers say only whether they are NULL.
#include "import/bind.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::shape;
using kind = value::kind;

struct nothing {};

struct nss_line {
  std::optional<u64> process, thread, time;
  std::string_view text;  ///< with its indentation
};

u64 number_of_name(std::string_view name) noexcept {
  u64 n = 1469598103934665603U;
  for (const char c : name) n = (n ^ static_cast<u8>(c)) * 1099511628211U;
  return n;
}

std::optional<nss_line> parse(std::string_view text) noexcept {
  scanner s(text);
  nss_line found;
  found.time = scan_date_time(s);
  if (found.time) {
    s.literal(" UTC");
    if (!s.literal(" - [")) return std::nullopt;
    const auto who = s.until(']');
    if (!who) return std::nullopt;
    scanner w(*who);
    found.process = w.decimal();
    w.character(':');
    found.thread = number_of_name(w.rest);
    s.character(':');
    s.blanks();
    if (!s.literal("D/nss_mod_log") && !s.literal("I/nss_mod_log")) return std::nullopt;
    s.character(' ');
  } else {
    if (!s.literal("-") && (s.rest.empty() || !is_digit(s.rest[0]))) return std::nullopt;
    s.decimal();
    if (!s.character('[')) return std::nullopt;
    const auto who = s.until(']');
    if (!who || !s.literal(": ")) return std::nullopt;
    found.thread = number_of_name(*who);
  }
  found.text = s.rest;
  return found;
}

class nss_reader final : public reader {
 public:
  explicit nss_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    if (trimmed(l.text).empty()) return line_use::used;
    const auto at = parse(l.text);
    if (!at) return line_use::unknown;
    facts_.threads = true;
    facts_.processes |= at->process.has_value();
    facts_.times |= at->time.has_value();
    facts_.end_times |= at->time.has_value();
    auto* e = open_.of_thread(at->process, at->thread);
    scanner s(at->text);
    const auto indent = s.blanks();
    if (indent == 0 && s.rest.starts_with("C_")) {
      const auto f = find_function(trimmed(s.rest));
      if (!f) return line_use::unknown;
      open_.begin_of_thread(*f, l.number, at->process, at->thread, at->time);
      return line_use::used;
    }
    if (e == nullptr) return line_use::unknown;
    if (s.literal("rv = ")) {
      const auto result = s.rest.starts_with("CKR_") ? find_constant(s.name()) : s.number();
      if (!result) return line_use::unknown;
      open_.end_current(*result, l.number, at->time);
      return line_use::used;
    }
    return parameter(e->c, s, l.text);
  }

  void finish() override { open_.give_up(false); }

 private:
  line_use parameter(call& c, scanner s, std::string_view whole) {
    const auto split = s.rest.find(" = ");
    if (split == std::string_view::npos) return line_use::unknown;
    const auto name = s.rest.substr(0, split);
    s.rest.remove_prefix(split + 3);
    if (name.starts_with("CKA_")) return attribute(c, name, s, whole);
    const int found = find_argument(c.row(), name);
    if (found < 0) return line_use::unknown;
    const auto i = static_cast<std::size_t>(found);
    const auto& f = c.row().arguments[i];
    const bool star = name.starts_with('*');
    if (cryptoki::is_pointer(f.kind) && !star) {
      const auto what = scan_pointer(s);
      if (!what) return line_use::unknown;
      c.in[i].what = *what;
      return s.at_end() ? line_use::used : line_use::unknown;
    }
    if (f.kind != shape::number && f.kind != shape::byte && f.kind != shape::numbers) return line_use::unknown;
    const auto number = s.rest.starts_with("CK") ? find_constant(s.name()) : s.number();
    if (!number) return line_use::unknown;
    (star ? c.out : c.in)[i].set_number(*number);
    return line_use::used;
  }

  // "CKA_CLASS = CKO_CERTIFICATE [8]", "CKA_LABEL = \"abc\" [3]", "CKA_ID = 0x0102 [2]"
  line_use attribute(call& c, std::string_view name, scanner s, std::string_view whole) {
    int i = -1;
    for (std::size_t k = 0; k < c.in.size() && i < 0; ++k)
      if (c.row().arguments[k].kind == shape::attributes) i = static_cast<int>(k);
    const auto type = find_constant(name);
    if (i < 0 || !type) return line_use::unknown;
    value a;
    a.type = *type;
    const auto open = s.rest.rfind('[');
    auto shown = trimmed(s.rest.substr(0, open));
    if (open != std::string_view::npos)
      if (const auto length = scanner(s.rest.substr(open + 1)).signed_decimal())
        a.set_length(*length == 0xffffffffu ? unavailable : *length);
    const auto* row = cryptoki::find_attribute(a.type);
    const bool plain = row != nullptr && (row->kind == cryptoki::form::number || row->kind == cryptoki::form::flag);
    const bool number = plain && row->kind == cryptoki::form::number;
    if (const auto n = number ? find_constant(shown) : std::nullopt) {
      a.set_number(*n);
    } else if (plain && row->kind == cryptoki::form::flag && shown.starts_with("CK_")) {
      a.set_bytes(std::string_view(shown == "CK_TRUE" ? "\1" : "\0", 1));
    } else if (a.length_known && a.length != unavailable && row != nullptr && row->kind == cryptoki::form::text &&
               shown.size() >= 2 && shown.front() == '"' && shown.size() - 2 == a.length) {
      a.set_bytes(shown.substr(1, shown.size() - 2));
    } else {
      a.what = kind::pointer;  // the first bytes at most are shown
    }
    const bool secret = is_secret_attribute(a.type, false);
    // What is read is printed after the call, with no other mark: the last list of a reading call is its answer.
    auto& list = c.in[static_cast<std::size_t>(i)];
    if (list.what != kind::attributes) {
      list = value{};
      list.what = kind::attributes;
    }
    if (c.function == cryptoki::function::C_GetAttributeValue) {
      a.what = kind::pointer;
      for (const auto& other : list.parts)
        if (other.type == a.type) a.type = unavailable;  // the same list again, after the call
    }
    if (list.parts.size() < 512 && a.type != unavailable) list.parts.push_back(std::move(a));
    if (!secret) return line_use::used;
    cleaned_.assign(whole.substr(0, whole.size() - s.rest.size()));
    cleaned_ += "[removed]";
    return line_use::masked;
  }

  open_calls<nothing> open_;
};

int recognise(std::string_view text) {
  const auto at = parse(text);
  if (!at) return 0;
  if (at->text.starts_with("C_") && find_function(trimmed(at->text))) return 3;
  return at->text.starts_with("rv = ") ? 2 : 0;
}

}  // namespace

const log_kind nss_log{"nss", "NSS's debug module", recognise,
                       [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<nss_reader>(to); },
                       tape::lacks_inputs | tape::lacks_failed_outputs | tape::lacks_pin_facts};

}  // namespace p11tape::import
