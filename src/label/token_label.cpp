// SPDX-License-Identifier: Apache-2.0
// The search for the lightest explanation, and for other things that the configured text may be the name of.
// What several people call "the label" is tried in order of surprise: the same bytes, the same text in another dress,
// another field of the token, another name of the same configuration, a slip of the fingers.
#include "label/token_label.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "label/folding_steps.hpp"
#include "label/similar_characters.hpp"
#include "label/verdict_text.hpp"

namespace p11tape::label {
namespace {

constexpr std::uint64_t ckf_token_initialized = 0x400;
constexpr int most_steps = 4;  // more than that, and anything explains anything
constexpr int most_weight = 13;
constexpr std::size_t longest_compared = 512;

std::string_view without_padding(std::string_view raw) noexcept {
  while (raw.ends_with(' ')) raw.remove_suffix(1);
  return raw;
}

// The lightest set of steps that makes both sides equal.
struct explanation {
  int weight = std::numeric_limits<int>::max();
  std::vector<cause> causes;
};

void search(const pair& now, std::size_t from, int weight, std::vector<cause>& taken, explanation& best) {
  if (weight >= best.weight || weight > most_weight) return;
  if (now.configured == now.shown && !now.configured.empty()) {
    best = {weight, taken};
    return;
  }
  if (taken.size() == most_steps) return;
  const auto all = steps();
  for (std::size_t i = from; i < all.size(); ++i) {
    pair next = now;
    if (!all[i].apply(next)) continue;
    taken.push_back(all[i].why);
    search(next, i + 1, weight + all[i].weight, taken, best);
    taken.pop_back();
  }
}

explanation explain(std::string_view configured, std::string_view raw) {
  explanation best;
  std::vector<cause> taken;
  search({std::string(configured), std::string(without_padding(raw))}, 0, 0, taken, best);
  return best;
}

// Which other thing the configured text is the name of.
struct namesake {
  int weight = std::numeric_limits<int>::max();
  cause what = cause::different;
  std::string description;
  std::size_t token = none;
};

void consider(namesake& best, std::string_view configured, std::string_view text, int weight, namesake found) {
  text = unpadded(text);
  if (text.empty()) return;
  if (configured != text) {
    if (lower(single_blanks(configured)) != lower(single_blanks(text))) return;
    weight += 2;
  }
  if (weight >= best.weight) return;
  best = std::move(found);
  best.weight = weight;
}

namesake find_namesake(std::string_view configured, std::span<const token> tokens, std::span<const other_name> others) {
  namesake best;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const token& t = tokens[i];
    const auto field = [&](std::string_view text, std::string_view what) {
      consider(best, configured, text, 5, {0, cause::e_other_field, std::string(what), i});
    };
    field(t.serial, "the serial number of the token");
    field(t.model, "the model of the token");
    field(t.manufacturer, "the manufacturer of the token");
    field(t.slot_description, "the description of the slot");
    field(std::to_string(t.slot), "the number of the slot");
    for (const auto& object : t.objects)
      consider(best, configured, object, 6, {0, cause::f_other_name, "the label of an object on the token", i});
    const std::string qualifier = std::string(unpadded(t.label)) + ':';
    if (qualifier.size() > 1 && configured.size() > qualifier.size() && configured.starts_with(qualifier) &&
        best.weight > 6)
      best = {6, cause::f_other_name, "a token's label and an object's, joined by a colon", i};
  }
  for (const auto& other : others)
    consider(best, configured, other.text, 6,
             {0, cause::f_other_name, other.what, tokens.size() == 1 ? std::size_t{0} : none});
  return best;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

// The token whose label looks most like the configured one.
void find_nearest(verdict& v, std::string_view configured, std::span<const token> tokens) {
  const std::string wanted = lower(single_blanks(skeleton(configured)));
  std::size_t least = none;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string shown = lower(single_blanks(skeleton(unpadded(tokens[i].label))));
    if (shown.empty()) continue;
    const std::size_t d = distance(wanted, shown);
    if (d >= least) continue;
    least = d;
    v.nearest = i;
  }
  const std::size_t allowed = std::max<std::size_t>(1, wanted.size() / 5);
  v.what = least <= allowed && wanted.size() > 2 ? cause::misspelt : cause::different;
}

void classify(verdict& v, std::string_view configured, std::span<const token> tokens,
              std::span<const other_name> others, std::string& description) {
  explanation best;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto found = explain(configured, tokens[i].label);
    if (found.weight >= best.weight) continue;
    best = std::move(found);
    v.nearest = i;
  }
  auto other = find_namesake(configured, tokens, others);
  if (other.weight < best.weight) {
    v.what = other.what;
    v.nearest = other.token;
    description = std::move(other.description);
    return;
  }
  if (v.nearest == none) return find_nearest(v, configured, tokens);
  if (best.causes.empty()) {
    v.what = cause::match;
    return;
  }
  // The heaviest step says most; the others are mentioned. "Too long" is only a consequence where a bracket was lost.
  const auto weight = [](cause c) {
    int w = 0;
    for (const auto& s : steps())
      if (s.why == c) w = std::max(w, s.weight);
    return w;
  };
  std::stable_sort(best.causes.begin(), best.causes.end(), [&](cause a, cause b) { return weight(a) > weight(b); });
  v.what = best.causes.front();
  for (const cause c : best.causes)
    if (c != v.what && std::find(v.also.begin(), v.also.end(), c) == v.also.end()) v.also.push_back(c);
}

}  // namespace

verdict check(std::string_view configured, std::span<const token> tokens, std::span<const other_name> others) {
  verdict v;
  std::string description;
  configured = configured.substr(0, longest_compared);
  if (tokens.empty())
    v.what = cause::no_tokens;
  else if (configured.empty())
    v.what = cause::empty;
  else
    classify(v, configured, tokens, others, description);

  // A single token is the one meant, whatever its name.
  if (v.nearest == none && tokens.size() == 1 && !unpadded(tokens[0].label).empty()) v.nearest = 0;
  if (v.nearest != none) {
    const token& meant = tokens[v.nearest];
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (without_padding(tokens[i].label) == without_padding(meant.label)) v.same.push_back(i);
    v.uninitialised = meant.flags_known && (meant.flags & ckf_token_initialized) == 0;
    const bool has_nul = meant.label.find('\0') != std::string::npos;
    // Among several tokens that resemble nothing, the nearest is only the nearest: no text can be recommended.
    if (v.what != cause::different || tokens.size() == 1)
      v.configure = std::string(has_nul ? unpadded(meant.label) : without_padding(meant.label));
    if (v.what == cause::l_nul && v.configure == configured) v.configure.clear();
    if (v.what != cause::match) v.byte_diff = byte_diff(configured, meant.label);
  }
  put_into_words(v, configured, tokens, description);
  return v;
}

}  // namespace p11tape::label
