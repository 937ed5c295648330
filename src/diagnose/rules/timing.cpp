// SPDX-License-Identifier: Apache-2.0
// P44 to P49, P61 to P66: where the time goes.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

constexpr u64 ms = 1000000, second = 1000 * ms, minute = 60 * second;

u64 span_of(const rule_input& s) noexcept { return s.d.pace.last_end - s.d.pace.first_start; }

bool is_softhsm(const rule_input& s) noexcept { return s.d.module.find("softhsm") != std::string::npos; }

}  // namespace

void login_per_operation(const rule_input& s, const rule& r, findings& out) {
  const auto logins = s.d.logins.succeeded();
  const auto initialized = s.d.initialization.initialized, used = s.d.key_uses.count;
  const auto span = std::max<u64>(span_of(s), 1);
  const bool often = logins >= 5 && logins * minute > span;
  const bool cycles = often && initialized >= 3 && initialized * 2 >= logins;
  const bool per_use = often && logins * 2 >= std::max<u64>(used, 1) && used != 0;
  if (!cycles && !per_use) return;
  const auto& t = s.d.tally;
  const auto cost = t.of(function::C_Login).time + t.of(function::C_LoginUser).time +
                    (cycles ? t.of(function::C_Initialize).time : 0);
  auto& f = add(out, s, r);
  f.say = cycles ? cat("The client initialises, logs in and finalises repeatedly: ", logins, " logins in ",
                       duration(span), ".")
                 : cat("The client logs in for nearly every operation: ", logins, " logins for ", used,
                       " operations with keys.");
  f.show({s.d.logins.first_success(), s.d.logins.last_success()},
         cat("logins, ", cycles ? "with C_Initialize, " : "", "took ", duration(cost), " in total, ",
             percent(cost, span), " of the time"));
  f.advice =
      "MQ: set EnvironmentScope=PROCESS in the SSL stanza of mqclient.ini (CONNECTION creates an environment for each "
      "connection). Other clients: keep the session open, and log in once.";
  if (s.d.filtered)
    f.show({}, "recording filters left out calls: the share of the time covers only the calls on the tape");
}

void slow_initialize(const rule_input& s, const rule& r, findings& out) {
  const auto& t = s.d.tally.of(function::C_Initialize);
  if (t.longest < second) return;
  auto& f = add(out, s, r);
  f.say = cat("C_Initialize took ", duration(t.longest), ".");
  f.show({t.longest_in},
         counted(t.calls, "C_Initialize call", "calls of C_Initialize") + cat(", ", duration(t.time), " in total"));
  f.advice =
      "In C_Initialize, modules read whole cards and query all readers, or connect to HSMs that may not respond. "
      "OpenSC: use_file_cache = public, and ignored_readers for unused readers. Network HSMs: remove unreachable "
      "members from the group.";
}

void full_enumeration(const rule_input& s, const rule& r, findings& out) {
  const auto& e = s.d.objects.listed();
  const auto& reads = s.d.objects.reads();
  const auto time = reads.time + s.d.pace.searches_time;
  const auto busy = std::max<u64>(s.d.pace.busy, 1);
  if (e.objects < 50 || reads.calls < e.objects || time * 5 < busy) return;
  auto& f = add(out, s, r);
  f.say = cat("The client reads all objects: ", counted(e.times, "search", "searches"), " for ", e.objects,
              " objects in all, and ", reads.calls, " calls of C_GetAttributeValue, ", percent(time, busy),
              " of the time in the module.");
  f.show({e.first}, cat("searches and reading took ", duration(time)));
  f.advice =
      "Configure the label or the ID of the object that the client needs, delete unused objects, or enable a cache "
      "(pkcs11-provider: pkcs11-module-cache-keys). Java's KeyStore.load always reads all objects: give Java its own "
      "token.";
}

