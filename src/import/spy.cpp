// SPDX-License-Identifier: Apache-2.0
// OpenSC's pkcs11-spy, 0.12 to 0.27.
//
//   *************** OpenSC PKCS#11 spy *****************
//   Loaded: "/usr/lib/softhsm/libsofthsm2.so"
//
//   0: C_GetFunctionList
//   P:4711; T:0x139872650110592 2026-11-28 17:40:01.123      (0.13 to 0.23: the time alone; before: nothing)
//   [in] ... [out] ...                                       (display.hpp)
//   Returned:  0 CKR_OK
//
// Nothing but the time line names the thread, so the lines of several threads mix; the number counts the calls of the
// process. A gap in the numbers means that somebody has cut the log.
#include "import/readers.hpp"

#include "import/bind.hpp"
#include "import/card_lines.hpp"
#include "import/display.hpp"
#include "import/open_calls.hpp"
#include "import/scan.hpp"

namespace p11tape::import {
namespace {

constexpr std::string_view banner = "OpenSC PKCS#11 spy";
constexpr u64 none = ~u64{0};

struct call_header {
  u64 number = 0;
  std::string_view name;
};

// "12: C_Login"
std::optional<call_header> header(std::string_view text) noexcept {
  scanner s(text);
  s.blanks();
  const auto number = s.decimal();
  if (!number || !s.literal(": ")) return std::nullopt;
  const auto name = s.name();
  if ((!name.starts_with("C_") && name != "SetOperationState") || !s.at_end()) return std::nullopt;
  return call_header{*number, name};
}

// "Returned:  160 CKR_PIN_INCORRECT"
std::optional<u64> returned(std::string_view text) noexcept {
  scanner s(text);
  s.blanks();
  if (!s.literal("Returned:")) return std::nullopt;
  s.blanks();
  const auto result = s.signed_decimal();
  if (!result) return std::nullopt;
  s.blanks();
  if (!s.literal("(null)")) s.name();
  return s.at_end() ? result : std::nullopt;
}

struct caller {
  u64 process = 0, thread = 0;
};

// "P:4711; T:0x139872650110592 ", in front of the time.
std::optional<caller> take_caller(scanner& s) noexcept {
  if (!s.literal("P:")) return std::nullopt;
  const auto process = s.decimal();
  if (!process || !s.literal("; T:")) return std::nullopt;
  s.literal("0x");
  const auto thread = s.decimal();
  if (!thread) return std::nullopt;
  s.blanks();
  return caller{*process, *thread};
}

struct call_lines {
  display_lines lines;
  bool began = false;  ///< something behind the header was read
};

class spy_reader final : public reader {
 public:
  explicit spy_reader(call_sink& to) : reader(to), open_(to) {}

  line_use take(const line& l) override {
    const auto text = l.text;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) return line_use::used;
    if (const auto h = header(text)) return begin(h->number, h->name, l.number);
    if (const auto result = returned(text)) {
      if (skipping_) {
        skipping_ = false;
        return line_use::used;
      }
      if (open_.empty()) {
        facts_.gaps = true;
        return line_use::unknown;
      }
      open_.current()->state.lines.reset();
      open_.end_current(*result, l.number);
      return line_use::used;
    }
    if (text.find(banner) != std::string_view::npos) {
      open_.give_up(false);
      last_ = none;
      start_ = process_start{};
      start_.line = l.number;
      announced_ = false;
      if (text.find_first_not_of("* ", 0) == text.find(banner) &&
          text.find_last_not_of("* ") + 1 == text.find(banner) + banner.size())
        return line_use::used;
      cleaned_ = "*************** OpenSC PKCS#11 spy *****************";  // other text was on the line
      return line_use::masked;
    }
    if (loaded(text)) return line_use::used;
    if (is_cut(text)) {
      gap();
      cleaned_ = "[...]";  // what else somebody wrote there is no part of the log
      return line_use::masked;
    }
    if (skipping_) return line_use::unknown;
    if (auto* e = open_.current(); e != nullptr && !e->state.began && time_line(e->c, text)) {
      e->state.began = true;
      return line_use::used;
    }
    line_use use = line_use::unknown;
    auto* const e = open_.offer([&](auto& entry) {
      use = entry.state.lines.take(entry.c, text);
      return use != line_use::unknown;
    });
    if (e == nullptr) {  // OpenSC's own debug log between the lines
      use = card_.take(text, open_.current() != nullptr ? &open_.current()->c : nullptr, std::nullopt);
      if (use == line_use::masked) cleaned_ = card_.cleaned;
      return use;
    }
    e->state.began = true;
    // Of two dumps that are due nobody knows whose this is.
    if (e->state.lines.took_dump() && open_.any_other([](const auto& o) { return o.state.lines.awaits_secret(); }))
      use = e->state.lines.disown(text);
    if (use == line_use::masked) cleaned_ = e->state.lines.cleaned;
    if (facts_.word_size == 0) facts_.word_size = display_lines::word_size_shown(text);
    return use;
  }

