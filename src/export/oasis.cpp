// SPDX-License-Identifier: Apache-2.0
// Tapes in the XML form of the PKCS #11 Profiles' test cases (OASIS): a request and a response for each call.
//
// Handles and slots become variables, as in the profiles' own cases, and so does every PIN. What the tape does not hold is
// written as its length alone.
#include <map>
#include <optional>
#include <string>

#include "cryptoki/tables.hpp"
#include "export/formats.hpp"
#include "model/call_stream.hpp"
#include "text/numbers.hpp"
#include "text/phrase.hpp"

namespace p11tape::exporting {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::form;
using cryptoki::shape;
using tape::item_form;
using tape::u64;
using text::cat;

namespace {

using row = std::span<const field>;

std::string escaped(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += '.';
    else
      out += c;
  }
  return out;
}

// "hSession" -> "Session", "pulCount" -> "Count", "CKM_RSA_PKCS" -> "RSA_PKCS"
std::string element_name(std::string_view name) {
  for (const std::string_view prefix : {"pul", "ul", "ph", "pp", "p", "h"})
    if (name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] >= 'A' &&
        name[prefix.size()] <= 'Z') {
      name.remove_prefix(prefix.size());
      break;
    }
  std::string s(name);
  if (!s.empty() && s[0] >= 'a' && s[0] <= 'z' && s != "label" && s != "model" && s != "serialNumber" && s != "utcTime")
    s[0] = static_cast<char>(s[0] - 32);
  return s;
}

std::string without_prefix(std::string_view constant) {
  const auto at = constant.find('_');
  return std::string(at == std::string_view::npos ? constant : constant.substr(at + 1));
}

class case_text {
 public:
  std::string out;
  explicit case_text(const tape::schema& rows) : rows_(rows) {}

  void call(const model::call& c) {
    const auto& f = *c.function;
    const std::string name(f.name);
    const auto arguments = c.arguments();
    std::string inside;
    for (std::size_t i = 0; i < f.arguments.size(); ++i) input(inside, f.arguments, arguments, i);
    element(name, "", inside);
    if (!c.ended()) return;
    const auto result = c.result();
    inside.clear();
    for (std::size_t i = 0; i < f.arguments.size(); ++i) output(inside, f.arguments, arguments, result, i);
    const auto code = cryptoki::name_of("return_value", result.return_value());
    element(name, cat(" rv=\"", code.empty() ? text::hex(result.return_value()) : without_prefix(code), "\""), inside);
  }

 private:
  void element(const std::string& name, const std::string& attributes, const std::string& inside) {
    out += inside.empty() ? cat("  <", name, attributes, "/>\n")
                          : cat("  <", name, attributes, ">\n", inside, "  </", name, ">\n");
  }
  static void leaf(std::string& to, int depth, const std::string& name, const std::string& attributes) {
    to += cat(std::string(static_cast<std::size_t>(2 * depth), ' '), "<", name, attributes, "/>\n");
  }

  std::string number(std::string_view meaning, u64 n) {
    if (meaning == "slot" || meaning == "session" || meaning == "object") {
      auto& name = variables_[{std::string(meaning), n}];
      if (name.empty())
        name = cat("${",
                   meaning == "slot"      ? "SlotID"
                   : meaning == "session" ? "Session"
                                          : "Object",
                   "[", counts_[std::string(meaning)]++, "]}");
      return name;
    }
    if (meaning == "boolean") return n != 0 ? "true" : "false";
    if (cryptoki::is_flags(meaning)) {
      std::string all;
      u64 rest = n;
      for (const auto& c : cryptoki::constants_of(meaning))
        if (!c.alias && c.value != 0 && (c.value & n) == c.value) {
          all += cat(all.empty() ? "" : "|", without_prefix(c.name));
          rest &= ~c.value;
        }
      if (rest == 0 && !all.empty()) return all;
      return text::hex(n);
    }
    const auto name = meaning == "plain" ? std::string_view{} : cryptoki::name_of(meaning, n);
    return name.empty() ? std::to_string(n) : without_prefix(name);
  }

  static std::string_view bytes_of(const tape::item_view& i) {
    return {reinterpret_cast<const char*>(i.payload.data()), i.payload.size()};
  }

  static bool counts(row fields, std::size_t index) {
    for (const auto& f : fields)
      if (f.count == static_cast<int>(index) || f.cap == static_cast<int>(index)) return true;
    return false;
  }
  // How many elements a field has, where that is on the tape.
  static std::optional<u64> length(row fields, const tape::fields_view& view, std::size_t index) {
    const auto& f = fields[index];
    if (f.count < 0) return f.fixed != 0 ? std::optional<u64>(f.fixed) : std::nullopt;
    const auto counter = static_cast<std::size_t>(f.count);
    tape::item_view i;
    if (!cryptoki::is_pointer(fields[counter].kind)) return view.word(counter);
    return view.find(counter, i) ? std::optional<u64>(i.number()) : std::nullopt;
  }

