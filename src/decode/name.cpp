// SPDX-License-Identifier: Apache-2.0
// X.501 names as the text of RFC 4514.
#include <iterator>
#include <utility>

#include "decode/der.hpp"
#include "text/numbers.hpp"
#include "text/safe.hpp"

namespace p11tape::decode {
namespace {

constexpr std::pair<std::string_view, std::string_view> attribute_types[] = {
    {"2.5.4.3", "CN"},
    {"2.5.4.4", "SN"},
    {"2.5.4.5", "serialNumber"},
    {"2.5.4.6", "C"},
    {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"},
    {"2.5.4.9", "STREET"},
    {"2.5.4.10", "O"},
    {"2.5.4.11", "OU"},
    {"2.5.4.12", "title"},
    {"2.5.4.13", "description"},
    {"2.5.4.15", "businessCategory"},
    {"2.5.4.17", "postalCode"},
    {"2.5.4.42", "GN"},
    {"2.5.4.43", "initials"},
    {"2.5.4.44", "generationQualifier"},
    {"2.5.4.46", "dnQualifier"},
    {"2.5.4.65", "pseudonym"},
    {"2.5.4.97", "organizationIdentifier"},
    {"0.9.2342.19200300.100.1.1", "UID"},
    {"0.9.2342.19200300.100.1.25", "DC"},
    {"1.2.840.113549.1.9.1", "emailAddress"},
};

std::string_view short_name(std::string_view oid) noexcept {
  for (const auto& [type, name] : attribute_types)
    if (type == oid) return name;
  return {};
}

void append_utf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

bytes as_bytes(std::string_view s) noexcept { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }

/// The characters of a string of any of ASN.1's kinds as UTF-8; false where it is no string, or its bytes do not fit.
bool to_utf8(const der::element& e, std::string& out) {
  const auto wide = [&](std::size_t width) {
    if (e.content.size() % width != 0) return false;
    for (std::size_t i = 0; i < e.content.size(); i += width) {
      char32_t c = 0;
      for (std::size_t k = 0; k < width; ++k) c = (c << 8) | e.content[i + k];
      const bool high = width == 2 && c >= 0xd800 && c <= 0xdbff;
      if (high && i + 4 <= e.content.size()) {  // many writers put UTF-16 into a BMPString
        const char32_t low = (char32_t{e.content[i + 2]} << 8) | e.content[i + 3];
        if (low >= 0xdc00 && low <= 0xdfff) {
          c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
          i += 2;
        }
      }
      if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
      append_utf8(c, out);
    }
    return true;
  };
  switch (e.tag) {
    case der::utf8_string_tag:
    case der::printable_string_tag:
    case der::ia5_string_tag:
    case der::numeric_string_tag:
    case der::visible_string_tag:
      if (!text::is_utf8(e.content)) return false;
      out.assign(e.content.begin(), e.content.end());
      return true;
    case der::teletex_string_tag:  // Latin-1 in practice
      for (const auto b : e.content) append_utf8(b, out);
      return true;
    case der::bmp_string_tag:
      return wide(2);
    case der::universal_string_tag:
      return wide(4);
    default:
      return false;
  }
}

/// RFC 4514, section 2.4. Characters that would mislead a reader are written as the hex pairs that the RFC allows for
/// any.
void append_escaped(std::string_view value, std::string& out) {
  auto rest = as_bytes(value);
  for (bool first = true; !rest.empty(); first = false) {
    const auto c = text::detail::first_code_point(rest);
    const bool last = rest.size() == c.size;
    const bool special = std::string_view{"\"+,;<>\\"}.find(static_cast<char>(c.value)) != std::string_view::npos;
    if (text::misleads(c.value)) {
      for (std::size_t i = 0; i < c.size; ++i) {
        out += '\\';
        text::append_hex_digits(rest[i], 2, out);
      }
    } else {
      if ((c.value < 0x80 && special) || (c.value == '#' && first) || (c.value == ' ' && (first || last))) out += '\\';
      out.append(value.substr(value.size() - rest.size(), c.size));
    }
    rest = rest.subspan(c.size);
  }
}

bool append_pair(const der::element& pair, meaning& out, std::string& text) {
  auto rest = pair.content;
  const auto type = der::take(rest, der::oid_tag);
  const auto value = der::take(rest);
  if (!type || !value || !rest.empty()) return false;
  const auto oid = der::dotted(type->content);
  if (oid.empty()) return false;
  const auto name = short_name(oid);
  const auto key = name.empty() ? oid : std::string{name};
  std::string characters, shown;
  if (!name.empty() && to_utf8(*value, characters)) {
    append_escaped(characters, shown);
  } else {
    shown = "#" + text::hex(value->whole);
  }
  text += key + "=" + shown;
  out.facts.push_back({key, std::move(shown)});
  return true;
}

}  // namespace

meaning name(bytes encoded) {
  meaning out;
  const auto fail = [] { return meaning{{}, {}, "not a DER Name"}; };
  const auto sequence = der::only(encoded, der::sequence_tag);
  if (!sequence) return fail();
  for (auto rest = sequence->content; !rest.empty();) {
    const auto set = der::take(rest, der::set_tag);
    if (!set || set->content.empty()) return fail();
    std::string relative;
    for (auto pairs = set->content; !pairs.empty();) {
      const auto pair = der::take(pairs, der::sequence_tag);
      if (!pair) return fail();
      if (!relative.empty()) relative += '+';
      if (!append_pair(*pair, out, relative)) return fail();
    }
    out.text.insert(0, out.text.empty() ? relative : relative + ",");
  }
  if (out.text.empty()) out.text = "(empty)";
  return out;
}

}  // namespace p11tape::decode
