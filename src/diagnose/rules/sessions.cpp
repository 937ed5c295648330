// SPDX-License-Identifier: Apache-2.0
// P36 to P42: sessions, what ends them, and how the tape ends.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::effect;
using cryptoki::function;

constexpr u64 second = 1000000000;
constexpr u64 long_idle = 30 * second;
constexpr u64 long_wait = 5 * second;
constexpr u64 many_sessions = 64;
constexpr u64 few_sessions = 8;  // fewer are no reason to run out

bool closes(function f) noexcept {
  const auto does = cryptoki::row(f).does;
  return does == effect::close_session || does == effect::close_all_sessions || does == effect::logout ||
         does == effect::finalize;
}

std::string ending_in_words(const model::past& p) {
  switch (p.how) {
    case model::ending::closed:
      return cat("C_CloseSession in call ", p.ended_in, " had closed it");
    case model::ending::closed_all:
      return cat("C_CloseAllSessions in call ", p.ended_in, " had closed it");
    case model::ending::finalized:
      return cat("C_Finalize in call ", p.ended_in, " had ended it");
    case model::ending::replaced:
      return cat("the module gave its handle to another session in call ", p.ended_in);
    default:
      return cat("call ", p.ended_in, " had ended it");
  }
}

// What the tape tells of a call that never returned: a parameter that is missing, or another thread that is waiting.
void explain_unreturned(finding& f, const rule_input& s, const unreturned_call& u) {
  for (const auto& i : s.d.failed_calls.unreturned()) {
    if (i.first != u.call) continue;
    const auto& x = i.samples.front();
    if (x.mechanism != unknown)
      f.show({u.call}, cat("mechanism ", mechanism(x.mechanism), ", ",
                           x.parameter_known ? describe_parameter(x) : std::string("parameter not on the tape")));
    if (x.key) f.show({}, cat("with ", x.key_name));
    if (const auto trouble = check_parameter(u.which, x); trouble && trouble->is_certain) {
      f.fault = fault::module;
      f.cause = cat("likely: ", trouble->say, "; the module reads the parameter without a check and crashes.");
      f.advice = trouble->advice;
    }
    for (const auto* h : habits_of(s, x.slot, u.which, CKR_OK))
      f.show({}, cat("known of this module: ", h->text, " (", h->source, ")"));
  }
  if (u.which != function::C_Finalize) return;
  for (const auto& w : s.d.unreturned.all()) {
    if (w.which != function::C_WaitForSlotEvent || w.call > u.call) continue;
    f.say = cat("C_Finalize does not return while thread ", w.thread, " waits in C_WaitForSlotEvent.");
    f.show({w.call}, cat("C_WaitForSlotEvent of thread ", w.thread, " has no end on the tape"));
    f.fault = fault::module;
    f.cause =
        "C_Finalize must make C_WaitForSlotEvent return CKR_CRYPTOKI_NOT_INITIALIZED (section 5.5); this module waits "
        "for it instead.";
    f.advice =
        "Use a newer version of the module. Or make the client poll with CKF_DONT_BLOCK, or end its waiting thread "
        "first.";
    return;
  }
}

}  // namespace