  void input(std::string& to, row fields, const tape::fields_view& view, std::size_t i) {
    const auto& f = fields[i];
    const auto name = element_name(f.name);
    tape::item_view item;
    const bool has = view.find(i, item);
    const bool given = view.given(i);
    switch (f.kind) {
      case shape::number:
      case shape::byte:
        if (!counts(fields, i)) leaf(to, 2, name, cat(" value=\"", number(f.meaning, view.word(i)), "\""));
        return;
      case shape::bytes:
        if (f.secret == cryptoki::redaction_class::pin) {
          if (given) leaf(to, 2, name, cat(" value=\"${", name, "}\""));
        } else if (given && f.way != flow::out && has && item.form == item_form::bytes) {
          const bool text = f.secret == cryptoki::redaction_class::identity;
          leaf(to, 2, name, cat(" value=\"", text ? escaped(bytes_of(item)) : text::hex(bytes_of(item)), "\""));
        } else if (const auto n = length(fields, view, i); given && n) {
          leaf(to, 2, name, cat(" length=\"", *n, "\""));
        } else {
          leaf(to, 2, name, "");
        }
        return;
      case shape::numbers:
        // The room of C_FindObjects is an argument of its own; all others write the count over it.
        if (f.count >= 0 && given && f.cap >= 0) {
          leaf(to, 2, name, cat(" length=\"", view.word(static_cast<std::size_t>(f.cap)), "\""));
        } else if (f.count >= 0) {
          const auto n = length(fields, view, i);
          leaf(to, 2, name, given && n ? cat(" length=\"", *n, "\"") : "");
        }
        return;
      case shape::attributes: {
        std::string inside;
        if (has) attributes(inside, item);
        if (!inside.empty())
          to += cat("    <", name, ">\n", inside, "    </", name, ">\n");
        else
          leaf(to, 2, name, "");
        return;
      }
      case shape::mechanism: {
        tape::mechanism_view m;
        if (!has || !tape::mechanism_view::parse(item.payload, m)) return;
        to += cat("    <", name, ">\n");
        leaf(to, 3, "Type", cat(" value=\"", number("mechanism", m.type), "\""));
        if (m.has_parameter && m.parameter.form == item_form::bytes)
          leaf(to, 3, "Parameter", cat(" value=\"", text::hex(bytes_of(m.parameter)), "\""));
        else if (m.has_parameter && m.parameter.form == item_form::record)
          parameter(to, m.parameter);
        to += cat("    </", name, ">\n");
        return;
      }
      default:
        return;
    }
  }

  // A struct as the parameter of a mechanism: an element for each field.
  void parameter(std::string& to, const tape::item_view& item) {
    tape::nested_view nested;
    const auto* s = tape::nested_view::parse(item.payload, nested) ? rows_.structure(nested.record) : nullptr;
    if (s == nullptr) return;
    const tape::fields_view view(s->fields, nested.body);
    to += "      <Parameter>\n";
    for (std::size_t i = 0; i < s->fields.size(); ++i) {
      const auto& f = s->fields[i];
      const auto name = element_name(f.name);
      tape::item_view part;
      if (f.kind == shape::number || f.kind == shape::byte) {
        if (f.fixed == 0 && !counts(s->fields, i))
          leaf(to, 4, name, cat(" value=\"", number(f.meaning, view.word(i)), "\""));
      } else if (f.kind == shape::bytes && view.find(i, part) && part.form == item_form::bytes) {
        leaf(to, 4, name, cat(" value=\"", text::hex(bytes_of(part)), "\""));
      } else if (const auto n = length(s->fields, view, i); f.kind == shape::bytes && view.given(i) && n) {
        leaf(to, 4, name, cat(" length=\"", *n, "\""));
      }
    }
    to += "      </Parameter>\n";
  }

  void attributes(std::string& to, const tape::item_view& list) {
    for (const auto& a : tape::sequence<tape::attribute_view>(list.payload)) {
      const auto* r = cryptoki::find_attribute(a.type);
      std::string shown = cat(" type=\"", r != nullptr ? without_prefix(r->name) : text::hex(a.type), "\"");
      const std::string_view bytes(reinterpret_cast<const char*>(a.payload.data()), a.payload.size());
      if (a.form == item_form::number && r != nullptr) {
        shown += cat(" value=\"", number(r->meaning, a.number()), "\"");
      } else if (a.form == item_form::bytes && r != nullptr && r->kind == form::flag && bytes.size() == 1) {
        shown += cat(" value=\"", bytes[0] != 0 ? "TRUE" : "FALSE", "\"");
      } else if (a.form == item_form::bytes) {
        const bool text = r != nullptr && (r->kind == form::text || r->kind == form::date);
        shown += cat(" value=\"", text ? escaped(bytes) : text::hex(bytes), "\"");
      } else if (a.length != 0 && a.length != ~u64{0} && a.length != 0xffffffffu) {
        shown += cat(" length=\"", a.length, "\"");
      }
      leaf(to, 3, "Attribute", shown);
    }
  }

