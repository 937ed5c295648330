// SPDX-License-Identifier: Apache-2.0
// p11tape show: the calls of tapes, as text, one a line, or as JSON.
#include <cstdio>
#include <cstring>
#include <deque>
#include <optional>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/show_filter.hpp"
#include "cli/support/show_report.hpp"
#include "cli/support/tape_options.hpp"
#include "decode/constants_file.hpp"
#include "decode/decode.hpp"
#include "model/call_stream.hpp"
#include "model/exchanges.hpp"
#include "model/state.hpp"
#include "render/render.hpp"
#include "text/exit_codes.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::cli {
namespace {

struct show_options {
  tape_options tapes;
  show_filter filter;
  bool json = false, oneline = false, full = false, meaning = false;
  std::size_t context = 0;
  std::string constants, colour = "auto";
};

// What the handles of the call in hand mean.
class meanings : public render::handle_words {
 public:
  void at(const model::call_context* now) noexcept { now_ = now; }
  std::string words_of(std::string_view kind, std::uint64_t handle) const override {
    return now_ != nullptr ? model::meaning(*now_, kind, handle) : std::string();
  }

 private:
  const model::call_context* now_ = nullptr;
};

int wrong(const std::string& why) {
  std::fprintf(stderr, "p11tape show: %s\n", why.c_str());
  return exit_usage;
}

// Which of the calls that go by are written: those that match, with what surrounds them, or the last of them.
class chooser {
 public:
  chooser(std::size_t context, tape::u64 last, output& out) : context_(context), last_(last), out_(out) {}

  /// Whether a call that does not match may still be written, so that its text is needed.
  bool wants_context() const noexcept { return context_ != 0; }

  /// `text` is empty where a call neither matches nor is wanted as context.
  void take(bool matches, std::string text, tape::u64& shown) {
    if (matches) {
      for (auto& t : before_) put(std::move(t), shown);
      before_.clear();
      after_ = context_;
      put(std::move(text), shown);
    } else if (after_ > 0) {
      --after_;
      put(std::move(text), shown);
    } else if (context_ != 0) {
      before_.push_back(std::move(text));
      if (before_.size() > context_) before_.pop_front();
    }
  }

  void finish() {
    for (const auto& t : held_) {
      out_.text() += t;
      out_.flush_if_full();
    }
    held_.clear();
  }

 private:
  void put(std::string text, tape::u64& shown) {
    if (last_ == 0) {
      ++shown;
      out_.text() += text;
      return;
    }
    held_.push_back(std::move(text));
    held_.size() > last_ ? held_.pop_front() : void(++shown);
  }

