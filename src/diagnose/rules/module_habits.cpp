// SPDX-License-Identifier: Apache-2.0
#include "diagnose/rules/module_habits.hpp"

#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"
#include "text/lines.hpp"

namespace p11tape::diagnose {
namespace {

constexpr bool cause = true, note = false;

constexpr habit_row rows[] = {
#define HABIT(kind, library, manufacturer, model, functions, codes, text, source) \
  {kind, library, manufacturer, model, functions, codes, text, source},
#include "diagnose/tables/module_habits.def"
#undef HABIT
};

bool contains(std::string_view text, std::string_view part) {
  return part.empty() || text::lower(text).find(text::lower(part)) != std::string::npos;
}

template <class Matches>
bool any_word(std::string_view words, Matches matches) {
  bool matched = words.empty();
  text::for_each_word(words, [&](std::string_view word) { matched = matched || matches(word); });
  return matched;
}

}  // namespace

std::span<const habit_row> habits() noexcept { return rows; }

std::vector<const habit_row*> habits_of(const rule_input& s, slot_id id, cryptoki::function which, u64 value) {
  std::vector<const habit_row*> found;
  const auto file = s.d.module.substr(s.d.module.rfind('/') + 1);
  const auto* slot = s.d.slot(id);
  const auto manufacturer = slot != nullptr && slot->token ? slot->token->manufacturer : std::string();
  const auto model = slot != nullptr && slot->token ? slot->token->model : std::string();
  const auto function = name_of(which);
  const auto number = hex(value);
  const auto name = std::string(cryptoki::name_of("return_value", value));
  for (const auto& h : rows) {
    if (!contains(file, h.library) || !contains(manufacturer, h.manufacturer) || !contains(model, h.model)) continue;
    if (!any_word(h.functions, [&](std::string_view w) { return function == cat("C_", w); })) continue;
    if (!any_word(h.codes, [&](std::string_view w) { return name == cat("CKR_", w) || w == number; })) continue;
    if (std::none_of(found.begin(), found.end(), [&](const habit_row* f) { return f->text == h.text; }))
      found.push_back(&h);
  }
  return found;
}

void apply_habits(finding& f, const rule_input& s, const failed_call& i) {
  if (i.samples.empty()) return;
  for (const auto* h : habits_of(s, i.samples.front().slot, i.which, i.value))
    f.show({}, cat("known of this module: ", h->text, " (", h->source, ")"));
}

}  // namespace p11tape::diagnose
