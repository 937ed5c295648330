// SPDX-License-Identifier: Apache-2.0
// p11tape summary: who, when, what, how much.
#include <algorithm>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/progress.hpp"
#include "cli/support/summary_report.hpp"
#include "cli/support/tape_options.hpp"
#include "model/call_stream.hpp"
#include "model/extract.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

using cryptoki::effect;
using cryptoki::function;

struct summary_options {
  tape_options tapes;
  bool json = false, verbose = false;
};

void see(tape_summary& s, const model::call_context& now) {
  s.tally.see(now);
  switch (now.role->does) {
    case effect::open_session:
      s.opened += now.ok;
      s.most_open = std::max<tape::u64>(s.most_open, now.process->sessions.size() + now.ok);
      break;
    case effect::login:
      ++s.logins;
      s.failed_logins += now.ended && !now.ok;
      break;
    case effect::begin:
      if (now.ok && now.mechanism != model::unknown) ++s.mechanisms[now.mechanism];
      break;
    case effect::none:
      if (!now.is(function::C_GetInfo) || !now.ok) break;
      if (const auto info = model::output_struct(*now.call, 0)) {
        s.manufacturer = model::text_named(*info, "manufacturerID");
        s.library = model::text_named(*info, "libraryDescription");
      }
      break;
    default:
      break;
  }
}

int run(summary_options& o) {
  const auto tapes = o.tapes.open();
  output out;
  summary_room room;
  if (rows() != 0) room = {columns(), o.verbose ? 0 : rows()};
  progress bar("reading", size_of(tapes));
  for (std::size_t i = 0; i < tapes.tapes.size() && !out.closed(); ++i) {
    const auto& tape = *tapes.tapes[i];
    tape_summary s;
    s.tape = &tape;
    s.number = tapes.tapes.size() > 1 ? i + 1 : 0;
    model::call_stream calls(tape);
    model::state state(tape);
    tape::u64 n = 0, bytes = 0;
    while (const auto* call = calls.next()) {
      see(s, state.take(*call));
      bytes += call->enter.stored + call->leave.stored;
      if (++n % 65536 == 0) {
        bar.add(bytes);
        bytes = 0;
      }
    }
    state.finish();
    const auto& in = *state.libraries().front();
    s.still_open = in.sessions.size();
    s.slots.insert(in.slots.begin(), in.slots.end());
    bar.end();
    if (i != 0 && !o.json) out.text() += '\n';
    o.json ? append_json(s, out.text()) : append_text(s, room, out.text());
    out.flush_if_full();
  }
  out.flush();
  return tapes.troubles.empty() && out.error() == 0 ? exit_fine : exit_unusable;
}

}  // namespace

void add_summary(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("summary", "Summarise tapes: program, time, number of calls, tokens");
  auto o = std::make_shared<summary_options>();
  o->tapes.add_to(*command);
  command->add_flag("--json", o->json, "Output as one JSON object per tape");
  command->add_flag("--verbose,-v", o->verbose, "In a terminal, also what does not fit on the screen");
  command->footer(
      "Example:\n"
      "  p11tape summary /var/tmp/p11tape-1000\n"
      "Exit status: 0 done; 2 a tape cannot be read; 64 usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
