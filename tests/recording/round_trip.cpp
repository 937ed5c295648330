// SPDX-License-Identifier: Apache-2.0
// Random arguments to every function of the rows, through the shim, and back from the tape: each value must be what was
// passed, or be withheld where the row's class says so. The arguments still lie where they were, so the test walks over
// memory and tape side by side.
#include <cstdio>
#include <cstring>
#include <set>

#include "arrange.hpp"
#include "p11tape/tape.hpp"
#include "recorded.hpp"

namespace {

using namespace p11tape;
using cryptoki::field;
using cryptoki::flow;
using cryptoki::form;
using cryptoki::redaction_class;
using cryptoki::shape;
using cryptoki::treatment;
using tape::item_form;
using tape::item_view;

int failures = 0;
long compared = 0;

void fail(const std::string& where, const char* why) {
  if (++failures <= 40) std::printf("%s: %s\n", where.c_str(), why);
}

void expect(bool ok, const std::string& where, const char* why) {
  ++compared;
  if (!ok) fail(where, why);
}

struct memory {  // a row's values where the test has put them
  std::span<const field> row;
  std::span<const cryptoki::place> places;
  const unsigned char* base;

  std::uint64_t number(std::size_t i) const {
    std::uint64_t v = 0;
    std::memcpy(&v, base + places[i].offset, places[i].size);
    return v;
  }
  const unsigned char* pointer(std::size_t i) const { return reinterpret_cast<const unsigned char*>(number(i)); }
  std::uint64_t count(std::size_t i) const {
    const auto& f = row[i];
    if (f.fixed != 0) return f.fixed;
    if (f.count < 0) return 1;
    std::uint64_t n = number(static_cast<std::size_t>(f.count));
    if (row[static_cast<std::size_t>(f.count)].kind == shape::numbers)
      n = *reinterpret_cast<const CK_ULONG*>(static_cast<std::uintptr_t>(n));
    return f.counts_bits ? (n + 7) / 8 : n;
  }
};

bool same(tape::byte_view kept, const unsigned char* passed, std::size_t size) {
  return kept.size() == size && std::memcmp(kept.data(), passed, size) == 0;
}

void check_attributes(const item_view& item, const unsigned char* list, std::uint64_t count, bool values,
                      const std::string& where) {
  std::size_t i = 0;
  for (const auto& a : tape::sequence<tape::attribute_view>(item.payload)) {
    CK_ATTRIBUTE passed;
    std::memcpy(&passed, list + i * sizeof passed, sizeof passed);
    ++i;
    const auto* row = cryptoki::find_attribute(passed.type);
    const std::string here = where + "." + (row != nullptr ? std::string{row->name} : std::to_string(passed.type));
    expect(a.type == passed.type, here, "another attribute");
    expect(a.length == passed.ulValueLen, here, "another length");
    if (!values) {
      expect(a.form == item_form::none, here, "a value before the call has written it");
      continue;
    }
    const auto* value = static_cast<const unsigned char*>(passed.pValue);
    const auto secret = row != nullptr ? row->secret : redaction_class::key;
    if (row != nullptr && row->kind == form::template_) {
      item_view inner;
      inner.payload = a.payload;
      expect(a.form == item_form::template_, here, "no template");
      check_attributes(inner, value, passed.ulValueLen / sizeof passed, true, here);
    } else if (secret == redaction_class::key || secret == redaction_class::value) {
      expect(a.form == item_form::none && a.has(tape::item_withheld), here, "key material was not withheld");
    } else if (a.form == item_form::number) {
      expect(same(a.payload, value, passed.ulValueLen), here, "another number");
    } else {
      expect((a.form == item_form::bytes || a.form == item_form::numbers) && same(a.payload, value, passed.ulValueLen),
             here, "another value");
    }
  }
  expect(i == count, where, "another number of attributes");
}

void check_fields(const tape::fields_view& view, const memory& m, bool after, const std::string& where);

void check_record(const item_view& item, const unsigned char* at, std::size_t record, bool after,
                  const std::string& where) {
  tape::nested_view nested;
  if (item.form != item_form::record || !tape::nested_view::parse(item.payload, nested) || nested.record != record)
    return fail(where, "no struct, or another one");
  const auto& row = cryptoki::records[record];
  check_fields({row.fields, nested.body}, {row.fields, row.places, at}, after, where + "." + std::string{row.name});
}

void check_pointer(const item_view* item, std::uint64_t word, const memory& m, std::size_t i, bool after,
                   const std::string& where) {
  const auto& f = m.row[i];
  const auto* at = m.pointer(i);
  const bool whole = cryptoki::treat(0, f.secret) == treatment::whole;
  switch (f.kind) {
    case shape::bytes:
      if (f.terminated) {
        expect(item != nullptr && item->form == item_form::text &&
                   same(item->payload, at, std::strlen(reinterpret_cast<const char*>(at))),
               where, "another text");
      } else if (f.secret == redaction_class::pin) {
        tape::pin_facts facts{};
        expect(item != nullptr && item->form == item_form::pin && tape::parse_pin(item->payload, facts) &&
                   facts.length == m.count(i) && facts.number != 0,
               where, "no facts about the PIN");
      } else if (whole) {
        expect(item != nullptr && same(item->payload, at, m.count(i)), where, "other bytes");
      } else {
        expect(item == nullptr && (word & tape::pointer_withheld) != 0, where, "secret bytes were not withheld");
      }
      return;
    case shape::numbers:
      if (item == nullptr) return fail(where, "no numbers");
      if (f.count < 0)
        expect(item->number() == *reinterpret_cast<const CK_ULONG*>(at), where, "another number");
      else
        expect(same(item->payload, at, m.count(i) * sizeof(CK_ULONG)), where, "other numbers");
      return;
    case shape::records: {
      const auto record = cryptoki::record_named(f.meaning);
      if (item == nullptr) return fail(where, "no struct");
      if (f.count < 0) return check_record(*item, at, record, after, where);
      std::size_t k = 0;
      const auto& row = cryptoki::records[record];
      for (const auto& nested : tape::sequence<tape::nested_view>(item->payload)) {
        check_fields({row.fields, nested.body}, {row.fields, row.places, at + k * row.size}, after, where);
        ++k;
      }
      expect(k == m.count(i), where, "another number of structs");
      return;
    }
    case shape::attributes:
      if (item == nullptr || item->form != item_form::template_) return fail(where, "no template");
      return check_attributes(*item, at, m.count(i), after || f.way == flow::in, where);
    case shape::mechanism: {
      tape::mechanism_view kept;
      CK_MECHANISM passed;
      std::memcpy(&passed, at, sizeof passed);
      expect(item != nullptr && tape::mechanism_view::parse(item->payload, kept) && kept.type == passed.mechanism &&
                 kept.parameter_length == passed.ulParameterLen,
             where, "another mechanism");
      return;
    }
    case shape::address:
      if (f.target == "message_parameter") return;
      if (!f.target.empty() && item != nullptr)
        return check_record(*item, at, cryptoki::record_named(f.target), after, where);
      expect(item == nullptr && (word & tape::pointer_given) != 0, where, "a pointer that is not to be followed");
      return;
    default:
      return;
  }
}

void check_fields(const tape::fields_view& view, const memory& m, bool after, const std::string& where) {
  bool outputs = false;
  for (const auto& f : m.row) outputs = outputs || f.way == flow::out || f.way == flow::inout;
  for (std::size_t i = 0; i < m.row.size(); ++i) {
    const auto& f = m.row[i];
    const std::string here = where + "." + std::string{f.name};
    item_view item;
    const bool found = view.find(i, item);
    if (f.kind == shape::record) {
      check_record(item, m.base + m.places[i].offset, cryptoki::record_named(f.meaning), after, here);
    } else if (f.fixed != 0 && !cryptoki::is_pointer(f.kind)) {
      expect(found && same(item.payload, m.base + m.places[i].offset, m.places[i].size), here, "other bytes");
    } else if (!cryptoki::is_pointer(f.kind)) {
      const bool written_later = f.way == flow::out && !after;
      expect(view.word(i) == (written_later ? 0 : m.number(i)), here, "another number");
    } else {
      expect(view.given(i) == (m.pointer(i) != nullptr), here, "NULL and not NULL are mixed up");
      if (m.pointer(i) == nullptr) continue;
      const bool in = f.way == flow::in || f.way == flow::inout, out = f.way == flow::out || f.way == flow::inout;
      const bool read = after ? out || (!outputs && in) : in || f.kind == shape::attributes;
      if (read && f.secret != redaction_class::by_otp_type && f.secret != redaction_class::by_prf_type)
        check_pointer(found ? &item : nullptr, view.word(i), m, i, after, here);
    }
  }
}

}  // namespace