void attribute_by_attribute(const rule_input& s, const rule& r, findings& out) {
  const auto& reads = s.d.objects.reads();
  if (reads.in_rows < 100 || reads.in_rows * 2 < reads.calls) return;
  auto& f = add(out, s, r);
  // On a quick token nobody notices.
  if (reads.time < 100 * ms && reads.in_rows < 1000) f.level = severity::info;
  f.say = cat("Attributes are read one at a time: ", reads.single, " of ", reads.calls,
              " calls of C_GetAttributeValue read only one.");
  f.show({reads.longest_row_in}, cat("here ", reads.longest_row, " in a row for one object"));
  if (reads.sizes != 0) f.show({}, cat(reads.sizes, " of them only queried the length of the value"));
  if (reads.after_refusal != 0)
    f.show({}, cat(reads.after_refusal, " followed a call for several attributes that the module had rejected"));
  f.show({}, cat("reading attributes took ", duration(reads.time), ", ", percent(reads.time, s.d.pace.busy),
                 " of the time in the module"));
  f.advice = "One call can read all attributes of an object. Look for a newer version of the client's PKCS#11 library.";
}

void polling(const rule_input& s, const rule& r, findings& out) {
  const auto& l = s.d.slot_queries;
  const auto span = l.polls.last_wall > l.polls.first_wall ? l.polls.last_wall - l.polls.first_wall : 0;
  // Listing asks each slot several times, which hurts only where it takes time.
  const bool before = l.most_alike > 20 && l.polls.time >= 500 * ms;
  const bool all_the_time = l.polls.count >= 200 && span >= 10 * second && l.polls.count * second > 5 * span;
  if (!before && !all_the_time) return;
  auto& f = add(out, s, r);
  f.say = before ? cat(l.most_alike_name, " was called ", l.most_alike,
                       " times with the same arguments before the first session was opened.")
                 : cat("Slots and tokens are queried ", l.polls.count * second / std::max<u64>(span, 1),
                       " times per second.");
  f.show({l.polls.first, l.polls.last},
         cat(l.polls.count, " calls of C_GetSlotList, C_GetSlotInfo and C_GetTokenInfo, ", duration(l.polls.time),
             " in total"));
  f.advice =
      "Some clients poll for cards that are inserted or removed (Java: insertionCheckInterval). Fewer readers and "
      "slots make each round shorter.";
}

void slow_login(const rule_input& s, const rule& r, findings& out) {
  const auto& a = s.d.tally.of(function::C_Login);
  const auto& b = s.d.tally.of(function::C_LoginUser);
  const auto& t = a.longest >= b.longest ? a : b;
  if (t.longest < 500 * ms) return;
  // A PIN pad waits for a person.
  for (const auto& u : s.d.logins.all())
    if (u.call == t.longest_in && !u.pin_given) return;
  auto& f = add(out, s, r);
  f.say = cat("A single C_Login took ", duration(t.longest), ".");
  f.show({t.longest_in}, cat(counted(t.calls, "login"), ", ", duration(t.time), " in total"));
  f.advice =
      "A card takes 100 to 300 ms to check a PIN. Longer times come from slow key derivation in the module's database "
      "(openCryptoki, NSS: iterations), the network to the HSM, or a delay after wrong PINs.";
}

void slow_search(const rule_input& s, const rule& r, findings& out) {
  const auto& begin = s.d.tally.of(function::C_FindObjectsInit);
  const auto& step = s.d.tally.of(function::C_FindObjects);
  const auto longest = std::max(begin.longest, step.longest);
  const bool slow_mean = begin.calls >= 5 && s.d.pace.searches_time / begin.calls >= 50 * ms;
  if (longest < second && !slow_mean) return;
  auto& f = add(out, s, r);
  f.say =
      cat("Searches are slow: ",
          begin.calls == 0 ? std::string() : cat(duration(s.d.pace.searches_time / begin.calls), " each on average, "),
          duration(longest), " at the longest.");
  f.show({begin.longest >= step.longest ? begin.longest_in : step.longest_in}, "the longest");
  f.advice = is_softhsm(s) ? "SoftHSM opens and locks the file of every object in each search: keep fewer objects on "
                             "the token, or use its database backend."
                           : "Modules without an index read each object; on cards, each object is a file. Fewer "
                             "objects, or searches by class and ID, help.";
}

