// SPDX-License-Identifier: Apache-2.0
// nShield's PKCS#11 library (CKNFAST_DEBUG, CKNFAST_DEBUGFILE):
//
//   2026-11-28 17:40:01 [4711] t139872650110592: pkcs11: 00000001 >>   C_Login
//   2026-11-28 17:40:01 [4711] t139872650110592: pkcs11: 00000001 >    userType 0x00000001
//   2026-11-28 17:40:01 [4711] t139872650110592: pkcs11: 00000001 <    rv 0x000000A0 (CKR_PIN_INCORRECT)
//
// The session in front of the arrow is that of the call. Lines with D are the library's own and can hold anything.
#include "import/bind.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

using cryptoki::shape;

struct nothing {};

struct nshield_line {
  std::optional<u64> process, thread;
  u64 time = 0;
  std::optional<u64> session;
  std::string_view arrow, text;
};

std::optional<nshield_line> parse(std::string_view text) noexcept {
  scanner s(text);
  nshield_line found;
  const auto time = scan_date_time(s);
  if (!time || !s.literal(" [")) return std::nullopt;
  found.time = *time;
  found.process = s.decimal();
  if (!found.process || !s.character(']')) return std::nullopt;
  s.blanks();
  if (s.character('t')) {
    found.thread = s.hex();
    if (!found.thread) return std::nullopt;
    s.character(':');
    s.blanks();
  }
  if (!s.literal("pkcs11:")) return std::nullopt;
  s.blanks();
  found.session = s.hex();
  s.blanks();
  const auto end = s.rest.find(' ');
  found.arrow = s.rest.substr(0, end);
  found.text = end == std::string_view::npos ? std::string_view{} : trimmed(s.rest.substr(end));
  return found;
}

class nshield_reader final : public reader {
 public:
  explicit nshield_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    if (trimmed(l.text).empty()) return line_use::used;
    const auto at = parse(l.text);
    if (!at) return line_use::unknown;
    facts_.times = facts_.end_times = facts_.processes = true;
    facts_.threads |= at->thread.has_value();
    auto* e = open_.of_thread(at->process, at->thread);
    if (at->arrow == ">>") {
      const auto f = find_function(at->text);
      if (!f) return line_use::unknown;
      auto& made = open_.begin_of_thread(*f, l.number, at->process, at->thread, at->time);
      // All functions with a session have it in front.
      if (at->session && !made.c.row().arguments.empty() && made.c.row().arguments[0].name == "hSession")
        made.c.in[0].set_number(*at->session);
      return line_use::used;
    }
    const bool in = at->arrow == ">", out = at->arrow == "<";
    if ((!in && !out) || e == nullptr) return line_use::unknown;
    scanner s(at->text);
    const auto name = s.name();
    s.blanks();
    s.character('=');
    s.blanks();
    const auto n = s.rest.starts_with("0x") ? s.hex() : std::nullopt;
    if (!n) return line_use::unknown;
    if (out && name == "rv") {
      open_.end_current(*n, l.number, at->time);
      return line_use::used;
    }
    const int i = find_argument(e->c.row(), name);
    if (i < 0) return line_use::unknown;
    const auto& f = e->c.row().arguments[static_cast<std::size_t>(i)];
    if (f.kind != shape::number && f.kind != shape::byte && f.kind != shape::numbers) return line_use::unknown;
    if (in && f.kind == shape::numbers) return line_use::used;
    (in ? e->c.in : e->c.out)[static_cast<std::size_t>(i)].set_number(*n);
    return line_use::used;
  }

  void finish() override { open_.give_up(false); }

 private:
  open_calls<nothing> open_;
};

int recognise(std::string_view text) { return parse(text) ? 3 : 0; }

}  // namespace

const log_kind nshield_log{
    "nshield", "nShield (CKNFAST_DEBUG)", recognise,
    [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<nshield_reader>(to); },
    tape::lacks_inputs | tape::lacks_outputs | tape::lacks_failed_outputs | tape::lacks_pin_facts |
        tape::lacks_fine_times};

}  // namespace p11tape::import
