// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/rules.hpp"

#include <algorithm>

#include "clients/reading.hpp"
#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"

namespace p11tape::diagnose {
namespace {

constexpr rule rows[] = {
#define RULE(id, slug, level, whose, kind, needs, function, title) \
  {#id, #slug, severity::level, fault::whose, diagnose::family::kind, needs, title, rule_functions::function},
#define SUBRULE(id, slug, level, whose, kind, title) \
  {#id, #slug, severity::level, fault::whose, diagnose::family::kind, nothing, title, nullptr},
#include "diagnose/tables/rules.def"
#undef RULE
#undef SUBRULE
};

}  // namespace

std::span<const rule> rules() noexcept { return rows; }

const rule& row(rule_id id) noexcept { return rows[static_cast<std::size_t>(id)]; }

unsigned lacking_of(const process_facts& d) noexcept {
  unsigned lacking = d.filtered ? unsigned{every_call} : 0;
  if (!d.imported || d.tape == nullptr) return lacking;
  const auto source = d.tape->header().source_lacks;
  const auto has = [&](tape::u64 bits) { return (source & bits) != 0; };
  if (has(tape::lacks_start_times | tape::lacks_end_times)) lacking |= durations;
  if (has(tape::lacks_threads)) lacking |= threads;
  if (has(tape::lacks_inputs)) lacking |= inputs;
  if (has(tape::lacks_outputs)) lacking |= outputs;
  if (has(tape::lacks_pin_facts)) lacking |= pins;
  if (has(tape::lacks_calls)) lacking |= every_call;
  return lacking;
}

std::string_view describe(need n) noexcept {
  switch (n) {
    case every_call:
      return "all calls";
    case durations:
      return "how long calls took";
    case threads:
      return "which thread made a call";
    case inputs:
      return "the arguments of calls";
    case outputs:
      return "what calls returned";
    case pins:
      return "facts about PINs";
    default:
      return "";
  }
}

const rule* find_rule(std::string_view name) noexcept {
  for (const auto& r : rows)
    if (clients::same_word(r.id, name) || clients::same_word(r.slug, name)) return &r;
  return nullptr;
}

finding& add(findings& out, const rule_input& s, const rule& by) {
  auto& f = out.emplace_back();
  f.by = &by;
  f.id = by.id;
  f.slug = by.slug;
  f.level = by.level;
  f.fault = by.fault;
  f.tape = s.d.index;
  return f;
}

// Something broke, whatever the client did about it.
static bool is_outage(u64 value) noexcept {
  return value == CKR_DEVICE_ERROR || value == CKR_DEVICE_REMOVED || value == CKR_DEVICE_MEMORY ||
         value == CKR_SESSION_HANDLE_INVALID || value == CKR_SESSION_CLOSED || value == CKR_TOKEN_NOT_PRESENT ||
         value == CKR_GENERAL_ERROR || value == CKR_FUNCTION_FAILED;
}

void soften(finding& f, const rule_input& s, const failed_call& i) {
  if (f.level != severity::error) return;
  if (is_trial(s, i)) f.level = severity::info;
  switch (aftermath_of(s, i)) {
    case aftermath::recovered:
      f.level = is_outage(i.value) ? severity::warning : severity::info;
      break;
    case aftermath::succeeded:
      f.level = severity::warning;
      break;
    default:
      break;
  }
}

void show_incident(finding& f, const failed_call& i) {
  std::vector<call_number> calls;
  calls.reserve(i.samples.size());
  for (const auto& s : i.samples) calls.push_back(s.call);
  f.show(std::move(calls), how_often(i));
  for (const auto& s : i.samples)
    if (!s.card.empty()) {
      f.show({s.call}, cat("on the card: ", s.card));
      break;
    }
}

bool covers(const finding& f, const failed_call& i) noexcept {
  for (const auto& e : f.shown)
    for (const auto c : e.calls)
      if (std::any_of(i.samples.begin(), i.samples.end(), [&](const sample& x) { return x.call == c; })) return true;
  return false;
}

std::string_view name_of(fault f) noexcept {
  constexpr std::string_view names[] = {"undecidable", "client", "configuration", "module",
                                        "token",       "device", "environment"};
  static_assert(std::size(names) == static_cast<std::size_t>(fault::environment) + 1);
  return names[static_cast<std::size_t>(f)];
}

std::string_view describe(fault f) noexcept {
  constexpr std::string_view texts[] = {"cannot be decided from the tape",
                                        "the client program",
                                        "the client's configuration",
                                        "the module",
                                        "the token",
                                        "the device",
                                        "the environment (system, user, network)"};
  static_assert(std::size(texts) == static_cast<std::size_t>(fault::environment) + 1);
  return texts[static_cast<std::size_t>(f)];
}

std::string_view name_of(severity s) noexcept {
  return s == severity::error ? "error" : s == severity::warning ? "warning" : "info";
}

call_number finding::first_call() const noexcept {
  call_number first;
  for (const auto& e : shown)
    for (const auto c : e.calls)
      if (first == none || c < first) first = c;
  return first;
}

}  // namespace p11tape::diagnose
