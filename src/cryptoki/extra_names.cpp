// SPDX-License-Identifier: Apache-2.0
#include "cryptoki/extra_names.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>

#include "cryptoki/tables.hpp"

namespace p11tape::cryptoki {
namespace {

struct named {
  std::string group;
  std::uint64_t value;
};

struct table {
  std::shared_mutex guard;
  // Neither nodes of a map nor elements of a deque move or go, so that views of them stay valid.
  std::map<std::string, named, std::less<>> by_name;
  std::map<std::pair<std::string_view, std::uint64_t>, std::string_view> by_value;
  std::deque<std::string> joined;
};

// Set after the first name; until then nobody touches the table.
std::atomic<bool> any_names{false};

// Never destroyed: names may be asked for by exit handlers.
table& names() {
  static auto* const t = new table;
  return *t;
}

}  // namespace

name_added add_name(std::string_view group, std::uint64_t value, std::string_view name) {
  if (const auto standard = name_of(group, value); !standard.empty())
    return standard == name ? name_added::already : name_added::value_has_name;
  for (const auto& c : constants())
    if (c.name == name) return c.group == group && c.value == value ? name_added::already : name_added::name_has_value;

  auto& t = names();
  const std::unique_lock lock{t.guard};
  const auto [at, added] = t.by_name.try_emplace(std::string{name}, named{std::string{group}, value});
  if (!added)
    return at->second.group == group && at->second.value == value ? name_added::already : name_added::name_has_value;
  const auto [shown, first] = t.by_value.try_emplace({at->second.group, value}, at->first);
  if (!first) shown->second = t.joined.emplace_back(std::string{shown->second} + " or " + at->first);
  any_names.store(true, std::memory_order_release);
  return name_added::yes;
}

std::string_view extra_name(std::string_view group, std::uint64_t value) noexcept {
  if (!any_names.load(std::memory_order_acquire)) return {};
  auto& t = names();
  const std::shared_lock lock{t.guard};
  const auto at = t.by_value.find({group, value});
  return at == t.by_value.end() ? std::string_view{} : at->second;
}

bool extra_value(std::string_view name, std::uint64_t& value) noexcept {
  if (!any_names.load(std::memory_order_acquire)) return false;
  auto& t = names();
  const std::shared_lock lock{t.guard};
  const auto at = t.by_name.find(name);
  if (at == t.by_name.end()) return false;
  value = at->second.value;
  return true;
}

}  // namespace p11tape::cryptoki