void serialised(const rule_input& s, const rule& r, findings& out) {
  const auto& alone = s.d.pace.by_crowd[0];
  for (std::size_t i = s.d.pace.by_crowd.size(); i-- > 1;) {
    const auto& crowded = s.d.pace.by_crowd[i];
    if (crowded.total() < 50 || alone.total() < 20) continue;
    const auto slow = crowded.quantile(0.5), quick = std::max<u64>(alone.quantile(0.5), 1);
    const u64 least = i == 3 ? 4 : i == 2 ? 3 : 2;
    if (slow < least * quick) return;
    constexpr std::string_view others[] = {"", "one or two", "three to six", "seven or more"};
    auto& f = add(out, s, r);
    f.say = cat("The module executes one operation at a time: an operation takes ", duration(quick), " alone, and ",
                duration(slow), " while ", others[i], " others are in progress.");
    f.show({}, cat("medians of ", alone.total(), " and ", crowded.total(), " operations; 95 of 100 take less than ",
                   duration(alone.quantile(0.95)), " and ", duration(crowded.quantile(0.95))));
    f.advice =
        "More threads do not help with this token. Use several tokens or processes, or a device that works in "
        "parallel.";
    return;
  }
}

void first_call_slow(const rule_input& s, const rule& r, findings& out) {
  const auto& p = s.d.pace;
  const auto middle = p.operations.quantile(0.5);
  if (p.operations.total() < 5 || p.first_operation < 50 * ms || p.first_operation < 10 * middle) return;
  auto& f = add(out, s, r);
  f.say = cat("The first operation with a key took ", duration(p.first_operation), ", the others ", duration(middle),
              " (median).");
  f.show({p.first_operation_in}, "the first");
  f.advice =
      "The module loads the key or opens its connection at that time. A first signature at program start hides the "
      "delay.";
}

void bulk_on_token(const rule_input& s, const rule& r, findings& out) {
  const auto& p = s.d.pace;
  const auto calls = s.d.tally.total().calls;
  const bool many = p.on_token >= 1000 && p.on_token * 2 > calls;
  const bool long_time = p.on_token_time >= second && p.on_token_time * 2 > p.busy;
  if (!many && !long_time) return;
  auto& f = add(out, s, r);
  f.say = cat(percent(p.on_token, calls),
              " of all calls are for random numbers, digests or encryption, which the processor does faster: ",
              duration(p.on_token_time), ", ", percent(p.on_token_time, p.busy), " of the time in the module.");
  f.show({},
         cat(s.d.tally.of(function::C_GenerateRandom).calls, " calls of C_GenerateRandom, ", p.on_token, " in total"));
  f.advice =
      "Keep these operations off the token. MQ: SYMMETRIC_CIPHER_OFF; Java: disabledMechanisms; strongSwan: "
      "use_hasher and use_rng = no; pkcs11-provider: pkcs11-module-block-operations = digest.";
}

void session_per_operation(const rule_input& s, const rule& r, findings& out) {
  const auto& l = s.d.sessions;
  const auto used = s.d.key_uses.count;
  if (l.opened < 50 || used == 0 || l.opened * 2 < used) return;
  auto& f = add(out, s, r);
  f.say = cat("A session is opened for almost every operation: ", l.opened, " sessions for ", used, " operations.");
  f.show({l.first_open}, cat("opening took ", duration(s.d.tally.of(function::C_OpenSession).time), " in total"));
  f.advice = "Reuse sessions for the next operation.";
}

void client_side(const rule_input& s, const rule& r, findings& out) {
  const auto span = span_of(s);
  const auto& p = s.d.pace;
  if (s.d.tally.total().calls < 10 || span < 2 * second || p.busy * 10 > span) return;
  auto& f = add(out, s, r);
  f.say =
      cat("Most of the time is spent outside the module: of ", duration(span), " it worked ", duration(p.busy), ".");
  f.show({p.widest_gap_in}, cat("the longest pause between calls is ", duration(p.widest_gap), ", before this one"));
  f.advice =
      "Check what the program waits for between its calls: the peer, name resolution, LDAP, revocation checks (OCSP, "
      "CRL), or a lack of work.";
}

}  // namespace p11tape::diagnose::rule_functions
