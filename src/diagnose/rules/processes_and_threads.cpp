// SPDX-License-Identifier: Apache-2.0
// P30 to P35: processes, threads, and who initialises and finalises.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::effect;
using cryptoki::function;

bool began_with_initialize(const rule_input& s) noexcept {
  const auto* t = s.d.initialization.turns.empty() ? nullptr : &s.d.initialization.turns.front();
  return t != nullptr && !t->finalizes &&
         (s.d.initialization.first.call == none || t->call < s.d.initialization.first.call);
}

// Modules that count how often they were initialised go on working after the first C_Finalize.
bool works_after_finalize(const rule_input& s, const sample& x) noexcept {
  if (std::any_of(x.before.begin(), x.before.end(), [&](const brief_call& b) {
        return b.call > x.finalized_in && b.ended && b.value == CKR_OK && stage_of(b.which) >= 1;
      }))
    return true;
  if (s.d.tally.of(function::C_Initialize).last_ok > x.finalized_in) return false;
  for (std::size_t n = 0; n < cryptoki::function_count; ++n)
    if (const auto f = static_cast<function>(n); stage_of(f) >= 1 && s.d.tally.of(f).last_ok > x.finalized_in)
      return true;
  return false;
}

// What only tidies up; that the library is gone by then hurts nobody.
bool tidies_up(function f) noexcept {
  switch (cryptoki::row(f).does) {
    case effect::finalize:
    case effect::close_session:
    case effect::close_all_sessions:
    case effect::logout:
      return true;
    default:
      return false;
  }
}

}  // namespace

void use_after_fork(const rule_input& s, const rule& r, findings& out) {
  const auto& i = s.d.initialization;
  const auto& first = i.first;
  if (!s.d.forked || first.call == none || began_with_initialize(s) || i.only_cleans_up) return;
  // A parent that had not initialised the module leaves the child nothing: that is a program that forgot to.
  const auto* parent = s.parent();
  if (parent != nullptr && parent->initialization.initialized == 0) return;
  auto& f = add(out, s, r);
  const bool bad = !first.ended || first.value != CKR_OK;
  if (!bad) f.level = severity::warning;
  f.about = topic::library;
  f.say = cat("The process forked, and its child (process ", s.d.pid, ") uses the module without C_Initialize",
              bad ? "." : "; this module allows it, others do not.");
  f.show({first.call}, cat("the child's first call is ", name_of(first.which),
                           !first.ended ? ", which never returned" : cat(", which returned ", code(first.value))));
  if (const auto from = s.d.tape->property("forked_from"); !from.empty())
    f.show({}, cat("the parent's tape is ", label::printable(from)));
  f.advice =
      "Load and initialise the module after the fork, in each child. Use a recent libp11, or pkcs11-provider, which "
      "detect a fork. nginx: test with master_process off. httpd: use a worker that initialises the module itself.";
}

void fork_not_noticed(const rule_input& s, const rule& r, findings& out) {
  const auto* i = s.d.failed_calls.find(function::C_Initialize, CKR_CRYPTOKI_ALREADY_INITIALIZED);
  if (i == nullptr || !s.d.forked || !began_with_initialize(s) || s.d.initialization.turns.front().call != i->first)
    return;
  auto& f = add(out, s, r);
  f.about = topic::library;
  f.say = "The module does not detect the fork: in the child it returns that it is already initialised.";
  show_incident(f, *i);
  f.advice =
      "The sessions and logins of the child are those of its parent. Call C_Finalize in the child first, initialise "
      "only after the fork, or use a newer module.";
}

void initialised_twice(const rule_input& s, const rule& r, findings& out) {
  const auto* i = s.d.failed_calls.find(function::C_Initialize, CKR_CRYPTOKI_ALREADY_INITIALIZED);
  if (i == nullptr ||
      (s.d.forked && !s.d.initialization.turns.empty() && s.d.initialization.turns.front().call == i->first))
    return;
  auto& f = add(out, s, r);
  f.about = topic::library;
  f.say = "Two parts of the process use the module: the second found it already initialised.";
  show_incident(f, *i);
  f.advice = "This is harmless unless the second one calls C_Finalize, which ends the sessions of the first.";
}

