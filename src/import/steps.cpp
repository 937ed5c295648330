// SPDX-License-Identifier: Apache-2.0
#include "import/steps.hpp"

#include "import/open_calls.hpp"

namespace p11tape::import {
namespace {

struct nothing {};

class step_reader final : public reader {
 public:
  step_reader(call_sink& to, parse_step parse) : reader(to), open_(to), parse_(parse) {}

  line_use take(const line& l) override {
    if (l.text.find_first_not_of(" \t") == std::string_view::npos) return line_use::used;
    const auto s = parse_(l.text);
    if (s.what == step::kind::none) return line_use::unknown;
    if (s.what == step::kind::noise) return line_use::used;
    facts_.times |= s.time.has_value();
    facts_.threads |= s.thread.has_value();
    facts_.processes |= s.process.has_value();
    if (s.what != step::kind::returns) begin(s, l.number);
    if (s.what != step::kind::begins) end(s, l.number);
    if (s.shown.empty() || s.shown.size() == l.text.size()) return line_use::used;
    cleaned_ = s.shown;
    return line_use::masked;
  }

  void finish() override { open_.give_up(false); }

 private:
  void begin(const step& s, u64 at) {
    // A thread that goes on has left the call before, whatever that returned.
    open_.begin_of_thread(s.function, at, s.process, s.thread, s.time);
  }

  void end(const step& s, u64 at) {
    auto* e = open_.of_thread(s.process, s.thread);
    if (e == nullptr || e->c.function != s.function) {
      begin(s, at);
      e = open_.current();
      e->c.start.reset();
    }
    facts_.end_times |= s.time.has_value();
    if (s.result) {
      open_.end_current(*s.result, at, s.time);
    } else {
      if (s.time) e->c.end = s.time;
      e->c.result_lost = true;
      open_.drop_current();
    }
  }

  open_calls<nothing> open_;
  parse_step parse_;
};

}  // namespace

std::unique_ptr<reader> make_step_reader(call_sink& to, parse_step parse) {
  return std::make_unique<step_reader>(to, parse);
}

}  // namespace p11tape::import
