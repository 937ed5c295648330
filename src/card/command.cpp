// SPDX-License-Identifier: Apache-2.0
#include "card/command.hpp"

#include <algorithm>

namespace p11tape::card {
namespace {

constexpr int any = -1;

struct application_row {
  application id;
  std::string_view name;
  std::string_view aid;  // hex
};

struct command_row {
  application id;
  std::uint8_t ins;
  std::string_view name;
};

struct parameters_row {
  application id;
  std::uint8_t ins;
  int p1, p2;
  std::string_view words;
};

struct object_row {
  application id;
  std::uint32_t tag;
  std::string_view words;
};

#define APPLICATION(...)
#define COMMAND(...)
#define PARAMETERS(...)
#define OBJECT(...)

constexpr application_row applications[] = {
#undef APPLICATION
#define APPLICATION(id, name, aid) {application::id, name, aid},
#include "card/commands.def"
#undef APPLICATION
#define APPLICATION(...)
};

constexpr command_row commands[] = {
#undef COMMAND
#define COMMAND(id, ins, name) {application::id, ins, name},
#include "card/commands.def"
#undef COMMAND
#define COMMAND(...)
};

constexpr parameters_row parameters[] = {
#undef PARAMETERS
#define PARAMETERS(id, ins, p1, p2, words) {application::id, ins, p1, p2, words},
#include "card/commands.def"
#undef PARAMETERS
#define PARAMETERS(...)
};

constexpr object_row objects[] = {
#undef OBJECT
#define OBJECT(id, tag, words) {application::id, tag, words},
#include "card/commands.def"
};

#undef APPLICATION
#undef COMMAND
#undef PARAMETERS
#undef OBJECT

constexpr std::uint8_t select = 0xa4, get_data = 0xca, get_data_list = 0xcb;

bool is_proprietary(std::uint8_t cla) noexcept { return (cla & 0x80) != 0; }

std::string hex(tape::byte_view bytes) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (const auto b : bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::string_view find_command(application a, std::uint8_t ins) noexcept {
  for (const auto& c : commands)
    if (c.id == a && c.ins == ins) return c.name;
  return "";
}

std::string_view find_parameters(application a, const tape::exchange_view& e) noexcept {
  for (const auto& p : parameters)
    if (p.id == a && p.ins == e.ins && (p.p1 == any || p.p1 == e.p1) && (p.p2 == any || p.p2 == e.p2)) return p.words;
  return "";
}

std::string select_target(const tape::exchange_view& e) {
  constexpr std::uint8_t by_name = 4;
  const auto words = find_parameters(application::iso, e);
  std::string text(words.starts_with("file") ? "file" : words);
  if (e.data.empty()) return text;
  text += text.empty() ? "" : " ";
  const auto known = e.p1 == by_name ? name_of(application_of(e.data)) : "";
  return text += known.empty() ? hex(e.data) : std::string(known);
}

// Of GET DATA: in P1 P2, or in a list 5C.
std::uint32_t tag_of(const tape::exchange_view& e) noexcept {
  std::uint32_t tag = std::uint32_t{e.p1} << 8 | e.p2;
  if (e.ins == get_data_list && e.data.size() >= 3 && e.data[0] == std::byte{0x5c} && e.data.size() <= 6) {
    tag = 0;
    for (const auto b : e.data.subspan(2)) tag = tag << 8 | std::to_integer<std::uint32_t>(b);
  }
  return tag;
}

std::string_view find_object(application a, std::uint32_t tag) noexcept {
  for (const auto& o : objects)
    if (o.id == a && o.tag == tag) return o.words;
  return "";
}

std::string object_target(application a, const tape::exchange_view& e) {
  if (const auto words = find_object(a, tag_of(e)); !words.empty()) return std::string(words);
  if (!e.data.empty()) return "object " + hex(e.data);
  constexpr std::byte none{0};
  const std::byte p[] = {std::byte{e.p1}, std::byte{e.p2}};
  return "object " + hex(p[0] == none ? tape::byte_view(p).subspan(1) : tape::byte_view(p));
}

}  // namespace

application application_of(tape::byte_view aid) noexcept {
  for (const auto& a : applications) {
    const auto size = a.aid.size() / 2;
    if (aid.size() >= size && hex(aid.first(size)) == a.aid) return a.id;
  }
  return application::unknown;
}

std::string_view name_of(application id) noexcept {
  for (const auto& a : applications)
    if (a.id == id) return a.name;
  return "";
}

std::string_view command_name(application a, std::uint8_t cla, std::uint8_t ins) noexcept {
  if (const auto own = find_command(a, ins); !own.empty()) return own;
  return find_command(is_proprietary(cla) ? application::vendor : application::iso, ins);
}

bool is_pin_command(std::uint8_t cla, std::uint8_t ins) noexcept {
  const auto name = find_command(application::iso, ins);
  return !is_proprietary(cla) && (name == "VERIFY" || name == "CHANGE REFERENCE DATA" ||
                                  name == "RESET RETRY COUNTER" || name.ends_with("ABLE VERIFICATION"));
}

bool is_piv_object(const tape::exchange_view& e) noexcept {
  return e.ins == get_data_list && e.p1 == 0x3f && e.p2 == 0xff && !find_object(application::piv, tag_of(e)).empty();
}

std::string command_target(application a, const tape::exchange_view& e) {
  if (!is_proprietary(e.cla)) {
    if (e.ins == select) return select_target(e);
    if (e.ins == get_data || e.ins == get_data_list) return object_target(a, e);
  }
  auto words = find_parameters(a, e);
  if (words.empty() && !is_proprietary(e.cla)) words = find_parameters(application::iso, e);
  return std::string(words);
}

}  // namespace p11tape::card
