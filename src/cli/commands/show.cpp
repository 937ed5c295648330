// SPDX-License-Identifier: Apache-2.0
// p11tape show: the calls of tapes, as text or JSON.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>

#include "cli/support/commands.hpp"
#include "cli/support/filter.hpp"
#include "cli/support/output.hpp"
#include "cli/support/parse_time.hpp"
#include "cli/support/selection.hpp"
#include "cli/support/show_report.hpp"
#include "cli/support/tapes.hpp"
#include "decode/constants_file.hpp"
#include "decode/decode.hpp"
#include "model/call_stream.hpp"
#include "model/exchanges.hpp"
#include "model/state.hpp"
#include "render/render.hpp"
#include "text/exit_codes.hpp"
#include "view/view.hpp"

namespace p11tape::cli {
namespace {

struct show_options {
  std::vector<std::string> paths;
  bool json = false;
  bool full = false;
  bool meaning = false;
  selection about;
  std::string slower_than, from, to, constants;
  call_filter filter;
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
  std::fprintf(stderr, "p11tape: %s\n", why.c_str());
  return exit_usage;
}

// Turns the words of the command line into numbers; answers why it cannot, or "".
std::string understand(show_options& o, const open_tapes& tapes) {
  std::uint64_t start = ~std::uint64_t{0}, number = 0;
  for (const auto& t : tapes.tapes) start = std::min<std::uint64_t>(start, t->header().wall);
  if (!o.slower_than.empty()) {
    if (!parse_duration(o.slower_than, number))
      return "--slower-than " + o.slower_than + " is not a duration (write 5ms, 2.5s, 100us or 1min)";
    o.filter.slower_than = number;
  }
  const auto moment = [&](const char* option, const std::string& text, std::optional<std::uint64_t>& into) {
    if (text.empty()) return std::string();
    if (!parse_moment(text, start, number))
      return std::string(option) + " " + text +
             " is not a time (write 2026-11-21T18:05:01, 18:05:01 or +2.5 for seconds)";
    into = number;
    return std::string();
  };
  auto trouble = moment("--from", o.from, o.filter.from);
  if (trouble.empty()) trouble = moment("--to", o.to, o.filter.to);
  if (!trouble.empty()) return trouble;
  if (const auto unknown = o.filter.prepare(tapes.readers()); !unknown.empty())
    return "--function " + unknown + ": PKCS#11 has no function with this name (patterns such as C_Sign* work)";
  return o.about.prepare(tapes.readers());
}

void show_calls(const show_options& o, const open_tapes& tapes, call_counts& counts, output& out) {
  const bool several = tapes.tapes.size() > 1;
  std::vector<std::string> programs;
  for (const auto& t : tapes.tapes) programs.push_back(program_of(*t));
  render::options how;
  how.name_process = several;
  if (o.full) how.most_bytes = ~std::size_t{0};
  how.decoder = decode::attribute;
  const auto readers = tapes.readers();
  model::call_stream calls(readers);
  model::call_exchanges exchanges(readers);
  std::vector<card::describer> describers(readers.size());
  std::vector<card::described> told;
  // The model is asked only where somebody wants to know: without it, showing is reading.
  std::optional<model::state> state;
  if (o.meaning || o.about.any()) state.emplace(std::span(readers));
  meanings handles;
  if (o.meaning) how.handles = &handles;
  while (const auto* call = calls.next()) {
    ++counts.all;
    if (!call->ended()) {
      ++counts.no_end;
    } else if (call->failed()) {
      ++counts.failed;
    }
    // Every exchange is told, also those of calls that are not shown: what is selected stays selected.
    told.clear();
    for (const auto& e : exchanges.of(*call)) told.push_back(describers[call->tape_index].tell(e));
    const auto* now = state ? &state->take(*call) : nullptr;
    handles.at(now);
    if (!o.filter.lets(*call) || (o.about.any() && !o.about.lets(*now))) continue;
    ++counts.shown;
    auto view = view::view_of(*call, programs[call->tape_index], several);
    view.exchanges = told;
    o.json ? render::append_json(view, how, out.text()) : render::append_text(view, how, out.text());
    out.flush_if_full();
    if (out.closed()) return;
  }
  if (const auto n = exchanges.of_no_call(); n != 0 && !o.json)
    out.text() +=
        "# " + std::to_string(n) +
        " card exchanges were made by threads of the module while several calls were in progress, so they belong to "
        "no single call\n";
}

// A user's names for vendor constants; false, with the reason said, where the file cannot be used.
bool learn_constants(const std::string& file, const open_tapes& tapes) {
  if (file.empty()) return true;
  std::vector<std::string> modules;
  for (const auto& t : tapes.tapes) modules.emplace_back(t->property("module.path"));
  const auto result = decode::load_constants(file, modules);
  if (!result.error.empty()) std::fprintf(stderr, "p11tape: %s\n", result.error.c_str());
  return result.error.empty();
}

int show(show_options o) {
  const auto tapes = open(o.paths);
  report(tapes);
  if (!learn_constants(o.constants, tapes)) return exit_unusable;
  const int status = tapes.troubles.empty() ? exit_fine : exit_unusable;
  if (tapes.tapes.empty()) return status;
  if (const auto trouble = understand(o, tapes); !trouble.empty()) return wrong(trouble);

  output out;
  call_counts counts;
  for (std::size_t i = 0; i < tapes.tapes.size(); ++i)
    o.json ? append_tape_json(*tapes.tapes[i], i + 1, out.text()) : append_tape_text(*tapes.tapes[i], out.text());
  show_calls(o, tapes, counts, out);
  if (!out.closed()) o.json ? append_end_json(tapes, counts, out.text()) : append_end_text(tapes, counts, out.text());
  out.flush();
  if (out.error() == 0) return status;
  std::fprintf(stderr, "p11tape: cannot write to standard output: %s\n", std::strerror(out.error()));
  return exit_unusable;
}

}  // namespace

void add_show(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("show", "Show the calls of tapes, in the order in which they were made");
  auto o = std::make_shared<show_options>();
  command->add_option("TAPE", o->paths, "Tapes, or directories of tapes")->required();
  command->add_flag("--json", o->json, "Output as one JSON object per line");
  command->add_flag("--full", o->full, "Show byte strings in full, however long");
  command->add_flag("--meaning", o->meaning,
                    "Show what handles refer to (sessions, objects, slots) instead of numbers");
  command
      ->add_option("--session", o->about.session,
                   "Only calls of the Nth session that was opened, including its C_OpenSession (--meaning shows the "
                   "numbers)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--object", o->about.object,
                   "Only calls that search for, create, find or use the object with this handle (0x2a, 42) or label")
      ->type_name("HANDLE|LABEL");
  command
      ->add_option("--login", o->about.login,
                   "Only calls of the Nth login, on its token: from the C_OpenSession of the session that calls "
                   "C_Login to C_Logout, the close of the token's last session, or C_Finalize. A failed login ends "
                   "with its C_Login")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  o->filter.add_to(*command);
  command->add_option("--slower-than", o->slower_than, "Only calls that took longer (5ms, 2.5s) or never returned");
  command->add_option("--from", o->from,
                      "Only calls from this time on: 2026-11-21T18:05:01, 18:05:01, or +2.5 (seconds from the start)");
  command->add_option("--to", o->to, "Only calls up to this time");
  command->add_option("--constants", o->constants,
                      "File with names of vendor constants; each section applies to the modules that it names");
  command->footer(
      "Examples:\n"
      "  p11tape show /var/tmp/p11tape-1000\n"
      "  p11tape show --errors --from 18:05 my.p11tape\n"
      "  p11tape show --meaning --login 1 my.p11tape\n"
      "  p11tape show --meaning --object my_key3 my.p11tape\n"
      "  p11tape show --json --function 'C_Sign*' my.p11tape | jq .duration_ns\n"
      "Exit status: 0 done; 2 a tape cannot be read; 64 usage error.");
  command->callback([o, &result] { result = show(*o); });
}

}  // namespace p11tape::cli
