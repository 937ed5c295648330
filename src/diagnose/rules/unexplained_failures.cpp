// SPDX-License-Identifier: Apache-2.0
// P80 and P81: failed calls that no other rule explains. They run last, over what the others left.
#include <algorithm>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/call_preconditions.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/mechanism_parameters.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/tables/permitted_return_values.hpp"
#include "diagnose/tables/return_value_explanations.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

std::string in_words(const brief_call& b) {
  return cat(b.call, " ", name_of(b.which),
             !b.ended            ? " (no end)"
             : b.value == CKR_OK ? ""
                                 : " " + short_code(b.value));
}

std::string in_words(const std::vector<brief_call>& calls) {
  std::string text;
  for (const auto& b : calls) text += (text.empty() ? "" : ", ") + in_words(b);
  return text;
}

void show_surroundings(finding& f, const failed_call& i, const sample& first) {
  if (first.mechanism != unknown)
    f.show({first.call}, cat("mechanism ", mechanism(first.mechanism), ", ",
                             first.parameter_known ? describe_parameter(first) : "parameter not on the tape"));
  if (first.key) f.show({}, cat("key: ", first.key_name));
  if (first.second_key) f.show({}, cat("second key: ", first.second_key_name));
  if (first.slot != none) f.show({}, cat("token: ", first.slot_name));
  if (first.input_length != unknown) f.show({}, counted(first.input_length, "byte") + " of data");
  const auto section = section_of(i.which);
  if (i.which != model::unknown_function && i.value < CKR_VENDOR_DEFINED)
    f.show({}, is_listed_return_value(i.which, i.value)
                   ? cat("the standard (section ", section, ") lets ", name_of(i.which), " return it")
                   : cat("the standard (section ", section, ") does not list it for ", name_of(i.which)));
  if (!first.before.empty()) f.show({}, cat("before it: ", in_words(first.before)));
  f.show({},
         first.after.empty() ? std::string("after it: nothing on the tape") : cat("after it: ", in_words(first.after)));
}

void show_judgements(finding& f, const std::vector<judgement>& all, const judgement* cause) {
  std::vector<std::string> held, open;
  for (const auto& j : all) {
    if (&j == cause) continue;
    if (j.verdict == verdict::violated) f.show({}, cat("another violation: ", j.text));
    if (j.verdict == verdict::held) held.emplace_back(j.what->text);
    if (j.verdict == verdict::unclear) open.emplace_back(j.what->text);
  }
  if (!held.empty()) f.show({}, cat("checked and fulfilled: ", listed(held, 20)));
  if (!open.empty()) f.show({}, cat("the tape does not show whether ", listed(open, 20)));
}

topic topic_of(const failed_call& i) noexcept {
  switch (stage_of(i.which)) {
    case 0:
      return topic::initialize;
    case 1:
      return topic::slot;
    case 2:
      return topic::session;
    case 3:
      return topic::pin_state;
    case 4:
      return topic::object;
    default:
      return topic::key_use;
  }
}

std::string what_followed(aftermath a) {
  switch (a) {
    case aftermath::gave_up:
      return ", and the client gave up";
    case aftermath::went_on:
      return ", and the client continued with other work";
    default:
      return ", and a later call succeeded";
  }
}

// The failed calls that the findings so far do not cover, with what the client did after them.
template <class Take>
void for_each_unexplained(const rule_input& s, const findings& out, Take take) {
  for (const auto& i : s.d.failed_calls.all()) {
    if (find_normal_outcome(i.which, i.value) != nullptr || i.samples.empty() || is_spare_slot(i)) continue;
    const bool is_explained =
        std::any_of(out.begin(), out.end(), [&](const finding& f) { return f.tape == s.d.index && covers(f, i); });
    if (!is_explained) take(i, aftermath_of(s, i));
  }
}

severity level_of(const rule_input& s, const failed_call& i, aftermath a) noexcept {
  if (is_trial(s, i)) return severity::info;
  if (a == aftermath::gave_up) return severity::error;
  // It never worked, however often it was tried.
  if (a == aftermath::went_on && i.count >= 3 && !s.d.is_inspection_tool()) return severity::warning;
  return severity::info;
}

}  // namespace

void precondition_violated(const rule_input& s, const rule& r, findings& out) {
  findings added;
  for_each_unexplained(s, out, [&](const failed_call& i, aftermath a) {
    const auto& first = i.samples.front();
    const auto all = judge(i.which, i.value, first);
    const auto* cause = cause_among(all);
    if (cause == nullptr) return;
    auto& f = add(added, s, r);
    f.level = level_of(s, i, a);
    f.fault = cause->what->fault;
    f.about = topic_of(i);
    f.say = cat(name_of(i.which), " failed: ", cause->text, ".");
    show_incident(f, i);
    f.show({first.call}, cat("needed: ", cause->what->text, " (section ", cause->what->section, ")"));
    f.cause = cat("likely: ", cause->text, ".");
    show_surroundings(f, i, first);
    show_judgements(f, all, cause);
    f.advice = std::string(cause->what->advice);
    apply_habits(f, s, i);
  });
  for (auto& f : added) out.push_back(std::move(f));
}

void call_failed(const rule_input& s, const rule& r, findings& out) {
  findings added;
  for_each_unexplained(s, out, [&](const failed_call& i, aftermath a) {
    const auto& first = i.samples.front();
    auto& f = add(added, s, r);
    f.level = level_of(s, i, a);
    f.about = topic_of(i);
    f.say = cat(name_of(i.which), " returned ", short_code(i.value), what_followed(a), ".");
    show_incident(f, i);
    const auto* meaning = find_return_value(i.value);
    if (meaning != nullptr) f.show({}, cat(short_code(i.value), ": ", meaning->what));
    show_surroundings(f, i, first);
    show_judgements(f, judge(i.which, i.value, first), nullptr);
    f.advice = "Enable the module's own log and repeat the call.";
    if (meaning != nullptr) {
      if (!meaning->why.empty()) f.cause = cat("possible: ", meaning->why);
      if (!meaning->cure.empty()) f.advice = meaning->cure;
    }
    apply_habits(f, s, i);
  });
  for (auto& f : added) out.push_back(std::move(f));
}

}  // namespace p11tape::diagnose::rule_functions
