// SPDX-License-Identifier: Apache-2.0
// Where the time went, in a few sentences.
//
// Each sentence is weighed by the time that it explains, and the heaviest comes first. A client that only ever waits
// for work would always come out as the heaviest: so what it does itself stands first only where the module is idle for
// nine tenths of the time.
#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "text/phrase.hpp"

namespace p11tape::profile {
namespace {

using diagnose::cat;
using diagnose::counted;

struct statement {
  u64 weight = 0;
  std::string text;
};

std::string calls_of(u64 n, cryptoki::function f) { return counted(n, diagnose::name_of(f) + " call"); }

// "1.90 s (82 %) were 412 C_GetAttributeValue calls"
std::string were(u64 time, u64 whole, u64 calls, cryptoki::function f) {
  return cat(text::duration(time), " (", text::percent(time, whole), calls == 1 ? ") was " : ") were ",
             calls_of(calls, f));
}

// The first tells most: what the way to the login, or to the first use of a key, was spent with.
void say_way(const anatomist& logins, u64 span, std::vector<statement>& all) {
  if (logins.all().empty()) return;
  // To a server that has worked for hours its start no longer matters.
  if (logins.elapsed() * 100 < span) return;
  const auto& a = *std::max_element(logins.all().begin(), logins.all().end(),
                                    [](const auto& x, const auto& y) { return x.elapsed() < y.elapsed(); });
  const bool to_login = a.until_login != 0;
  const auto elapsed = to_login ? a.until_login : a.until_use;
  const auto phases = to_login ? std::min(a.before_use, a.phases.size()) : a.phases.size();
  std::vector<phase_calls> by_function;
  u64 in_module = 0;
  for (std::size_t i = 0; i < phases; ++i) {
    in_module += a.phases[i].in_module;
    for (const auto& f : a.phases[i].by_function) {
      const auto at =
          std::find_if(by_function.begin(), by_function.end(), [&](const auto& b) { return b.which == f.which; });
      if (at == by_function.end()) {
        by_function.push_back(f);
        continue;
      }
      at->calls += f.calls;
      at->time += f.time;
    }
  }
  if (by_function.empty()) return;
  const auto& most = *std::max_element(by_function.begin(), by_function.end(),
                                       [](const auto& x, const auto& y) { return x.time < y.time; });
  const auto where = cat("Of ", text::duration(elapsed), to_login ? " until login" : " until the first use of a key",
                         logins.count() > 1 ? cat(" (the slowest of ", logins.count(), ")") : std::string());
  const auto own = elapsed > in_module ? elapsed - in_module : 0;
  if (own > most.time)
    all.push_back({own, cat(where, ", ", text::duration(own), " (", text::percent(own, elapsed),
                            ") were spent in the program itself, between calls.")});
  else
    all.push_back({most.time, cat(where, ", ", were(most.time, elapsed, most.calls, most.which), ".")});
}

// What explains the hottest function: a finding of the rules about it, or what its calls were about.
std::string because(const breakdown& b, const row& hot) {
  std::string text;
  const auto mechanisms = b.mechanisms().by_time();
  const auto keys = b.keys().by_time();
  const auto is_most = [&](const std::vector<row>& rows) {
    return !rows.empty() && rows[0].f.time * 10 > hot.f.time * 9 && rows[0].f.calls >= hot.f.calls;
  };
  if (is_most(mechanisms)) text += ", " + mechanisms[0].name;
  if (is_most(keys)) text += ", with the " + keys[0].name;
  return text;
}

// `busy`: how long any call was in flight; 0 where that is not known.
void say_hot(const breakdown& b, u64 busy, std::vector<statement>& all) {
  const auto functions = b.functions();
  const auto hot = std::find_if(functions.begin(), functions.end(), [](const row& r) {
    return cryptoki::row(static_cast<cryptoki::function>(r.id)).does != cryptoki::effect::wait;
  });
  if (hot == functions.end() || hot->f.time == 0) return;
  // Where a few calls are much slower than most, the median alone would not add up to the sum.
  const auto median = hot->f.quantile(0.5), slow = hot->f.quantile(0.99);
  const auto each = hot->f.durations.total() < 2 ? std::string()
                    : slow > 3 * median
                        ? cat(" of ", text::duration(median), " (median; p99 ", text::duration(slow), ")")
                        : cat(" of ", text::duration(median), " (median)");
  const bool overlap = busy != 0 && b.total().time > busy + busy / 20;
  all.push_back(
      {hot->f.time,
       cat("Of ", text::duration(b.total().time), " in the module", overlap ? " (all threads together), " : ", ",
           were(hot->f.time, b.total().time, hot->f.calls, static_cast<cryptoki::function>(hot->id)), each,
           because(b, *hot), ".")});
}

void say_card(const breakdown& b, std::vector<statement>& all) {
  const auto& t = b.total();
  if (t.exchanges == 0 || t.time == 0) return;
  all.push_back({t.card_time / 2,
                 cat("The card took ", text::duration(t.card_time), " of it (", text::percent(t.card_time, t.time),
                     "), in ", counted(t.exchanges, "exchange"), "; the module spent the rest.")});
}

void say_crowd(const concurrency& c, std::vector<statement>& all) {
  const auto found = c.findings();
  if (found.empty()) return;
  const auto& f = found.front();
  char gain[32];
  std::snprintf(gain, sizeof gain, "%.1f", f.gain);
  const auto numbers = cat(diagnose::name_of(f.which), " takes ", text::duration(f.alone), " alone and ",
                           text::duration(f.crowded), " with ", concurrency::names[f.level], " in progress");
  if (f.in_parallel())
    all.push_back({0, cat("The module works in parallel: ", numbers, ".")});
  else
    all.push_back({f.waited, cat(f.one_at_a_time() ? "Calls wait for each other inside the module: "
                                                   : "Calls slow each other down inside the module: ",
                                 numbers, "; together they complete ", gain, " times as fast as one at a time, and ",
                                 text::duration(f.waited), " was spent waiting.")});
}

void say_rest(const measurement& m, const diagnose::process_facts& d, std::vector<statement>& all) {
  const auto span = d.pace.last_end - d.pace.first_start;
  const auto busy = std::min(d.pace.busy, span);
  const auto& widest = m.between.widest();
  const auto gap = widest.empty() ? std::string()
                                  : cat(" The longest gap, ", text::duration(widest[0].time), ", ends with call ",
                                        widest[0].before, " (", diagnose::name_of(widest[0].which), ").");
  const bool idle = busy < span / 10;
  const bool always = busy >= span - span / 100;
  all.push_back(
      {idle ? span - busy : 0,
       cat("Of ", text::duration(span), " from the first call to the last, the module worked ",
           always ? std::string("nearly all the time.")
                  : cat(text::duration(busy), " (", text::percent(busy, span), "); the program spent the rest."),
           idle ? gap : std::string())});
}

std::vector<std::string> in_order(std::vector<statement> all) {
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  std::vector<std::string> sentences;
  sentences.reserve(all.size());
  for (auto& s : all) sentences.push_back(std::move(s.text));
  return sentences;
}

}  // namespace

std::vector<std::string> verdict(const measurement& m, const diagnose::process_facts& d,
                                 const diagnose::diagnosis& findings) {
  if (d.tally.total().calls == 0) return {"The tape contains no calls."};
  std::vector<statement> all;
  say_hot(m.breakdown, d.pace.busy, all);
  say_way(m.logins, d.pace.last_end - d.pace.first_start, all);
  say_card(m.breakdown, all);
  say_crowd(m.concurrency, all);
  say_rest(m, d, all);
  auto sentences = in_order(std::move(all));
  for (const auto* f : about_time(findings, d.index))
    if (f->level != diagnose::severity::info) sentences.push_back(cat(f->say, " (", f->id, ")"));
  return sentences;
}

std::vector<std::string> verdict(const measured& all) {
  std::vector<statement> said;
  say_hot(all.total, 0, said);
  say_card(all.total, said);
  auto sentences = in_order(std::move(said));
  if (sentences.empty()) sentences.emplace_back("The tapes contain no calls.");
  return sentences;
}

}  // namespace p11tape::profile