int main() {
  const test::recorded_mock mock("default");
  mock.script().configure("*=CKR_OK");
  constexpr int rounds = 20;
  std::vector<std::pair<cryptoki::function, std::vector<std::uint64_t>>> made;
  test::arranger a(std::random_device{}());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<cryptoki::function>(i);
      // These three answer with lists of ours, whatever the mock is told; tests/contract has them.
      if (f == cryptoki::function::C_GetFunctionList || f == cryptoki::function::C_GetInterface ||
          f == cryptoki::function::C_GetInterfaceList)
        continue;
      made.emplace_back(f, a.arguments(f, CKM_RSA_PKCS_OAEP, "CK_RSA_PKCS_OAEP_PARAMS"));
      const auto writes = a.writes(test::writing::all);
      mock.script()[f].writes = writes.data();
      mock.script()[f].write_count = writes.size();
      mock.call(f, made.back().second);
      mock.script()[f].write_count = 0;
    }

  tape::reader tape(mock.tape().string());
  auto records = tape.records(0);
  tape::record_view enter, leave;
  std::vector<cryptoki::place> places;
  for (std::size_t i = 0; i < 16; ++i) places.push_back({static_cast<std::uint16_t>(8 * i), 8});
  records.next(enter), records.next(leave);  // the C_GetFunctionList that the test began with
  std::set<cryptoki::function> seen;
  for (const auto& [f, words] : made) {
    const auto& row = cryptoki::row(f);
    const std::string where{row.name};
    if (!records.next(enter) || !records.next(leave)) {
      fail(where, "its records are missing");
      break;
    }
    seen.insert(f);
    expect(enter.function == static_cast<std::uint16_t>(f) && leave.function == enter.function, where,
           "another function");
    expect(enter.call == leave.call && enter.time <= leave.time, where, "ENTER and LEAVE do not belong together");
    const memory m{row.arguments, places, reinterpret_cast<const unsigned char*>(words.data())};
    check_fields({row.arguments, enter.body}, m, false, where);
    const tape::result_view result(leave.body);
    expect(result.return_value() == CKR_OK, where, "another return value");
    for (std::size_t i = 0; i < row.arguments.size(); ++i) {
      const auto& arg = row.arguments[i];
      const bool output = arg.way == flow::out || arg.way == flow::inout;
      item_view item;
      const bool found = result.find(i, item);
      if (!output) {
        expect(!found, where + "." + std::string{arg.name}, "an input among the outputs");
      } else if (arg.kind != shape::mechanism && arg.kind != shape::address) {
        check_pointer(found ? &item : nullptr, found ? 0 : std::uint64_t{tape::pointer_withheld}, m, i, true,
                      where + "." + std::string{arg.name});
      }
    }
  }
  expect(seen.size() == cryptoki::function_count - 3, "all functions", "some were not recorded");
  std::printf("%zu calls, %ld values compared, %d failures\n", made.size(), compared, failures);
  return failures == 0 ? 0 : 1;
}