void locking_refused(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_CANT_LOCK, CKR_NEED_TO_CREATE_THREADS})) {
    if (i->which != function::C_Initialize) continue;
    auto& f = add(out, s, r);
    f.about = topic::initialize;
    f.say = i->value == CKR_CANT_LOCK ? "The module does not support the kind of locking that the client requests."
                                      : "The module needs to create threads, but the client does not allow it.";
    show_incident(f, *i);
    f.advice = "strongSwan: os_locking = yes. Other clients: look for a setting for threads or locking.";
    for (const auto& t : s.d.initialization.turns)
      if (!t.finalizes && t.ended && t.value == CKR_OK && t.call > i->last) {
        f.level = severity::info;
        f.show({t.call}, "the client tried again with other arguments and succeeded");
        break;
      }
  }
}

void threads_without_locking(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.concurrent_calls.any;
  if (o.count == 0) return;
  const turn* agreed = nullptr;
  for (const auto& t : s.d.initialization.turns)
    if (!t.finalizes && t.ended && t.value == CKR_OK && t.call < o.call) agreed = &t;
  if (agreed == nullptr || !agreed->locks.told || agreed->locks.os_locking || agreed->locks.mutexes != 0) return;
  auto& f = add(out, s, r);
  f.about = topic::library;
  f.say = "The module was initialised for one thread at a time, but several threads use it at the same time.";
  f.show({agreed->call}, agreed->locks.arguments
                             ? "C_Initialize was called with neither CKF_OS_LOCKING_OK nor mutex functions"
                             : "C_Initialize was called with NULL, which promises one thread at a time");
  f.show({o.other, o.call},
         cat(name_of(o.other_which), " (thread ", o.other_thread, ") and ", name_of(o.which), " (thread ", o.thread,
             ") overlap; ", o.count == 1 ? "the only such pair" : cat(o.count, " such pairs were counted")));
  f.advice =
      "Use a client that passes CKF_OS_LOCKING_OK (newer versions of libp11 do), or do all the work in one thread. "
      "Otherwise results may be wrong, and the process may crash at random.";
}

void session_shared(const rule_input& s, const rule& r, findings& out) {
  const auto& o = s.d.concurrent_calls.same_session;
  if (o.count == 0) return;
  auto& f = add(out, s, r);
  f.about = topic::session;
  f.say = "Two threads use the same session at the same time; a session supports one operation at a time.";
  f.show({o.other, o.call}, cat(name_of(o.other_which), " (thread ", o.other_thread, ") and ", name_of(o.which),
                                " (thread ", o.thread, ") overlap on session handle ", o.session, "; ",
                                o.count == 1 ? "the only such pair" : cat(o.count, " such pairs were counted")));
  f.advice = "Give each thread its own session, or hold a lock for the whole of each operation.";
}

void finalised_by_other(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID})) {
    if (tidies_up(i->which)) continue;
    // The first failure that a C_Finalize of somebody else explains.
    const auto twice = s.d.failed_calls.find(function::C_Initialize, CKR_CRYPTOKI_ALREADY_INITIALIZED);
    for (const auto& sample : i->samples) {
      if (sample.finalized_in == none || sample.initialized) continue;
      const bool other_thread = sample.finalized_by != sample.thread;
      const bool second_user = twice != nullptr && twice->first < sample.finalized_in;
      if (!other_thread && !second_user) continue;
      if (!out.empty() && out.back().id == r.id && out.back().tape == s.d.index) {
        show_incident(out.back(), *i);
        break;
      }
      auto& f = add(out, s, r);
      f.about = topic::library;
      f.say = other_thread ? cat("Thread ", sample.finalized_by, " called C_Finalize while thread ", sample.thread,
                                 " was still using the module.")
                           : "One of two parts of this process called C_Finalize, and the other one continued.";
      f.show({sample.finalized_in}, "C_Finalize");
      if (twice != nullptr) f.show({twice->first}, "the module had been initialised twice");
      show_incident(f, *i);
      f.advice =
          "Only the last user of the module may finalise it. If two libraries use it (MQ and AMS, engine and "
          "application), load it through p11-kit, which counts its users, or give one of them a copy.";
      break;
    }
  }
}

