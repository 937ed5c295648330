// SPDX-License-Identifier: Apache-2.0
#include "diagnose/diagnosis.hpp"

#include <algorithm>

#include "diagnose/merge_findings.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/tables/permitted_return_values.hpp"

namespace p11tape::diagnose {
namespace {

struct cause_row {
  rule_id root, consequence;
};

constexpr cause_row causes[] = {
#define CAUSE(root, consequence) {rule_id::root, rule_id::consequence},
#include "diagnose/tables/findings_caused_by_others.def"
#undef CAUSE
};

// P9 stands for its sub-classes, too. A sub-class is by the rule that tells it apart.
bool belongs_to(const finding& f, rule_id id) noexcept { return f.id == row(id).id || f.by == &row(id); }

bool explains(const finding& root, const finding& other) noexcept {
  if (&root == &other || root.tape != other.tape || root.level < other.level) return false;
  const auto from = root.first_call(), to = other.first_call();
  if (from != none && to != none && to < from) return false;
  return std::any_of(std::begin(causes), std::end(causes),
                     [&](const cause_row& c) { return belongs_to(root, c.root) && belongs_to(other, c.consequence); });
}

// A sign of the same trouble in a child, or in another process that ran at the same time, is told on its own.
void put_under_causes(std::vector<finding>& all) {
  std::vector<std::size_t> under(all.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size() && under[i] == all.size(); ++j)
      if (explains(all[j], all[i])) under[i] = j;
  // The root of roots: a consequence of a consequence is told with the first.
  const auto root_of = [&](std::size_t i) {
    for (std::size_t steps = 0; under[i] != all.size() && steps < all.size(); ++steps) i = under[i];
    return i;
  };
  for (std::size_t i = 0; i < all.size(); ++i)
    if (const auto root = root_of(i); under[i] != all.size() && root != i) all[root].consequences.push_back(all[i]);
  std::vector<finding> roots;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (under[i] == all.size() || root_of(i) == i) roots.push_back(std::move(all[i]));
  all = std::move(roots);
}

// Findings that stand on failed calls alone, and on nothing else that was seen.
constexpr rule_id about_calls[] = {rule_id::P27, rule_id::P37, rule_id::P38, rule_id::P57,
                                   rule_id::P58, rule_id::P35, rule_id::P5};

bool is_about_calls(const finding& f) noexcept {
  return std::all_of(f.shown.begin(), f.shown.end(), [](const evidence& e) { return e.calls.size() <= 8; }) &&
         std::any_of(std::begin(about_calls), std::end(about_calls), [&](rule_id id) { return f.by == &row(id); });
}

// What a table calls a normal outcome is no error, if nothing else is behind it.
void lower_normal(const rule_input& s, std::vector<finding>& all) {
  for (auto& f : all) {
    if (f.tape != s.d.index || f.level != severity::error) continue;
    bool is_normal = false, is_failure = false;
    for (const auto& i : s.d.failed_calls.all()) {
      if (!covers(f, i)) continue;
      (find_normal_outcome(i.which, i.value) != nullptr ? is_normal : is_failure) = true;
    }
    if (is_normal && !is_failure && is_about_calls(f)) f.level = severity::info;
  }
}

// A failed call after which the client gave up is an error, also where the rule that knows its cause is milder.
void raise_serious(const rule_input& s, std::vector<finding>& all) {
  for (const auto& i : s.d.failed_calls.all()) {
    if (!is_serious(s, i)) continue;
    finding* best = nullptr;
    for (auto& f : all)
      if (f.tape == s.d.index && covers(f, i) && (best == nullptr || f.level > best->level)) best = &f;
    if (best != nullptr && !best->harmless) best->level = severity::error;
  }
}

void note_unchecked(diagnosis& d, const rule& r, unsigned lacking, bool filtered) {
  for (const auto n : {every_call, durations, threads, inputs, outputs, pins}) {
    if ((lacking & n) == 0) continue;
    const bool by_filter = filtered && n == every_call;
    auto at = std::find_if(d.silent.begin(), d.silent.end(),
                           [&](const unchecked& u) { return u.lacking == n && u.filtered == by_filter; });
    if (at == d.silent.end()) at = d.silent.insert(d.silent.end(), unchecked{n, by_filter, {}});
    if (std::find(at->rules.begin(), at->rules.end(), &r) == at->rules.end()) at->rules.push_back(&r);
    return;
  }
}

}  // namespace

std::string reason(const unchecked& u) {
  return u.filtered ? "recording filters left out calls" : "the log does not show " + std::string(describe(u.lacking));
}

diagnosis examine(std::span<const process_facts> all, const configured& set) {
  diagnosis d;
  for (const auto& one : all) {
    const rule_input s{one, all, set};
    const auto lacking = lacking_of(one);
    for (const auto& r : rules()) {
      if (r.look == nullptr) continue;
      // Without these a rule would accuse by mistake. An argument that a log leaves out is unknown to the rule call by
      // call: logs show some of them.
      const bool can_run = (r.needs & lacking & (every_call | durations | threads)) == 0;
      const auto before = d.found.size();
      if (can_run) r.look(s, r, d.found);
      if (d.found.size() == before) note_unchecked(d, r, r.needs & lacking, one.filtered);
    }
    lower_normal(s, d.found);
    raise_serious(s, d.found);
  }
  put_under_causes(d.found);
  merge_findings(all, d.found);
  std::stable_sort(d.found.begin(), d.found.end(), [](const finding& a, const finding& b) {
    if (a.level != b.level) return a.level > b.level;
    if (a.consequences.size() != b.consequences.size()) return a.consequences.size() > b.consequences.size();
    return a.first_call() < b.first_call();
  });
  for (const auto& f : d.found)
    (f.level == severity::error ? d.errors : f.level == severity::warning ? d.warnings : d.infos)++;
  return d;
}

std::vector<const word_row*> reports(const finding& f, const report_context& around) {
  std::vector<const word_row*> rows;
  if (f.about == topic::no_topic || f.level == severity::info) return rows;
  const auto by = speaker_of(around.all[f.tape].program);
  const bool is_mq = around.set.is_mq || !around.log.empty() || by == speaker::mq || by == speaker::runmqakm;
  const auto wanted = [&](speaker s) {
    if (around.verbose) return true;
    if (is_mq) return s == speaker::mq || s == speaker::runmqakm || s == speaker::gskit;
    return s == by;
  };
  for (const auto& w : words())
    if (w.about == f.about && wanted(w.by)) rows.push_back(&w);
  // The words of the very program first.
  std::stable_sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) { return a->by == by && b->by != by; });
  return rows;
}

}  // namespace p11tape::diagnose
