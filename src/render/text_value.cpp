// SPDX-License-Identifier: Apache-2.0
// One value in words. All notes that a value can carry are worded here.
#include "render/text_value.hpp"

#include <algorithm>

#include "render/words.hpp"
#include "text/slot_number.hpp"

namespace p11tape::render {
namespace {

constexpr struct {
  std::uint32_t bit;
  std::string_view words;
} anomalies[] = {
    {tape::pin_blank_at_end, "a leading or trailing space"},
    {tape::pin_line_break, "a newline"},
    {tape::pin_nul, "an embedded NUL"},
    {tape::pin_quote, "a quote"},
    {tape::pin_semicolon, "a semicolon"},
    {tape::pin_non_ascii, "characters other than ASCII"},
    {tape::pin_protected, "the start of a protected password, <P11>!"},
};

void append_flags(std::string_view meaning, std::uint64_t bits, std::string& out) {
  append_code(bits, out);
  std::string_view separator = " ";
  const auto unnamed = for_each_flag(meaning, bits, [&](std::string_view name) {
    (out += separator) += name;
    separator = " | ";
  });
  if (unnamed == 0 || unnamed == bits) return;  // a number without any name stands for itself
  out += separator;
  append_hexadecimal(unnamed, out);
}

void append_text_value(const value& v, std::string& out) {
  const auto text = v.bytes.first(v.bytes.size() - v.padding);
  if (!text.empty() || v.padding == 0) append_quoted(text, out);
  if (v.padding == 0) return;
  if (!text.empty()) out += " + ";
  append_count(v.padding, v.padded_with == padding_kind::nuls ? "NUL" : "blank", out);
}

void append_bytes(const value& v, std::size_t most_bytes, std::string& out) {
  if (v.has_length && v.length == 0) {
    out += "empty";
    return;
  }
  append_count(v.has_length ? v.length : v.bytes.size(), "byte", out);
  out += ": ";
  append_hex(v.bytes.first(std::min(v.bytes.size(), most_bytes)), out);
  if (v.bytes.size() > most_bytes) out += "...";
  if (v.meaning != nullptr) {
    out += " (";
    out += v.meaning->trouble;
    out += ')';
  }
}

// "20 bytes, ", or nothing where the length is not known.
void append_length(const value& v, std::string& out) {
  if (!v.has_length) return;
  if (v.marks & mark_length_rounded) out += "up to ";
  append_count(v.length, "byte", out);
  out += ", ";
}

void append_pin(const value& v, std::string& out) {
  out += "PIN";
  if (v.pin.number != 0) {
    out += " #";
    append_decimal(v.pin.number, out);
  }
  out += v.has_length ? ", " : " given, ";
  append_length(v, out);
  out += "not recorded";
  std::string_view separator = "; it has ";
  for (const auto& a : anomalies) {
    if (!(v.pin.anomalies & a.bit)) continue;
    (out += separator) += a.words;
    separator = " and ";
  }
}

void append_nothing(const value& v, std::string& out) {
  if (v.marks & mark_unavailable) {
    out += "CK_UNAVAILABLE_INFORMATION: the module returned no value";
  } else if (v.marks & mark_asks_length) {
    out += "NULL: queries the length";
  } else if (v.marks & mark_needs) {
    append_count(v.length, "byte", out);
    out += " needed";
  } else if (v.marks & mark_room) {
    out += v.has_length ? "room for " : "room";
    if (v.has_length) append_count(v.length, "byte", out);
  } else if (v.marks & mark_bad) {
    append_length(v, out);
    out += "a pointer to memory that cannot be read";
  } else if (v.marks & mark_unreadable) {
    append_length(v, out);
    out += "could not be read";
  } else if (v.marks & mark_withheld) {
    append_length(v, out);
    out += (v.marks & mark_length_withheld) ? "not recorded, nor its length" : "not recorded";
  } else if (v.marks & mark_unproven) {
    append_length(v, out);
    out += "unchanged: not proven that the module wrote it";
  } else if (v.marks & mark_unknown) {
    append_length(v, out);
    out += "not shown by the log";
  } else if (v.marks & mark_null) {
    out += "NULL";
    if (v.has_length && v.length != 0) {
      out += ", with a length of ";
      append_count(v.length, "byte", out);
    }
  } else if (v.marks & mark_damaged) {
    out += "(damaged on the tape)";
  } else {
    append_length(v, out);
    out += "not on the tape";
  }
}

}  // namespace

void append_marks(std::uint32_t marks, std::string& out) {
  if (marks & mark_cut) out += " (truncated: the tape does not contain all of it)";
  if (marks & mark_unreadable) out += " (could not be read completely)";
  if (marks & mark_wrong_size) out += " (its length does not match its type)";
  if (marks & mark_damaged) out += " (damaged on the tape)";
  if (marks & mark_unchanged) out += " (unchanged)";
}

void append_value(const label& which, const value& v, std::size_t most_bytes, std::string& out) {
  switch (v.kind) {
    case value_kind::number:
      if (v.name.starts_with("CK_UNAVAILABLE")) {
        out += v.name;
        break;
      }
      if (v.marks & mark_length_rounded) out += "up to ";
      which.meaning == "plain" || which.meaning.empty() ? append_decimal(v.number, out) : append_code(v.number, out);
      if (!v.name.empty()) (out += ' ') += v.name;
      break;
    case value_kind::handle:
      which.meaning == "slot" ? text::append_slot_number(v.number, out) : append_hexadecimal(v.number, out);
      if (!v.name.empty()) (out += ' ') += v.name;
      break;
    case value_kind::flags:
      append_flags(which.meaning, v.number, out);
      break;
    case value_kind::boolean:
      if (!v.name.empty()) {
        out += v.name;
      } else {
        append_code(v.number, out);
        out += ", neither CK_TRUE nor CK_FALSE";
      }
      break;
    case value_kind::version:
      append_decimal(v.number >> 8, out);
      out += '.';
      append_decimal(v.number & 0xff, out);
      break;
    case value_kind::text:
      append_text_value(v, out);
      break;
    case value_kind::bytes:
      append_bytes(v, most_bytes, out);
      break;
    case value_kind::decoded:
      out += v.meaning->text;
      break;
    case value_kind::pin:
      return append_pin(v, out);
    case value_kind::sum:
      append_length(v, out);
      out += "not recorded; SHA-256 ";
      append_hex(v.bytes, out);
      break;
    case value_kind::pointer:
      if (v.marks & mark_null) {
        out += (v.marks & mark_asks_length) ? "NULL: queries the length" : "NULL";
      } else {
        out += "given";
      }
      break;
    case value_kind::nothing:
      return append_nothing(v, out);
  }
  append_marks(v.marks, out);
}

}  // namespace p11tape::render