void operation_across_threads(const rule_input& s, const rule& r, findings& out) {
  for (const auto& i : s.d.interleaving.all()) {
    auto& f = add(out, s, r);
    f.level = severity::error;
    f.about = topic::session;
    f.say = i.value == CKR_OPERATION_ACTIVE ? cat(name_of(i.which), " of thread ", i.thread, " failed: thread ",
                                                  i.other_thread, " had an active operation in the same session.")
                                            : cat(name_of(i.which), " of thread ", i.thread, " failed: thread ",
                                                  i.other_thread, " had ended its operation.");
    f.show({i.call}, cat(name_of(i.which), " on session handle ", i.session, " returned ", code(i.value),
                         i.count > 1 ? cat(", ", i.count, " times") : ""));
    f.show({i.other}, cat(name_of(i.other_which), " by thread ", i.other_thread));
    f.cause = "Two threads share a session; an operation belongs to its session, not to a thread.";
    f.advice = "Give each thread its own session, or hold a lock from the start of an operation to its end.";
  }
}

void not_initialised(const rule_input& s, const rule& r, findings& out) {
  if (s.d.forked && !began_with_initialize(s)) return;  // that is what fork leaves behind
  for (const auto* i : s.d.failed_calls.with({CKR_CRYPTOKI_NOT_INITIALIZED})) {
    if (tidies_up(i->which)) continue;
    const auto& first = i->samples.front();
    auto& f = add(out, s, r);
    f.about = topic::library;
    const bool after = first.finalized_in != none && !first.initialized;
    if (first.initialized && first.login_known) {
      f.fault = fault::module;
      f.say = cat("The module lost its state: ", name_of(i->which), " returned ", short_code(i->value), ".");
      for (const auto& t : s.d.initialization.turns)
        if (!t.finalizes && t.ended && t.value == CKR_OK && t.call < i->first)
          f.show({t.call}, "C_Initialize succeeded");
      show_incident(f, *i);
      f.show({}, "no C_Finalize lies between them");
      f.cause =
          "likely: the service behind the module was restarted, or the module was finalised by a path that is not on the tape.";
      f.advice =
          "Check the log of the module and of its service. The client must call C_Finalize and C_Initialize again.";
      soften(f, s, *i);
      continue;
    }
    f.say = after ? cat(name_of(i->which), " was called after C_Finalize.")
                  : cat(name_of(i->which), " was called before C_Initialize.");
    if (after) f.show({first.finalized_in}, "C_Finalize");
    show_incident(f, *i);
    f.advice = "The program, or a library that it uses, makes calls in the wrong order. Look for a newer version.";
    soften(f, s, *i);
  }
  // Modules that return another code for it.
  for (const auto& i : s.d.failed_calls.all()) {
    if (i.value == CKR_CRYPTOKI_NOT_INITIALIZED || i.samples.empty() || tidies_up(i.which) || stage_of(i.which) < 1)
      continue;
    const auto& first = i.samples.front();
    if (first.initialized || first.finalized_in == none || works_after_finalize(s, first)) continue;
    auto& f = add(out, s, r);
    f.about = topic::library;
    f.say = cat(name_of(i.which), " was called after C_Finalize.");
    f.show({first.finalized_in}, "C_Finalize");
    show_incident(f, i);
    f.cause = cat("likely: the module returned ", short_code(i.value), " because it was finalised.");
    f.advice =
        "Two parts of the program use the module, and one finalises it for both; or the program makes calls in the wrong "
        "order. Call C_Finalize once, at the end.";
    soften(f, s, i);
  }
}

}  // namespace p11tape::diagnose::rule_functions