void session_leak(const rule_input& s, const rule& r, findings& out) {
  const auto& l = s.d.sessions;
  for (const auto* i :
       s.d.failed_calls.with({CKR_SESSION_COUNT, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
                              CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_DEVICE_ERROR})) {
    const auto& first = i->samples.front();
    const bool says_so = i->value == CKR_SESSION_COUNT;
    if (i->which != function::C_OpenSession && !says_so) continue;
    // Another code: only if the same call had worked before, and many sessions are open.
    const bool worked_before = s.d.tally.of(function::C_OpenSession).first_ok != none &&
                               s.d.tally.of(function::C_OpenSession).first_ok < i->first;
    if (!says_so && (!worked_before || first.sessions < few_sessions)) continue;
    auto& f = add(out, s, r);
    f.about = topic::session;
    f.say = says_so ? cat("The token cannot open more sessions: ", first.sessions, " were open in this process.")
                    : cat("C_OpenSession failed with ", short_code(i->value), " while ", first.sessions,
                          " sessions were open.");
    show_incident(f, *i);
    f.show({l.most_open_in}, cat(l.opened, " sessions were opened, ", l.closed, " closed"));
    for (const auto& [id, slot] : s.d.slots)
      if (slot.token && slot.token->max_sessions != 0 && slot.token->max_sessions < 1000000)
        f.show({slot.token->seen_in}, cat(model::describe(slot), " allows ", slot.token->max_sessions, " sessions"));
    f.cause = says_so && first.sessions == 0 ? "No session of this process was open: other programs use them."
              : says_so ? "Sessions are opened and not closed, or the client needs more than the token supports."
                        : "likely: all sessions are in use: the same call succeeded with fewer open sessions.";
    f.advice =
        "Close sessions after use, or limit how many the client holds (pools, worker threads). Small devices support "
        "16 sessions for all programs together.";
    apply_habits(f, s, *i);
    soften(f, s, *i);
    return;
  }
  // Growing and never shrinking: what was opened is, by and large, still open.
  if (l.most_open < many_sessions || l.closed * 2 > l.opened) return;
  auto& f = add(out, s, r);
  f.level = severity::warning;
  f.about = topic::session;
  f.say = cat("Sessions accumulate: ", l.opened, " were opened and ", l.closed, " closed.");
  f.show({l.most_open_in}, cat(l.most_open, " were open at the same time"));
  f.advice =
      "Tokens support a limited number. Look for a newer version of the client, or restart it before the limit is "
      "reached.";
}

void session_gone(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i :
       s.d.failed_calls.with({CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN})) {
    if (closes(i->which)) continue;
    const auto& first = i->samples.front();
    const bool login = i->value == CKR_USER_NOT_LOGGED_IN;
    // The login ended with the session that held it; where nobody ever logged in there is nothing to lose, and of a call
    // whose token is not known nobody can say who was logged in.
    if (login && (first.logged_in || first.slot == none || s.d.logins.first_success() == none ||
                  s.d.logins.first_success() > i->first))
      continue;
    if (!login && first.finalized_in != none && !first.initialized) continue;  // C_Finalize: other rules
    if (!login && first.session_handle == none) continue;                      // the log does not show it
    auto& f = add(out, s, r);
    f.about = topic::session;
    if (login) {
      f.say = cat("The login had ended when ", name_of(i->which), " needed it.");
      // A logout is the cause, and what other rules begin with that tell more of it.
      if (first.logout_in != none)
        f.show({first.logout_in}, cat("C_Logout by thread ", first.logout_by));
      else
        f.show({s.d.logins.first_success()}, "C_Login had succeeded");
      f.advice =
          "The login ends when the last session of the token is closed, or when any thread calls C_Logout. Keep one "
          "session open as long as the login is needed.";
    } else {
      f.say = cat("A session that is no longer open is used for ", name_of(i->which),
                  first.session_end ? ": " + ending_in_words(*first.session_end) : "", ".");
      f.advice = first.session_end && first.session_end->how == model::ending::closed_all
                     ? "C_CloseAllSessions closes the sessions of all threads and libraries in the process: use "
                       "C_CloseSession instead."
                 : first.session_open ? "The module dropped the session: it was restarted, the card was reset, or the "
                                        "connection to the HSM was lost. The client must open a new session."
                                      : "The client must not use a session after closing it.";
    }
    show_incident(f, *i);
    soften(f, s, *i);
  }
}

void session_timed_out(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with(
           {CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_DEVICE_REMOVED, CKR_SESSION_CLOSED})) {
    // Without an open session, too: what asks the device again had worked before the pause.
    const auto& worked = s.d.tally.of(i->which);
    const auto stage = stage_of(i->which);
    const bool handle = i->value == CKR_SESSION_HANDLE_INVALID || i->value == CKR_SESSION_CLOSED;
    const bool asks_device = !handle && stage >= 1 && stage <= 3 && worked.first_ok != none;
    const auto idle = std::find_if(i->samples.begin(), i->samples.end(), [&](const sample& x) {
      return x.idle >= long_idle && (x.session_open || (asks_device && worked.first_ok < x.call));
    });
    if (idle == i->samples.end()) continue;
    auto& f = add(out, s, r);
    f.about = topic::session;
    f.say = cat(idle->session_open ? "The device dropped the session" : "The connection to the device was lost",
                ": the first call after ", duration(idle->idle), " without calls returned ", short_code(i->value), ".");
    f.show({idle->call}, cat(name_of(i->which), " after ", duration(idle->idle), " without calls"));
    f.advice =
        "Network HSMs, small devices and firewalls close idle connections. Keep the connection alive, reconnect with "
        "C_Finalize and C_Initialize, or increase the timeout.";
    soften(f, s, *i);
  }
}

