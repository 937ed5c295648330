// SPDX-License-Identifier: Apache-2.0
#include "replay/differences.hpp"

#include <algorithm>
#include <cstdlib>

namespace p11tape::replay {
namespace {

using cryptoki::function;

// What names the surroundings. An empty field means all outputs.
constexpr struct {
  function of;
  std::string_view field;
} surroundings[] = {
    {function::C_GetFunctionList, ""},
    {function::C_GetInterfaceList, ""},
    {function::C_GetInterface, ""},
    {function::C_GetInfo, ""},
    {function::C_GetSlotList, ""},
    {function::C_GetSlotInfo, "slotDescription"},
    {function::C_GetSlotInfo, "manufacturerID"},
    {function::C_GetSlotInfo, "hardwareVersion"},
    {function::C_GetSlotInfo, "firmwareVersion"},
    {function::C_GetTokenInfo, "label"},
    {function::C_GetTokenInfo, "manufacturerID"},
    {function::C_GetTokenInfo, "model"},
    {function::C_GetTokenInfo, "serialNumber"},
    {function::C_GetTokenInfo, "hardwareVersion"},
    {function::C_GetTokenInfo, "firmwareVersion"},
    {function::C_GetTokenInfo, "ulTotalPublicMemory"},
    {function::C_GetTokenInfo, "ulTotalPrivateMemory"},
    {function::C_GetSessionInfo, "ulDeviceError"},
};

bool is_surroundings(function f, const diff::difference& d) {
  if (d.what == diff::kind::return_code || d.what == diff::kind::ending) return false;
  return std::any_of(std::begin(surroundings), std::end(surroundings),
                     [&](const auto& s) { return s.of == f && (s.field.empty() || d.where.ends_with(s.field)); });
}

// How many tries a PIN has left is the history of a token; whether it is locked is not.
bool is_history(function f, const diff::difference& d) {
  constexpr std::uint64_t tries =
      CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY;
  if (f != function::C_GetTokenInfo || !d.where.ends_with(".flags")) return false;
  const auto number = [](const std::string& words) { return std::strtoull(words.c_str(), nullptr, 0); };
  return ((number(d.a) ^ number(d.b)) & ~tries) == 0;
}

}  // namespace

void keep_divergences(const step& s, const plan& p, const live_handles& w, diff::differences& found) {
  std::erase_if(found, [&](const diff::difference& d) {
    if (!diff::diverges(d.what) || is_surroundings(s.role.which, d) || is_history(s.role.which, d)) return true;
    return s.uncounted && d.what != diff::kind::return_code && d.what != diff::kind::ending;
  });
  if (s.role.does != cryptoki::effect::find_step || s.call.return_value() != CKR_OK) return;
  // A module finds objects in an order of its own, and a program that takes some of them need not get the same ones:
  // what matters is how many came, and that those of the tape are there.
  std::erase_if(found, [](const diff::difference& d) { return d.what == diff::kind::handle; });
  for (const auto thing : s.gives)
    if (thing != no_thing && w.object(thing) == model::none && !s.uncounted)
      found.push_back({diff::kind::handle, render::way::out, s.role.result, "not found",
                       model::describe_short(p.objects[thing].known), ""});
}

std::string as_text(const diff::differences& found) {
  std::string text;
  for (const auto& d : found) text += d.where + '\x1f' + d.a + '\x1f' + d.b + '\x1e';
  return text;
}

std::vector<told_difference> from_text(std::string_view text) {
  std::vector<told_difference> all;
  const auto take = [&](char until) {
    const auto end = std::min(text.find(until), text.size());
    std::string part(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
  };
  while (!text.empty()) {
    auto& d = all.emplace_back();
    d.where = take('\x1f');
    d.recorded = take('\x1f');
    d.replayed = take('\x1e');
  }
  return all;
}

}  // namespace p11tape::replay
