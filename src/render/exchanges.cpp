// SPDX-License-Identifier: Apache-2.0
#include "render/exchanges.hpp"

#include <algorithm>

#include "card/text.hpp"
#include "render/words.hpp"

namespace p11tape::render {
namespace {

constexpr std::size_t text_column = 34;

std::string_view word_of(card::outcome o) noexcept {
  using card::outcome;
  switch (o) {
    case outcome::fine:
      return "fine";
    case outcome::wrong_pin:
      return "wrong_pin";
    case outcome::blocked:
      return "blocked";
    case outcome::tries_asked:
      return "tries_asked";
    case outcome::not_allowed:
      return "not_allowed";
    case outcome::removed:
      return "removed";
    case outcome::reset:
      return "reset";
    case outcome::held:
      return "held";
    case outcome::reader_failed:
      return "reader_failed";
    case outcome::refused:
      return "refused";
    case outcome::unknown:
      return "";
  }
  return "";
}

void write_command(const card::described& d, text::json_writer& json) {
  const auto& e = d.raw;
  json.field("cla", std::uint64_t{e.cla});
  json.field("ins", std::uint64_t{e.ins});
  json.field("p1", std::uint64_t{e.p1});
  json.field("p2", std::uint64_t{e.p2});
  if (!d.command.empty()) json.field("command", d.command);
  if (const auto name = card::name_of(d.selected); !name.empty()) json.field("application", name);
  json.field("has_data", e.has(tape::exchange_has_data));
  if (e.has(tape::exchange_length_withheld)) {
    json.field("length_recorded", false);
  } else {
    if (e.has(tape::exchange_has_data)) json.field("length", std::uint64_t{e.length});
    if (e.has(tape::exchange_has_expected)) json.field("expected", std::uint64_t{e.expected});
  }
  if (!e.data.empty()) json.hex("data", e.data);
  if (e.has(tape::exchange_data_cut)) json.field("cut", true);
}

}  // namespace

void append_exchanges(const call_view& call, std::string& out) {
  for (const auto& d : call.exchanges) {
    const auto start = out.size();
    out += "  [card] +";
    append_duration(d.raw.began > call.start ? d.raw.began - call.start : 0, out);
    out += ", ";
    append_duration(d.raw.duration(), out);
    out += ": ";
    // A character beyond ASCII (µ) is more than one byte.
    const auto width = std::count_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
                                     [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    if (const auto used = static_cast<std::size_t>(width); used < text_column) out.append(text_column - used, ' ');
    card::append_line(d, out);
    if (d.raw.has(tape::exchange_inferred)) out += "  (by another thread; this was the only call in progress)";
    out += '\n';
  }
}

void write_exchanges(const call_view& call, text::json_writer& json) {
  if (call.exchanges.empty()) return;
  json.key("exchanges");
  json.begin_array();
  for (const auto& d : call.exchanges) {
    const auto& e = d.raw;
    json.begin_object();
    json.field("function", d.function);
    json.field("offset_ns", e.began > call.start ? e.began - call.start : std::uint64_t{0});
    json.field("duration_ns", e.duration());
    json.field("card", e.card);
    if (e.has(tape::exchange_command)) write_command(d, json);
    if (e.function == tape::card_call::control) json.field("control_code", std::uint64_t{e.control_code});
    if (!d.target.empty()) json.field("target", d.target);
    if (e.has(tape::exchange_has_status)) {
      json.field("received", std::uint64_t{e.received});
      json.field("sw", card::status_hex(e.status_word));
      if (e.has(tape::exchange_inner_status)) json.field("inner_sw", card::status_hex(e.inner_status));
    }
    json.field("result", std::uint64_t{e.result});
    if (!d.result.empty()) json.field("result_name", d.result);
    if (!d.status.empty()) json.field("meaning", d.status);
    if (const auto word = word_of(d.what); !word.empty()) json.field("outcome", word);
    if (d.has_tries) json.field("tries_left", std::uint64_t{d.tries});
    if (e.has(tape::exchange_inferred)) json.field("inferred", true);
    json.end_object();
  }
  json.end_array();
}

}  // namespace p11tape::render
