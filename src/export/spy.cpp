// SPDX-License-Identifier: Apache-2.0
// A tape as the text that OpenSC's pkcs11-spy 0.26 writes, for those who are asked for one.
//
// What the tape does not hold is written as spy's relatives write what they hide: the length, and stars in place of the
// bytes. Addresses are not on a tape; a pointer that is not NULL has the address 1.
#include <algorithm>
#include <cstdarg>
#include <ctime>

#include "cryptoki/tables.hpp"
#include "export/formats.hpp"
#include "model/call_stream.hpp"

namespace p11tape::exporting {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::form;
using cryptoki::shape;
using tape::item_form;
using tape::u64;

namespace {

using row = std::span<const field>;

class spy_text {
 public:
  std::string out;

  void call(const model::call& c, const tape::reader& from, u64 number) {
    const auto& f = *c.function;
    add("\n%llu: %.*s\n", ull(number), width(f.name), f.name.data());
    time(c, from);
    rows_ = &from.rows();
    word_size_ = from.word_size();
    const auto arguments = c.arguments();
    for (std::size_t i = 0; i < f.arguments.size(); ++i) input(f.arguments, arguments, i);
    if (!c.ended()) return;
    const auto result = c.result();
    for (std::size_t i = 0; i < f.arguments.size(); ++i) output(f, arguments, result, i);
    const auto name = cryptoki::name_of("return_value", result.return_value());
    add("Returned:  %lld %.*s\n", static_cast<long long>(result.return_value()), width(name.empty() ? "(null)" : name),
        name.empty() ? "(null)" : name.data());
  }

 private:
  static unsigned long long ull(u64 n) { return n; }
  static int width(std::string_view s) { return static_cast<int>(s.size()); }

  __attribute__((format(printf, 2, 3))) void add(const char* how, ...) {
    char text[512];
    va_list list;
    va_start(list, how);
    const int n = std::vsnprintf(text, sizeof text, how, list);
    va_end(list);
    if (n > 0) out.append(text, std::min<std::size_t>(static_cast<std::size_t>(n), sizeof text - 1));
  }

