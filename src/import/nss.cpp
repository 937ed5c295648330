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

bool parse(std::string_view text, nss_line& out) noexcept {
  scanner s(text);
  u64 n = 0;
  if (scan_date_time(s, n)) {
    out.time = n;
    s.literal(" UTC");
    std::string_view who;
    if (!s.literal(" - [")) return false;
    if (!s.until(']', who)) return false;
    scanner w(who);
    if (w.decimal(n)) out.process = n;
    w.character(':');
    out.thread = number_of_name(w.rest);
    s.character(':');
    s.blanks();
    if (!s.literal("D/nss_mod_log") && !s.literal("I/nss_mod_log")) return false;
    s.character(' ');
  } else {
    std::string_view who;
    if (!s.literal("-") && (s.rest.empty() || !is_digit(s.rest[0]))) return false;
    s.decimal(n);
    if (!s.character('[') || !s.until(']', who) || !s.literal(": ")) return false;
    out.thread = number_of_name(who);
  }
  out.text = s.rest;
  return true;
}

class nss_reader final : public reader {
 public:
  explicit nss_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    nss_line at;
    if (trimmed(l.text).empty()) return line_use::used;
    if (!parse(l.text, at)) return line_use::unknown;
    facts_.threads = true;
    facts_.processes |= at.process.has_value();
    facts_.times |= at.time.has_value();
    facts_.end_times |= at.time.has_value();
    auto* e = open_.of_thread(at.process, at.thread);
    scanner s(at.text);
    const auto indent = s.blanks();
    u64 n = 0;
    if (indent == 0 && s.rest.starts_with("C_")) {
      cryptoki::function f{};
      if (!find_function(trimmed(s.rest), f)) return line_use::unknown;
      open_.begin_of_thread(f, l.number, at.process, at.thread, at.time);
      return line_use::used;
    }
    if (e == nullptr) return line_use::unknown;
    if (s.literal("rv = ")) {
      if (!(s.rest.starts_with("CKR_") ? find_constant(s.name(), n) : s.number(n))) return line_use::unknown;
      open_.end_current(n, l.number, at.time);
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
    u64 n = 0;
    if (name.starts_with("CKA_")) return attribute(c, name, s, whole);
    const int found = find_argument(c.row(), name);
    if (found < 0) return line_use::unknown;
    const auto i = static_cast<std::size_t>(found);
    const auto& f = c.row().arguments[i];
    const bool star = name.starts_with('*');
    if (cryptoki::is_pointer(f.kind) && !star) {
      bool null = false;
      if (!scan_pointer(s, null)) return line_use::unknown;
      c.in[i].what = null ? kind::null : kind::pointer;
      return s.at_end() ? line_use::used : line_use::unknown;
    }
    if (f.kind != shape::number && f.kind != shape::byte && f.kind != shape::numbers) return line_use::unknown;
    const auto number = s.rest.starts_with("CK") ? find_constant(s.name(), n) : s.number(n);
    if (!number) return line_use::unknown;
    (star ? c.out : c.in)[i].set_number(n);
    return line_use::used;
  }

  // "CKA_CLASS = CKO_CERTIFICATE [8]", "CKA_LABEL = \"abc\" [3]", "CKA_ID = 0x0102 [2]"
  line_use attribute(call& c, std::string_view name, scanner s, std::string_view whole) {
    int i = -1;
    for (std::size_t k = 0; k < c.in.size() && i < 0; ++k)
      if (c.row().arguments[k].kind == shape::attributes) i = static_cast<int>(k);
    value a;
    if (i < 0 || !find_constant(name, a.type)) return line_use::unknown;
    const auto open = s.rest.rfind('[');
    auto shown = trimmed(s.rest.substr(0, open));
    u64 n = 0;
    if (open != std::string_view::npos) {
      scanner length(s.rest.substr(open + 1));
      if (length.signed_decimal(n)) a.set_length(n == 0xffffffffu ? unavailable : n);
    }
    const auto* row = cryptoki::find_attribute(a.type);
    const bool plain = row != nullptr && (row->kind == cryptoki::form::number || row->kind == cryptoki::form::flag);
    if (plain && row->kind == cryptoki::form::number && find_constant(shown, n)) {
      a.set_number(n);
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
  nss_line at;
  if (!parse(text, at)) return 0;
  cryptoki::function f{};
  if (at.text.starts_with("C_") && find_function(trimmed(at.text), f)) return 3;
  return at.text.starts_with("rv = ") ? 2 : 0;
}

}  // namespace

const log_kind nss_log{"nss", "NSS's debug module", recognise,
                       [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<nss_reader>(to); },
                       tape::lacks_inputs | tape::lacks_failed_outputs | tape::lacks_pin_facts};

}  // namespace p11tape::import
