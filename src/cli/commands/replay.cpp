// SPDX-License-Identifier: Apache-2.0
// p11tape replay: the calls of a tape again, on a real module.
#include "replay/replay.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/pager.hpp"
#include "cli/support/secret_input.hpp"
#include "cli/support/tapes.hpp"
#include "replay/report_counts.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

using clients::secret_buffer;

struct replay_options {
  std::string tape, module, so_pin, timing = "none", threads = "as-recorded";
  std::vector<std::string> pins, tokens;
  std::uint64_t from = 0, to = model::all_ones;  // numbers of calls
  std::uint64_t repeat = 0, parallel = 1, timeout = 60;
  bool json = false, dry_run = false;
  replay::choice choice;
  replay::settings settings;
};

int wrong(const std::string& why) {
  std::fprintf(stderr, "p11tape: %s\n", why.c_str());
  return exit_usage;
}

// --pin user=SOURCE, so=SOURCE, or SOURCE for the user's.
std::string take_pins(replay_options& o, std::string& user) {
  for (const auto& given : o.pins) {
    std::string* into = &user;
    std::string source = given;
    if (given.starts_with("user=")) source = given.substr(5);
    if (given.starts_with("so=")) {
      source = given.substr(3);
      into = &o.so_pin;
    }
    if (!into->empty()) return "the same PIN is given twice";
    *into = source;
  }
  return "";
}

std::string understand(replay_options& o) {
  auto& s = o.settings;
  if (o.timing == "recorded") {
    s.pace = 1;
  } else if (o.timing != "none") {
    const auto* end = o.timing.data() + o.timing.size();
    const auto parsed = std::from_chars(o.timing.data(), end, s.pace);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(s.pace > 0) || s.pace > 1e6)
      return "--timing " + o.timing +
             ": not a timing (write none, recorded, or a number that multiplies the recorded pauses)";
  }
  for (const auto& t : o.tokens) {
    const auto equals = t.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == t.size())
      return "--token " + t + ": not a token pair (write OLD=NEW, each a label or a serial number)";
    s.tokens.emplace_back(t.substr(0, equals), t.substr(equals + 1));
  }
  if (o.to < o.from) return "--to is before --from";
  o.choice.from = model::call_number(o.from);
  o.choice.to = model::call_number(o.to);
  if (o.module.empty() && !o.dry_run) return "no module is named (give --module SO, the module to make the calls on)";
  if (o.parallel == 0 || o.parallel > 4096) return "--parallel must be a number of processes from 1 to 4096";
  if (o.parallel > 1 && o.repeat == 0) o.repeat = 1;
  s.one_thread = o.threads == "one";
  s.module = o.module;
  s.patience = std::chrono::seconds(o.timeout);
  return "";
}

bool needs(const replay::plan& p, const replay_options& o, replay::pin_kind kind) {
  for (const auto& s : p.steps)
    if (s.pin == kind && !s.why && s.call.number <= o.choice.to) return true;
  return false;
}

// What the tape itself lacks, said once before the report.
void say_losses(const tape::reader& tape) {
  for (const auto& text : losses_of(tape))
    std::fprintf(stderr, "p11tape: %s: %s\n", tape.shown_path().c_str(), text.c_str());
  for (const auto& text : damages_of(tape))
    std::fprintf(stderr, "p11tape: %s: the tape is damaged and is replayed up to the damage: %s\n",
                 tape.shown_path().c_str(), text.c_str());
  if (const auto n = filtered_calls(tape); n != 0)
    std::fprintf(stderr, "p11tape: %s: recording filters left out %llu calls; whatever depends on them will differ\n",
                 tape.shown_path().c_str(), static_cast<unsigned long long>(n));
}

int print(const std::string& text) {
  output out;
  out.text() += text;
  out.flush();
  return out.error();
}

int run_load(const replay::plan& plan, const replay_options& o, std::string& text) {
  constexpr std::uint64_t most_samples = 4u << 20;
  const auto wanted = plan.steps.size() * std::min<std::uint64_t>(o.repeat, most_samples) * o.parallel;
  replay::results measured(plan.steps.size(), std::min<std::uint64_t>(wanted, most_samples));
  const auto end = replay::load(plan, o.settings, o.repeat, o.parallel, measured);
  text += o.json ? replay::load_json(plan, measured, o.parallel) : replay::load_text(plan, measured, o.parallel);
  if (!measured.trouble().empty() || end.signal != 0) {
    const std::string why(measured.trouble());
    std::fprintf(stderr, "p11tape: the load test ended early: %s\n",
                 why.empty() ? "the module ended or hung in one of the processes" : why.c_str());
    return exit_unusable;
  }
  return measured.head().bad_rounds != 0 ? exit_findings : exit_fine;
}

