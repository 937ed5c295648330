// SPDX-License-Identifier: Apache-2.0
#include "replay/report.hpp"

#include <string.h>

#include <algorithm>

#include "decode/decode.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "replay/differences.hpp"
#include "replay/report_counts.hpp"
#include "replay/report_times.hpp"
#include "text/phrase.hpp"
#include "view/completeness.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::replay {
namespace {

using replay::outcome;
using replay::step;
using text::cat;
using text::counted;

constexpr std::size_t most_listed = 200;  // divergences
constexpr std::size_t most_numbers = 12;  // of calls that are left out for one reason

std::string numbers(const std::vector<model::call_number>& calls) {
  std::string text = calls.size() == 1 ? "call " : "calls ";
  for (std::size_t i = 0; i < std::min(calls.size(), most_numbers); ++i) text += cat(i == 0 ? "" : ", ", calls[i]);
  if (calls.size() > most_numbers) text += " and " + std::to_string(calls.size() - most_numbers) + " more";
  return text;
}

std::string quoted(const std::string& text) { return text.empty() ? std::string("nothing") : text; }

std::string in_words(const replay::told_difference& d) {
  return d.where + ": " + quoted(d.recorded) + " on the tape, " + quoted(d.replayed) + " now";
}

void append_indented(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += "  ";
    out += text.substr(0, end);
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string ending_words(const replay::ending& e) {
  if (e.hung) return "did not return and was terminated";
  if (e.signal == 0) return "ended the process";
  const char* name = sigabbrev_np(e.signal);
  return name != nullptr ? cat("was killed by SIG", name) : cat("was killed by signal ", e.signal);
}

void head(const replay_report& r, std::string& out) {
  const auto& tape = *r.plan->tape;
  const auto line = [&](const char* label, const std::string& text) {
    out += label;
    render::append_safe(text, out);
    out += '\n';
  };
  line("tape        ",
       cat(tape.shown_path(), " (", view::program_of(tape), ", ", counted(r.plan->steps.size(), "call"), ")"));
  line("module      ", r.how->module);
  if (const auto lacks = r.results->lacks(); !lacks.empty()) line("            ", std::string(lacks));
  const auto notes = r.results->notes();
  for (std::size_t at = 0; at < notes.size();) {
    const auto end = std::min(notes.find('\n', at), notes.size());
    out += "token       " + std::string(notes.substr(at, end - at)) + "\n";
    at = end + 1;
  }
}

class text_report {
 public:
  explicit text_report(const replay_report& r) : r_(r), c_(count(*r.plan, *r.results)) {}

  std::string write() {
    head(r_, out_);
    out_ += '\n';
    answer();
    left_out();
    if (c_.made != 0) times();
    return std::move(out_);
  }

 private:
  const step& at(std::size_t i) const { return r_.plan->steps[i]; }

  void paint(const char* colour, const std::string& text) {
    if (r_.colour) out_ += cat("\033[", colour, "m");
    out_ += text;
    if (r_.colour) out_ += "\033[0m";
  }

  void answer() {
    switch (r_.judge()) {
      case verdict::same:
        paint("32;1", "SAME");
        out_ += cat("  ", counted(c_.made, "call"), " made, all with the recorded results\n");
        break;
      case verdict::reproduced:
        paint("33;1", "REPRODUCED");
        out_ += cat("  the module ", ending_words(r_.ending), " in call ", at(c_.last).call.number, ", ",
                    name_of(at(c_.last)), ", as on the tape\n");
        break;
      case verdict::diverged:
        diverged();
        break;
      case verdict::stopped:
        stopped();
        break;
      case verdict::failed:
        paint("31;1", "FAILED");
        out_ += "  ";
        render::append_safe(why_failed(), out_);
        out_ += '\n';
        break;
    }
    if (c_.no_result != 0)
      out_ += cat("Of ", counted(c_.no_result, "call"), " made, for which the tape has no result to compare.\n");
    if (c_.made_up != 0)
      out_ += cat("Payload that is not on the tape was generated with the recorded length in ",
                  counted(c_.made_up, "call"), "; only the length of the output was compared.\n");
    if (c_.not_reached != 0) out_ += cat(counted(c_.not_reached, "call"), " not reached.\n");
  }

  std::string why_failed() const {
    if (const auto why = r_.results->trouble(); !why.empty()) return std::string(why);
    if (r_.ending.signal != 0 || !r_.ending.finished)
      return cat("the module ", ending_words(r_.ending), " between the calls of the tape");
    return "none of the recorded calls could be made";
  }

  void stopped() {
    const auto& s = at(c_.needs_pin);
    const bool so = s.pin == replay::pin_kind::so;
    paint("31;1", "STOPPED");
    out_ += cat("  before call ", s.call.number, ", ", name_of(s), ": it needs the ", so ? "SO PIN" : "user PIN",
                ", which is never on a tape and never guessed.\n", "  Give it with ", so ? "--so-pin" : "--pin",
                " env:VAR, file:PATH or prompt.\n");
  }

  void diverged() {
    const auto first = std::min(c_.first, c_.last);
    const auto& s = at(first);
    paint("31;1", "DIVERGED");
    out_ += cat("  at call ", s.call.number, ", ", name_of(s), "; ", counted(c_.same, "call"), " as on the tape\n");
    if (first == c_.last) out_ += cat("  the module ", ending_words(r_.ending), " in this call\n");
    tell(first);
    out_ += "On the tape:\n";
    std::string text;
    render::options how;
    how.decoder = decode::attribute;
    render::append_text(view::view_of(s.call, view::program_of(*r_.plan->tape), false), how, text);
    append_indented(text, out_);
    if (c_.diverged > 1) all();
  }

  void tell(std::size_t i) {
    const auto& x = (*r_.results)[i];
    for (const auto& d : replay::from_text(r_.results->text_of(x.text, x.size))) out_ += "  " + in_words(d) + "\n";
  }

  void all() {
    out_ += cat("\nAll ", counted(c_.diverged, "divergence"), "\n");
    std::size_t told = 0;
    for (std::size_t i = 0; i < r_.results->size() && told < most_listed; ++i) {
      if ((*r_.results)[i].is != outcome::diverged) continue;
      ++told;
      out_ += cat("call ", at(i).call.number, ", ", name_of(at(i)), "\n");
      tell(i);
    }
    if (c_.diverged > told) out_ += cat("... and ", c_.diverged - told, " more\n");
  }

  void left_out() {
    if (c_.left_out == 0) return;
    out_ += cat("\nNot replayed: ", counted(c_.left_out, "call"), "\n");
    for (const auto& o : omissions(*r_.plan, *r_.results))
      out_ += cat("  ", o.function, ", ", numbers(o.calls), ": ", o.reason, "\n");
  }

  void times() {
    replay_times all;
    for (std::size_t i = 0; i < r_.results->size(); ++i) {
      const auto& x = (*r_.results)[i];
      if (!at(i).prepares && was_made(x.is) && x.is != outcome::running) all.add(at(i), x.end - x.begin);
    }
    out_ += '\n';
    all.append_table(out_);
  }

  const replay_report& r_;
  replay_counts c_;
  std::string out_;
};

}  // namespace

std::string replay_report::text() const { return text_report(*this).write(); }

}  // namespace p11tape::replay