void logout_race(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i :
       s.d.failed_calls.with({CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID})) {
    for (const auto& x : i->samples) {
      if (x.logout_in == none || x.logout_by == x.thread || x.logged_in) continue;
      auto& f = add(out, s, r);
      f.about = topic::session;
      f.say = cat("Thread ", x.logout_by, " logged out while thread ", x.thread,
                  " was using the login, which belongs to the whole process.");
      f.show({x.logout_in}, "C_Logout");
      show_incident(f, *i);
      f.advice = "Log in once per process and log out at its end, not for each operation.";
      soften(f, s, *i);
      break;
    }
  }
}

void read_only(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED})) {
    auto& f = add(out, s, r);
    f.about = topic::write;
    f.say = i->value == CKR_SESSION_READ_ONLY ? cat(name_of(i->which), " writes, but its session is read-only.")
                                              : cat(name_of(i->which), " writes, but the token ",
                                                    i->samples.front().slot_name, " is write-protected.");
    show_incident(f, *i);
    f.advice = i->value == CKR_SESSION_READ_ONLY
                   ? "The client must open the session with CKF_RW_SESSION."
                   : "Check the settings of the module or device, and the permissions of this user.";
    soften(f, s, *i);
  }
}

void ended_in_call(const rule_input& s, const rule& r, findings& out) {
  // Another rule tells of those that the others went on without.
  const unreturned_call* last = nullptr;
  for (const auto& u : s.d.unreturned.all())
    if (u.state == tape::call_state::in_flight && u.others_went_on < long_wait &&
        u.which != function::C_WaitForSlotEvent)
      last = &u;
  if (last != nullptr && s.d.tape->header().stopped == 0) {
    auto& f = add(out, s, r);
    // A program that dies while it tidies up has done its work.
    f.level = stage_of(last->which) < 0 ? severity::warning : severity::error;
    f.about = topic::device;
    f.say = cat("The tape ends inside ", name_of(last->which),
                ": the process crashed, was killed, or is still running there.");
    f.show({last->call}, cat(name_of(last->which), " by thread ", last->thread, " never returned"));
    f.advice =
        "Look for a crash or an out-of-memory kill in the system log, and for a core file. If the process is still "
        "running, gdb shows what the module is waiting for.";
    explain_unreturned(f, s, *last);
    f.commands = {cat("coredumpctl list ", text::shell_word(s.d.program)),
                  cat("gdb -p ", s.d.pid, " -batch -ex 'thread apply all bt'")};
    return;
  }
  for (const auto& u : s.d.unreturned.all()) {
    if (u.state != tape::call_state::left) continue;
    auto& f = add(out, s, r);
    f.about = topic::device;
    f.say = cat("Thread ", u.thread, " left ", name_of(u.which),
                " without returning: it was cancelled, or an exception was thrown.");
    f.show({u.call}, "the next record of the thread shows that it is no longer in the call");
    f.advice = "The module may still hold its locks, so later calls may hang.";
    return;
  }
  const auto& i = s.d.initialization;
  if (i.initialized == 0 || i.finalized >= i.initialized || s.d.forked) return;
  auto& f = add(out, s, r);
  f.say = "The process ended without C_Finalize, or is still running.";
  f.show({s.d.tally.total().last}, "the last call on the tape");
}

void call_hangs(const rule_input& s, const rule& r, findings& out) {
  for (const auto& u : s.d.unreturned.all()) {
    if (u.others_went_on < long_wait || u.which == function::C_WaitForSlotEvent) continue;
    auto& f = add(out, s, r);
    f.about = topic::device;
    f.say = cat(name_of(u.which), " hangs: thread ", u.thread, " has not returned for ", duration(u.others_went_on),
                ", while the rest of the process continued.");
    f.show({u.call}, cat(name_of(u.which), " by thread ", u.thread, " has no end on the tape"));
    f.advice = "The module is probably waiting for the device, the network, or a lock that is never released.";
    explain_unreturned(f, s, u);
    f.commands = {cat("gdb -p ", s.d.pid, " -batch -ex 'thread apply all bt'")};
  }
}

}  // namespace p11tape::diagnose::rule_functions