  std::size_t context_, after_ = 0;
  tape::u64 last_;
  output& out_;
  std::deque<std::string> before_, held_;
};

void show_calls(const show_options& o, const open_tapes& tapes, bool colour, call_counts& counts, output& out) {
  const bool several = tapes.tapes.size() > 1;
  std::vector<std::string> programs;
  for (const auto& t : tapes.tapes) programs.push_back(program_of(*t));
  render::options how;
  how.name_process = several;
  how.colour = colour;
  if (o.full) how.most_bytes = ~std::size_t{0};
  how.decoder = decode::attribute;
  const auto readers = tapes.readers();
  model::call_stream calls(readers);
  model::call_exchanges exchanges(readers);
  std::vector<card::describer> describers(readers.size());
  std::vector<card::described> told;
  // The model is asked only where somebody wants to know: without it, showing is reading.
  std::optional<model::state> state;
  if (o.meaning || o.filter.needs_context()) state.emplace(std::span(readers));
  meanings handles;
  if (o.meaning) how.handles = &handles;
  chooser chosen(o.context, o.tapes.last(), out);
  const bool direct = o.context == 0 && o.tapes.last() == 0;
  std::string block;
  while (const auto* call = calls.next()) {
    ++counts.all;
    if (!call->ended()) {
      ++counts.no_end;
    } else if (call->failed()) {
      ++counts.failed;
    }
    // Every exchange is described, also those of calls that are not shown: what is selected stays selected.
    told.clear();
    for (const auto& e : exchanges.of(*call)) told.push_back(describers[call->tape_index].tell(e));
    const auto* now = state ? &state->take(*call) : nullptr;
    handles.at(now);
    const bool matches = o.filter.matches(*call, now);
    if (!matches && !chosen.wants_context()) continue;
    auto view = view::view_of(*call, programs[call->tape_index], several);
    view.exchanges = told;
    auto& into = direct ? out.text() : block;
    if (o.json) {
      render::append_json(view, how, into);
    } else {
      o.oneline ? render::append_oneline(view, how, into) : render::append_text(view, how, into);
    }
    if (direct) {
      ++counts.shown;
    } else {
      chosen.take(matches, std::move(block), counts.shown);
      block.clear();
    }
    out.flush_if_full();
    if (out.closed()) return;
  }
  chosen.finish();
  if (const auto n = exchanges.of_no_call(); n != 0 && !o.json && !o.oneline)
    out.text() += "# " + std::to_string(n) +
                  " exchanges with a card came from threads of the module while several calls were in flight, and "
                  "cannot be assigned to one of them\n";
}

// A user's names for vendor constants; false, with the reason said, where the file cannot be used.
bool learn_constants(const std::string& file, const open_tapes& tapes) {
  if (file.empty()) return true;
  std::vector<std::string> modules;
  for (const auto& t : tapes.tapes) modules.emplace_back(t->property("module.path"));
  const auto result = decode::load_constants(file, modules);
  if (!result.error.empty()) std::fprintf(stderr, "p11tape show: %s\n", result.error.c_str());
  return result.error.empty();
}

int show(show_options& o) {
  const auto tapes = o.tapes.open();
  if (!learn_constants(o.constants, tapes)) return exit_unusable;
  const int status = tapes.troubles.empty() ? exit_fine : exit_unusable;
  if (tapes.tapes.empty()) return status;
  if (const auto trouble = o.filter.prepare(tapes.readers(), o.tapes.since()); !trouble.empty()) return wrong(trouble);

  const bool colour = !o.json && wants_colour(o.colour);  // asked before a pager takes the terminal's place
  const pager paged(!o.json);
  output out;
  call_counts counts;
  const bool framed = !o.oneline;
  for (std::size_t i = 0; framed && i < tapes.tapes.size(); ++i)
    o.json ? append_tape_json(*tapes.tapes[i], i + 1, out.text())
           : append_tape_text(*tapes.tapes[i], tapes.tapes.size() > 1 ? i + 1 : 0, out.text());
  show_calls(o, tapes, colour, counts, out);
  if (framed && !out.closed())
    o.json ? append_end_json(tapes, counts, out.text()) : append_end_text(tapes, counts, out.text());
  out.flush();
  if (out.error() == 0) return status;
  std::fprintf(stderr, "p11tape: standard output: %s\n", std::strerror(out.error()));
  return exit_unusable;
}

}  // namespace

void add_show(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("show", "Show the calls on tapes, in the order in which they were made");
  auto o = std::make_shared<show_options>();
  o->tapes.add_to(*command, true);
  auto* json = command->add_flag("--json", o->json, "One JSON object a line");
  command->add_flag("--oneline", o->oneline, "One line a call, and nothing else")->excludes(json);
  command->add_flag("--full", o->full, "Whole byte strings, however long");
  command->add_flag("--meaning", o->meaning, "Sessions, objects and slots by what they are, instead of their handles");
  o->filter.add_to(*command);
  command->add_option("-C,--context", o->context, "Also the N calls before and after each of these calls")
      ->type_name("N");
  command
      ->add_option("--constants", o->constants,
                   "File of names for vendor constants; its sections apply to the modules that they name")
      ->type_name("FILE");
  command->add_option("--color", o->colour, "When to use colour")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("auto|always|never");
  command->footer("Fields of an expression (-e):\n" + call_condition::help() +
                  "Operators: = != < <= > >= and ~ for patterns with * and ?; and, or, not, parentheses.\n"
                  "Examples:\n"
                  "  p11tape show --errors --since 1h\n"
                  "  p11tape show --oneline -e 'function=C_Sign and duration>5ms' my.p11tape\n"
                  "  p11tape show --call 2:7 -C 5 /var/tmp/p11tape-1000\n"
                  "  p11tape show --meaning --login 1 my.p11tape\n"
                  "  p11tape show --json --function 'C_Sign*' my.p11tape | jq .duration_ns\n"
                  "Environment: P11TAPE_DIR, PAGER, NO_COLOR.\n"
                  "Exit status: 0; 2 if a tape cannot be read; 64 for wrong usage.");
  command->callback([o, &result] { result = show(*o); });
}

}  // namespace p11tape::cli
