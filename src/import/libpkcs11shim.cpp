// SPDX-License-Identifier: Apache-2.0
// Mastercard's libpkcs11shim, 1.0 to 1.9: blocks of pkcs11-spy's lines, with process, thread and both times.
//
//   [cnt] 0000000000000012 - C_Login
//   [pid] 4711
//   [ppd] 4700                      (or: unforked)
//   [tid] 4711
//   [tic] 2026-11-28 17:40:01.123456
//   [in ] hSession = 0x1            (display.hpp)
//   [toc] 2026-11-28 17:40:01.140000
//   [lap] 0.016544
//   [ret] 0 CKR_OK
//
// In the modes 1 and 2 blocks are whole; in mode 0 lines of several threads mix. The time that passed includes the
// writing of the log, and in mode 1 the waiting for its lock.
#include "import/bind.hpp"
#include "import/display.hpp"
#include "import/open_calls.hpp"
#include "import/readers.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

constexpr u64 none = ~u64{0};

class shim_reader final : public reader {
 public:
  explicit shim_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    scanner s(l.text);
    s.blanks();
    if (s.at_end() || s.rest.starts_with("***")) return line_use::used;
    if (s.literal("[cnt] ")) return begin(s, l.number);
    auto* e = open_.current();
    if (s.literal("[pid] ")) return number_for(e, s, &call::process, &log_facts::processes);
    if (s.literal("[tid] ")) return number_for(e, s, &call::thread, &log_facts::threads);
    if (s.literal("[ppd] ") || s.literal("[lap] ")) return line_use::used;
    if (s.literal("[tic] ")) return number_for(e, s, &call::start, &log_facts::times);
    if (s.literal("[toc] ")) return number_for(e, s, &call::end, &log_facts::end_times);
    if (s.literal("[ret] ")) {
      if (skipping_) {
        skipping_ = false;
        return line_use::used;
      }
      const auto result = s.signed_decimal();
      if (!result) return line_use::unknown;
      if (e == nullptr) {
        facts_.gaps = true;
        return line_use::used;
      }
      open_.end_current(*result, l.number);
      return line_use::used;
    }
    if (e == nullptr || skipping_) return header(l.text);
    line_use use = line_use::unknown;
    auto* const taker = open_.offer([&](auto& entry) {
      use = entry.state.take(entry.c, l.text);
      return use != line_use::unknown;
    });
    if (taker == nullptr) return line_use::unknown;
    // Of two dumps that are due nobody knows whose this is.
    if (taker->state.took_dump() && open_.any_other([](const auto& o) { return o.state.awaits_secret(); }))
      use = taker->state.disown(l.text);
    if (use == line_use::masked) cleaned_ = taker->state.cleaned;
    if (facts_.word_size == 0) facts_.word_size = display_lines::word_size_shown(l.text);
    return use;
  }

  void finish() override { open_.give_up(false); }

 private:
  line_use begin(scanner& s, u64 at) {
    const auto number = s.decimal();
    if (!number || !s.literal(" - ")) return line_use::unknown;
    if (last_ != none && *number > last_ + 1) facts_.gaps = true;
    if (last_ == none && *number > 0) facts_.gaps = true;
    last_ = *number;
    const auto f = find_function(s.name());
    skipping_ = !f;
    if (!f) return line_use::unknown;
    open_.begin(*f, at);
    return line_use::used;
  }

  // A time or a number, for one member of the call; the log has shown it then.
  template <class Entry>
  line_use number_for(Entry* e, scanner& s, std::optional<u64> call::*member, bool log_facts::*fact) {
    auto n = scan_date_time(s);
    if (!n) n = s.decimal();
    if (!n) return line_use::unknown;
    if (e == nullptr) return line_use::used;
    e->c.*member = n;
    facts_.*fact = true;
    return line_use::used;
  }

  // The settings at the head of the file, and remarks about forks.
  line_use header(std::string_view text) {
    scanner s(text);
    s.blanks();
    if (s.literal("PKCS11SHIM_LIBRARY=")) {
      process_start p;
      p.module = trimmed(s.rest);
      to_.begin_process(p);
      return line_use::used;
    }
    if (s.rest.starts_with("* ") || s.rest.starts_with("library: ")) return line_use::used;
    for (const std::string_view known : {"PKCS11SHIM", "pid:", "ppid:", "[lib] ", "libpkcs11shim"})
      if (s.rest.starts_with(known)) return line_use::used;
    return line_use::unknown;
  }

  open_calls<display_lines> open_;
  bool skipping_ = false;
  u64 last_ = none;
};

int recognise(std::string_view text) {
  for (const std::string_view mark : {"[cnt] 0", "[tic] 2", "[toc] 2", "[lap] ", "[ret] "})
    if (text.starts_with(mark)) return 3;
  return text.starts_with("[in ] ") ? 2 : 0;
}

}  // namespace

const log_kind shim_log{"libpkcs11shim", "libpkcs11shim", recognise,
                        [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<shim_reader>(to); },
                        tape::lacks_failed_outputs};

}  // namespace p11tape::import