int run(replay_options& o) {
  if (const auto why = understand(o); !why.empty()) return wrong(why);
  std::string user_source;
  if (const auto why = take_pins(o, user_source); !why.empty()) return wrong(why);
  const auto tapes = open({o.tape});
  report(tapes);
  if (tapes.tapes.empty()) return exit_unusable;
  if (tapes.tapes.size() > 1)
    return wrong(o.tape + ": the directory contains several tapes (name one; a replay covers one process)");
  const auto& tape = *tapes.tapes.front();
  const auto plan = replay::make_plan(tape, o.choice);
  say_losses(tape);
  constexpr replay::u32 most_threads = 4096;
  if (!o.settings.one_thread && plan.lanes > most_threads)
    return wrong("the tape has " + std::to_string(plan.lanes) + " threads; use --threads one");
  if (o.dry_run) return print(replay::dry_run_text(plan)) == 0 ? exit_fine : exit_unusable;

  secret_buffer user, so;
  if (!user_source.empty() && needs(plan, o, replay::pin_kind::user)) {
    user = read_secret(user_source, "user PIN");
    o.settings.has_user_pin = true;
    o.settings.user_pin = user.view();
  }
  if (!o.so_pin.empty() && needs(plan, o, replay::pin_kind::so)) {
    so = read_secret(o.so_pin, "SO PIN");
    o.settings.has_so_pin = true;
    o.settings.so_pin = so.view();
  }
  // The first replay shows whether the calls are those of the tape; many at once, with a PIN that is wrong, would lock
  // the token.
  replay::results results(plan.steps.size());
  replay::replay_report r{&plan, &o.settings, &results, {}, false};
  r.colour = wants_colour("auto");
  r.ending = replay::replay(plan, o.settings, results);
  std::string text = o.json ? r.json() : r.text();
  int status = replay::status_of(r.judge());
  if (o.repeat != 0 && status == exit_fine) status = run_load(plan, o, text);
  return print(text) == 0 ? status : exit_unusable;
}

}  // namespace

void add_replay(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("replay", "Repeat the calls of a tape on a real module, and compare the results");
  auto o = std::make_shared<replay_options>();
  command->add_option("TAPE", o->tape, "Tape to replay")->required();
  command->add_option("--module", o->module, "Module to make the calls on, a shared object")->type_name("SO");
  command
      ->add_option(
          "--pin", o->pins,
          "User PIN: user=env:VAR, user=file:PATH or user=prompt (so=... is the same as --so-pin). Never the PIN "
          "itself")
      ->type_name("SOURCE")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--so-pin", o->so_pin, "SO PIN: env:VAR, file:PATH or prompt")->type_name("SOURCE");
  command->add_option("--token", o->tokens, "Token that replaces a recorded one: label or serial number; repeatable")
      ->type_name("OLD=NEW")
      ->take_all()
      ->allow_extra_args(false);
  command
      ->add_option("--init-args", o->settings.init_args,
                   "Text for pReserved of C_Initialize, if the recorded program passed one (the tape does not contain "
                   "it). NSS: \"configdir='sql:/path' certPrefix='' keyPrefix='' secmod='secmod.db'\"")
      ->type_name("TEXT");
  command
      ->add_option("--timing", o->timing,
                   "Pauses between calls: none, recorded, or a number that multiplies the recorded pauses")
      ->capture_default_str();
  command->add_option("--threads", o->threads, "Threads to use")
      ->check(CLI::IsMember({"as-recorded", "one"}))
      ->capture_default_str();
  command->add_option("--from", o->from, "First call to make (earlier calls that it needs are made too)");
  command->add_option("--to", o->to, "Last call to make");
  command->add_flag("--continue", o->settings.go_on, "Continue after the first divergence");
  command->add_flag("--allow-writes", o->choice.allow_writes, "Also make calls that change a token");
  command->add_flag("--allow-failed-logins", o->choice.allow_failed_logins,
                    "Also repeat failed logins, with a wrong PIN: this uses up the token's PIN tries");
  command->add_flag("--dry-run", o->dry_run, "List the calls that would be made, without making them");
  command->add_option("--repeat", o->repeat, "Load test: number of replays per process, after one that is compared");
  command->add_option("--parallel", o->parallel, "Load test: number of processes at the same time")
      ->capture_default_str();
  command->add_option("--timeout", o->timeout, "Time after which a call counts as hung, in seconds")
      ->capture_default_str();
  command->add_flag("--json", o->json, "Output as one JSON object (a second one for a load test)");
  command->footer(
      "Examples:\n"
      "  p11tape replay --dry-run my.p11tape\n"
      "  p11tape replay --module /usr/lib/softhsm/libsofthsm2.so --pin user=prompt my.p11tape\n"
      "  p11tape replay --module MODULE --pin user=env:PIN --token 'their token=my token' --repeat 100 --parallel 8 "
      "my.p11tape\n"
      "Exit status: 0 same as the tape; 1 diverged; 2 not possible, or stopped before a call that needs a PIN; 64 "
      "usage error.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