  void time(const model::call& c, const tape::reader& from) {
    const u64 ns = c.start_wall();
    if (ns < 1'000'000'000) return;
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm t{};
    char text[40];
    // The times of an imported log are in the zone in which it was written, which nobody knows.
    from.property("imported.from").empty() ? localtime_r(&seconds, &t) : gmtime_r(&seconds, &t);
    std::strftime(text, sizeof text, "%F %H:%M:%S", &t);
    add("P:%llu; T:0x%llu %s.%03llu\n", ull(from.header().pid), ull(c.thread.id), text, ull(ns / 1'000'000 % 1000));
  }

  // ---- Bytes ----

  void dump(std::string_view bytes, u64 length, bool known) {
    add("%016x / %lld", 1, static_cast<long long>(length));
    for (u64 at = 0; at == 0 || at < length; at += 16) {
      std::string hex, characters;
      for (u64 i = at; i < at + 16 && i < length; ++i) {
        const bool shown = known && i < bytes.size();
        const auto c = static_cast<unsigned char>(shown ? bytes[i] : '*');
        char two[4];
        std::snprintf(two, sizeof two, "%02X ", c);
        hex += shown ? two : "** ";
        characters += c > 31 && c < 127 ? static_cast<char>(c) : '.';
      }
      hex.resize(48, ' ');
      characters.resize(16, ' ');
      add("\n    %08llX  %s %s", ull(at), hex.c_str(), characters.c_str());
      if (at > 65536) break;  // a length without its bytes may be anything
    }
    out += '\n';
  }

  static std::string_view bytes_of(const tape::item_view& i) {
    return {reinterpret_cast<const char*>(i.payload.data()), i.payload.size()};
  }

  u64 length_of(row fields, const tape::fields_view& view, std::size_t index) {
    const auto& f = fields[index];
    if (f.count < 0) return f.fixed;
    const auto counter = static_cast<std::size_t>(f.count);
    tape::item_view i;
    if (cryptoki::is_pointer(fields[counter].kind)) return view.find(counter, i) ? i.number() : 0;
    return view.word(counter);
  }

  void bytes(const char* way, row fields, std::size_t index, const tape::item_view* value, bool given, u64 length) {
    const auto& f = fields[index];
    std::string counter(f.counted_by);
    if (f.count >= 0 && cryptoki::is_pointer(fields[static_cast<std::size_t>(f.count)].kind)) counter = "*" + counter;
    if (f.count < 0) counter = std::to_string(f.fixed);
    add("[%s] %.*s[%s] ", way, width(f.name), f.name.data(), counter.c_str());
    if (!given) {
      add("NULL [size : 0x%llX (%lld)]\n", ull(length), static_cast<long long>(length));
      return;
    }
    const bool known = value != nullptr && (value->form == item_form::bytes || value->form == item_form::text);
    dump(known ? bytes_of(*value) : std::string_view{}, known && f.count < 0 ? value->payload.size() : length, known);
  }

  // ---- Inputs and outputs ----

  bool is_length(row fields, std::size_t index) const {
    return std::any_of(fields.begin(), fields.end(), [&](const field& f) {
      return f.count == static_cast<int>(index) && (f.kind == shape::bytes || f.kind == shape::attributes);
    });
  }

  void number(const char* way, const field& f, u64 n, bool star) {
    std::string name;
    if (f.meaning == "user_type" || f.meaning == "mechanism") name = cryptoki::name_of(f.meaning, n);
    add("[%s] %s%.*s = ", way, star ? "*" : "", width(f.name), f.name.data());
    name.empty() ? add("0x%llx\n", ull(n)) : add("%s\n", name.c_str());
  }

  void input(row fields, const tape::fields_view& view, std::size_t i) {
    const auto& f = fields[i];
    tape::item_view item;
    const bool has = view.find(i, item);
    const bool given = view.given(i);
    switch (f.kind) {
      case shape::number:
      case shape::byte:
        if (!is_length(fields, i)) number("in", f, view.word(i), false);
        return;
      case shape::bytes:
        if (f.way != flow::out) bytes("in", fields, i, has ? &item : nullptr, given, length_of(fields, view, i));
        return;
      case shape::attributes:
        add("[in] %.*s[%lld]: \n", width(f.name), f.name.data(), static_cast<long long>(length_of(fields, view, i)));
        if (has) attributes(item);
        return;
      case shape::mechanism:
        mechanism(f, given, has ? &item : nullptr);
        return;
      case shape::callback:
      case shape::address:
        add("[in] %.*s = %s\n", width(f.name), f.name.data(), given ? "0x1" : "(nil)");
        if (f.target == "CK_C_INITIALIZE_ARGS" && has) initialize(item);
        return;
      default:
        return;
    }
  }

  void initialize(const tape::item_view& item) {
    tape::nested_view nested;
    if (!tape::nested_view::parse(item.payload, nested)) return;
    const auto* s = rows_->structure(nested.record);
    if (s == nullptr) return;
    const tape::fields_view view(s->fields, nested.body);
    for (std::size_t i = 0; i < s->fields.size(); ++i)
      if (s->fields[i].name == "flags") {
        add("     flags: %llu\n", ull(view.word(i)));
        if (view.word(i) & CKF_LIBRARY_CANT_CREATE_OS_THREADS) out += "       CKF_LIBRARY_CANT_CREATE_OS_THREADS\n";
        if (view.word(i) & CKF_OS_LOCKING_OK) out += "       CKF_OS_LOCKING_OK\n";
      }
  }

  void mechanism(const field& f, bool given, const tape::item_view* item) {
    const auto name = std::string(f.name);
    tape::mechanism_view m;
    if (!given || item == nullptr || !tape::mechanism_view::parse(item->payload, m)) {
      if (!given) add("[in] %s = NULL\n", name.c_str());
      return;
    }
    const auto type = cryptoki::name_of("mechanism", m.type);
    type.empty() ? add("[in] %s->type = 0x%08llX\n", name.c_str(), ull(m.type))
                 : add("[in] %s->type = %.*s\n", name.c_str(), width(type), type.data());
    if (m.parameter_length == 0) {
      add("[in] %s->pParameter = NULL\n", name.c_str());
      return;
    }
    tape::nested_view nested;
    if (m.has_parameter && m.parameter.form == item_form::record &&
        tape::nested_view::parse(m.parameter.payload, nested)) {
      if (const auto* s = rows_->structure(nested.record)) return parameter(name + "->pParameter->", *s, nested.body);
    }
    add("[in] %s->pParameter[ulParameterLen] ", name.c_str());
    const bool known = m.has_parameter && m.parameter.form == item_form::bytes;
    dump(known ? bytes_of(m.parameter) : std::string_view{}, m.parameter_length, known);
  }

  void parameter(const std::string& path, const tape::struct_info& s, tape::byte_view body) {
    const tape::fields_view view(s.fields, body);
    for (std::size_t i = 0; i < s.fields.size(); ++i) {
      const auto& f = s.fields[i];
      tape::item_view item;
      const bool has = view.find(i, item);
      if (f.kind == shape::bytes || (f.kind == shape::address && f.count >= 0)) {
        add("[in] %s%.*s[%.*s] ", path.c_str(), width(f.name), f.name.data(), width(f.counted_by), f.counted_by.data());
        const u64 length = length_of(s.fields, view, i);
        if (!view.given(i)) {
          add("NULL [size : 0x%llX (%lld)]\n", ull(length), static_cast<long long>(length));
        } else {
          dump(has ? bytes_of(item) : std::string_view{}, length, has && item.form == item_form::bytes);
        }
      } else if (f.kind == shape::number && !is_length(s.fields, i)) {
        const auto name = f.meaning == "plain" ? std::string_view{} : cryptoki::name_of(f.meaning, view.word(i));
        add("[in] %s%.*s = ", path.c_str(), width(f.name), f.name.data());
        name.empty() ? add("%llu\n", ull(view.word(i))) : add("%.*s\n", width(name), name.data());
      }
    }
  }

  void attributes(const tape::item_view& list) {
    for (const auto& a : tape::sequence<tape::attribute_view>(list.payload)) {
      const auto* r = cryptoki::find_attribute(a.type);
      r != nullptr ? add("    %-21.*s ", width(r->name), r->name.data()) : add("    CKA_? (0x%08llx)    ", ull(a.type));
      const bool refused = a.length == (word_size_ == 4 ? 0xffffffffu : ~u64{0});
      const auto length = refused ? -1 : static_cast<long long>(a.length);
      const std::string_view bytes(reinterpret_cast<const char*>(a.payload.data()), a.payload.size());
      if (a.form == item_form::number && r != nullptr) {
        const auto name = r->meaning.empty() || r->meaning == "plain" ? std::string_view{}
                                                                      : cryptoki::name_of(r->meaning, a.number());
        name.empty() ? dump(bytes.substr(0, static_cast<std::size_t>(a.length)), a.length, true)
                     : add("%-21.*s\n", width(name), name.data());
      } else if (r != nullptr && r->kind == form::flag && bytes.size() == 1) {
        add("%s\n", bytes[0] != 0 ? "True" : "False");
      } else if (a.has(tape::item_null) || refused || a.length == 0 ||
                 (a.form == item_form::none && !a.has(tape::item_withheld))) {
        add("%016x / %lld\n", a.has(tape::item_null) ? 0 : 1, length);
      } else {
        dump(bytes, a.length, a.form == item_form::bytes);
      }
    }
  }

  void output(const tape::function_info& function, const tape::fields_view& arguments, const tape::result_view& result,
              std::size_t i) {
    const auto fields = function.arguments;
    const auto& f = fields[i];
    if (f.way != flow::out && f.way != flow::inout) return;
    tape::item_view item;
    const bool has = result.find(i, item);
    const u64 rv = result.return_value();
    switch (f.kind) {
      case shape::bytes: {
        if (rv != CKR_OK) return;
        tape::item_view counter;
        u64 length = 0;
        if (f.count >= 0 && result.find(static_cast<std::size_t>(f.count), counter)) length = counter.number();
        if (f.count >= 0 && !cryptoki::is_pointer(fields[static_cast<std::size_t>(f.count)].kind))
          length = arguments.word(static_cast<std::size_t>(f.count));
        bytes("out", fields, i, has ? &item : nullptr, arguments.given(i), length);
        return;
      }
      case shape::numbers:
        numbers(function, fields, arguments, result, i, has ? &item : nullptr);
        return;
      case shape::attributes:
        if (!has) return;
        add("[out] %.*s[%zu]: \n", width(f.name), f.name.data(),
            tape::sequence<tape::attribute_view>(item.payload).size());
        attributes(item);
        return;
      case shape::records:
        if (has && item.form == item_form::record) structure(f, arguments, item);
        return;
      default:
        return;
    }
  }

  void numbers(const tape::function_info& function, row fields, const tape::fields_view& arguments,
               const tape::result_view& result, std::size_t i, const tape::item_view* item) {
    const auto& f = fields[i];
    if (f.count < 0) {  // a number of its own; lengths of bytes are shown with the bytes
      if (item == nullptr || (is_length(fields, i) && result.return_value() == CKR_OK)) return;
      if (f.name == "pulObjectCount") {
        add("[out] ulObjectCount = 0x%llx\n", ull(item->number()));
        tape::item_view list;
        if (result.find(1, list))
          for (std::size_t k = 0; k < list.numbers(); ++k) add("Object 0x%llx matches\n", ull(list.number(k)));
        return;
      }
      if (function.name == "C_GetMechanismList") return;
      if (is_length(fields, i)) {
        add("[out] %.*s = 0x%llx\n", width(f.name), f.name.data(), ull(item->number()));
      } else {
        number("out", f, item->number(), true);
      }
      return;
    }
    if (f.meaning == "object" || result.return_value() != CKR_OK) return;
    tape::item_view counter;
    const u64 count = result.find(static_cast<std::size_t>(f.count), counter) ? counter.number() : 0;
    const bool mechanisms = f.meaning == "mechanism";
    mechanisms ? add("[out] %.*s[%llu]: \n", width(f.name), f.name.data(), ull(count))
               : add("[out] %.*s: \n", width(f.name), f.name.data());
    if (!arguments.given(i)) {
      add("Count is %llu\n", ull(count));
    } else if (item != nullptr) {
      for (std::size_t k = 0; k < item->numbers(); ++k) {
        const u64 n = item->number(k);
        const auto name = mechanisms ? cryptoki::name_of("mechanism", n) : std::string_view{};
        if (!mechanisms) {
          add("Slot %lld\n", static_cast<long long>(n));
        } else if (name.empty()) {
          add(" Unknown Mechanism (%08llx)  \n", ull(n));
        } else {
          add("%30.*s \n", width(name), name.data());
        }
      }
    }
  }

  void structure(const field& f, const tape::fields_view& arguments, const tape::item_view& item) {
    tape::nested_view nested;
    if (!tape::nested_view::parse(item.payload, nested)) return;
    const auto* s = rows_->structure(nested.record);
    if (s == nullptr) return;
    const tape::fields_view view(s->fields, nested.body);
    add("[out] %.*s: \n", width(f.name), f.name.data());
    if (s->name == "CK_MECHANISM_INFO") {
      const auto name = cryptoki::name_of("mechanism", arguments.word(1));
      name.empty() ? add("Unknown Mechanism (%08llx)", ull(arguments.word(1))) : add("%.*s", width(name), name.data());
      add(" : min:%llu max:%llu flags:0x%llX ( )\n", ull(view.word(0)), ull(view.word(1)), ull(view.word(2)));
      return;
    }
    for (std::size_t i = 0; i < s->fields.size(); ++i) info_field(s->fields[i], view, i);
  }

  void info_field(const field& f, const tape::fields_view& view, std::size_t i) {
    const auto name = f.name == "utcTime" ? std::string("time") : std::string(f.name);
    tape::item_view item;
    const bool has = view.find(i, item);
    if (f.kind == shape::record) {
      tape::nested_view version;
      if (!has || !tape::nested_view::parse(item.payload, version)) return;
      const auto* s = rows_->structure(version.record);
      if (s == nullptr || s->fields.size() != 2) return;
      const tape::fields_view parts(s->fields, version.body);
      add("      %-25s%llu.%llu\n", (name + ":").c_str(), ull(parts.word(0)), ull(parts.word(1)));
      return;
    }
    if (f.fixed != 0) {
      std::string text(has ? bytes_of(item) : std::string_view{});
      text.resize(f.fixed, has ? ' ' : '*');
      std::replace(text.begin(), text.end(), '\n', '.');
      const std::size_t half = f.fixed == 64 ? 32 : f.fixed;
      const auto quoted = [&](std::string piece) {  // as %32.32s does: up to NUL, right-aligned
        if (const auto nul = piece.find('\0'); nul != std::string::npos) {
          piece.resize(nul);
          piece.insert(0, half - nul, ' ');
        }
        return "'" + piece + "'\n";
      };
      add("      %-24s", (name + ":").c_str());
      out += quoted(text.substr(0, half));
      if (f.fixed == 64) out += "                              " + quoted(text.substr(half));
      return;
    }
    const u64 n = view.word(i);
    if (f.name == "state") {
      const auto state = cryptoki::name_of("session_state", n);
      add("      %-25s%llx (%32.*s)\n", (name + ":").c_str(), ull(n), width(state), state.data());
    } else if (f.name == "flags" || f.name == "ulDeviceError") {
      add("      %-25s%llx\n", (name + ":").c_str(), ull(n));
      for (const auto& c : cryptoki::constants_of(f.meaning))
        if (cryptoki::is_flags(f.meaning) && !c.alias && (c.value & n) == c.value && c.value != 0)
          add("        %.*s\n", width(c.name), c.name.data());
    } else {
      add("      %-25s%lld\n", (name + ":").c_str(), static_cast<long long>(n));
    }
  }

  const tape::schema* rows_ = nullptr;
  u64 word_size_ = 8;
};

}  // namespace

bool write_spy(std::span<const tape::reader* const> tapes, std::FILE* to) {
  for (const auto* tape : tapes) {
    spy_text text;
    const auto module = tape->property("module");
    text.out = "\n\n*************** OpenSC PKCS#11 spy *****************\nLoaded: \"" + std::string(module) + "\"\n";
    model::call_stream calls(*tape);
    for (u64 number = 0; const auto* c = calls.next();) {
      if (c->function == nullptr || !c->begun()) continue;
      text.call(*c, *tape, number++);
      if (text.out.size() < 1 << 16) continue;
      if (std::fwrite(text.out.data(), 1, text.out.size(), to) != text.out.size()) return false;
      text.out.clear();
    }
    if (std::fwrite(text.out.data(), 1, text.out.size(), to) != text.out.size()) return false;
  }
  return std::fflush(to) == 0;
}

}  // namespace p11tape::exporting