  void output(std::string& to, row fields, const tape::fields_view& arguments, const tape::result_view& result,
              std::size_t i) {
    const auto& f = fields[i];
    if (f.way != flow::out && f.way != flow::inout) return;
    const auto name = element_name(f.name);
    tape::item_view item, counter;
    const bool has = result.find(i, item);
    const bool counted = f.count >= 0 && result.find(static_cast<std::size_t>(f.count), counter);
    switch (f.kind) {
      case shape::bytes:
        if (has && item.form == item_form::bytes) {
          leaf(to, 2, name, cat(" value=\"", text::hex(bytes_of(item)), "\""));
        } else if (counted) {
          leaf(to, 2, name, cat(" length=\"", counter.number(), "\""));
        }
        return;
      case shape::numbers:
        if (f.count < 0) {
          if (has && !counts(fields, i)) leaf(to, 2, name, cat(" value=\"", number(f.meaning, item.number()), "\""));
        } else if (has && item.numbers() > 0) {
          to += cat("    <", name, ">\n");
          const auto one = f.meaning == "slot" ? "SlotID" : f.meaning == "object" ? "Object" : "Type";
          for (std::size_t k = 0; k < item.numbers(); ++k)
            leaf(to, 3, one, cat(" value=\"", number(f.meaning, item.number(k)), "\""));
          to += cat("    </", name, ">\n");
        } else if (counted) {
          leaf(to, 2, name, arguments.given(i) ? "" : cat(" length=\"", counter.number(), "\""));
        }
        return;
      case shape::attributes:
        if (!has) return;
        to += cat("    <", name, ">\n");
        attributes(to, item);
        to += cat("    </", name, ">\n");
        return;
      case shape::records:
        if (has && item.form == item_form::record) structure(to, name, item);
        return;
      default:
        return;
    }
  }

  void structure(std::string& to, const std::string& argument, const tape::item_view& item) {
    tape::nested_view nested;
    if (!tape::nested_view::parse(item.payload, nested)) return;
    const auto* s = rows_.structure(nested.record);
    if (s == nullptr) return;
    const auto name = s->name == "CK_SLOT_INFO" ? "SlotInfo" : s->name == "CK_TOKEN_INFO" ? "TokenInfo" : argument;
    const tape::fields_view view(s->fields, nested.body);
    to += cat("    <", name, ">\n");
    for (std::size_t i = 0; i < s->fields.size(); ++i) {
      const auto& f = s->fields[i];
      const auto field_name = element_name(f.name);
      tape::item_view part;
      tape::nested_view version;
      if (f.kind == shape::record) {
        if (!view.find(i, part) || !tape::nested_view::parse(part.payload, version)) continue;
        leaf(to, 3, field_name,
             cat(" major=\"", tape::load<u64>(version.body, 0), "\" minor=\"", tape::load<u64>(version.body, 8), "\""));
      } else if (f.fixed != 0) {
        if (view.find(i, part)) leaf(to, 3, field_name, cat(" value=\"", escaped(bytes_of(part)), "\""));
      } else {
        leaf(to, 3, field_name, cat(" value=\"", number(f.meaning, view.word(i)), "\""));
      }
    }
    to += cat("    </", name, ">\n");
  }

  const tape::schema& rows_;
  std::map<std::pair<std::string, u64>, std::string> variables_;
  std::map<std::string, u64> counts_;
};

}  // namespace

bool write_oasis(std::span<const tape::reader* const> tapes, std::FILE* to) {
  for (const auto* tape : tapes) {
    case_text text(tape->rows());
    text.out = "<PKCS11>\n";
    model::call_stream calls(*tape);
    const auto flush = [&] {
      const bool ok = std::fwrite(text.out.data(), 1, text.out.size(), to) == text.out.size();
      text.out.clear();
      return ok;
    };
    while (const auto* c = calls.next()) {
      if (c->function == nullptr || !c->begun() || c->function->name == "C_GetFunctionList") continue;
      text.call(*c);
      if (text.out.size() > 1 << 16 && !flush()) return false;
    }
    text.out += "</PKCS11>\n";
    if (!flush()) return false;
  }
  return std::fflush(to) == 0;
}

}  // namespace p11tape::exporting