  void finish() override { open_.give_up(false); }

 private:
  line_use begin(u64 number, std::string_view name, u64 at) {
    // The counter of a process begins at 0: where it does so again, another process has begun to write to the file.
    const bool restarted = last_ != none && (number == 0 || number + restart < last_) && !facts_.processes;
    if (restarted) {
      open_.give_up(false);
      start_ = process_start{};
      announced_ = false;
      last_ = none;
    } else if (last_ != none ? number > last_ + 1 : number > 0) {
      gap();
    }
    if (last_ == none || number > last_) last_ = number;
    if (!announced_) {
      announced_ = true;
      start_.line = start_.line == 0 ? at : start_.line;
      to_.begin_process(start_);
    }
    const auto f = find_function(name);
    skipping_ = !f;
    if (!f) return line_use::unknown;
    open_.begin(*f, at).number = number;
    return line_use::used;
  }

  // With threads that the log tells apart a jump of the number may be another thread's line that comes later.
  void gap() {
    if (facts_.threads) return;
    facts_.gaps = true;
    open_.give_up(true);
  }

  bool loaded(std::string_view text) {
    scanner s(text);
    s.blanks();
    if (const auto path = s.literal("Loaded: \"") ? s.until('"') : std::nullopt) {
      start_.module = *path;
      return true;
    }
    if (!s.literal("Error: ")) return false;
    if (s.rest.starts_with("no module specified")) {
      start_.error = "no module is configured: the environment variable PKCS11SPY is not set";
    } else if (s.rest.starts_with("Could not load")) {
      start_.error = "pkcs11-spy could not load the module";
      if (const auto path = s.until('"') ? s.until('"') : std::nullopt) start_.module = *path;
    } else {
      return false;
    }
    if (!announced_) to_.begin_process(start_);
    announced_ = true;
    return true;
  }

  bool time_line(call& c, std::string_view text) {
    scanner s(text);
    s.blanks();
    const auto from = take_caller(s);
    if (!from) s = scanner(trimmed(text));
    const auto time = scan_date_time(s);
    if (!time || !s.at_end()) return false;
    c.start = time;
    facts_.times = true;
    if (from) {
      c.process = from->process;
      c.thread = from->thread;
      facts_.processes = facts_.threads = true;
    }
    return true;
  }

  static bool is_cut(std::string_view text) noexcept {
    text = trimmed(text);
    while (!text.empty() && (text.front() == '[' || text.front() == '(' || text.front() == '<')) text.remove_prefix(1);
    return text.starts_with("...") || text.starts_with("…") || text.starts_with("snip") || text.starts_with(". . .") ||
           text.starts_with("cut");
  }

  static constexpr u64 restart = 64;

  open_calls<call_lines> open_;
  card_lines card_;
  process_start start_;
  bool announced_ = false;
  bool skipping_ = false;  // lines of a function that we do not know
  u64 last_ = none;        // the highest number of a call so far
};

int recognise(std::string_view text) {
  if (text.find(banner) != std::string_view::npos) return 3;
  if (header(text) || returned(text)) return 2;
  return text.starts_with("[in] ") || text.starts_with("[out] ") ? 1 : 0;
}

}  // namespace

const log_kind spy_log{"pkcs11-spy", "OpenSC pkcs11-spy", recognise,
                       [](call_sink& to) -> std::unique_ptr<reader> { return std::make_unique<spy_reader>(to); },
                       tape::lacks_end_times | tape::lacks_failed_outputs | tape::lacks_fine_times};

}  // namespace p11tape::import
