// SPDX-License-Identifier: Apache-2.0
#include "tapes.hpp"

#include "tape/tape_builder.hpp"

namespace p11tape::test {
namespace {

constexpr u32 chunk_size = 16 << 20;

// A thread's only chunk, with room for much.
chunk_builder& room(tape_builder& tape, u32 size = chunk_size) {
  auto& c = tape.chunk(ring);
  c.size = size;
  return c;
}

// The file ends where the records do, and not with the chunk's zeros.
std::string without_zeros(std::string bytes) {
  const auto end = bytes.find_last_not_of('\0');
  bytes.resize((end + 4096) / 4096 * 4096);
  return bytes;
}

std::string finished(const tape_builder& tape) { return without_zeros(tape.bytes()); }

std::string repeated(std::string_view what, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += what;
  return out;
}

// An output of one call.
std::string one_leave(std::string_view function, std::initializer_list<u64> words, const body& items,
                      std::string schema = {}) {
  tape_builder tape;
  if (!schema.empty()) tape.schema = std::move(schema);
  auto& c = room(tape);
  c.enter(function, 1).words(words);
  c.leave(function, 1, 0).text(items.str());
  return finished(tape);
}

// The schema with one more struct, whose number is the last.
std::string schema_with(std::string_view name, std::size_t fields) {
  tape_builder plain;
  std::string out = plain.schema;
  if (!out.ends_with('\n')) out += '\n';
  out += "S " + std::string(name) + '\n';
  for (std::size_t i = 0; i < fields; ++i) out += " CK_ULONG f" + std::to_string(i) + '\n';
  return out;
}

std::string many_items() {
  body items;
  for (int i = 0; i < 64 * 1024; ++i) items.item(3, 1, "");
  return one_leave("C_Encrypt", {1, 1, 0, 1, 1}, items);
}

// A list of structs without a byte, each with many fields.
std::string empty_structs(std::size_t fields) {
  body list;
  for (int i = 0; i < 16'000; ++i)
    list.put(u32{8}).put(u32{0}).put(static_cast<u32>(cryptoki::record_count)).put(u32{0});
  return one_leave("C_GetInfo", {1}, body().item(0, 5, list.str()), schema_with("BIG", fields));
}
std::string many_fields() { return empty_structs(250); }
std::string too_many_fields() { return empty_structs(4000); }

// A list of structs with all their words.
std::string wide_structs() {
  constexpr std::size_t fields = 250;
  body list;
  for (int i = 0; i < 1000; ++i) {
    list.put(static_cast<u32>(8 + 8 * fields)).put(u32{0}).put(static_cast<u32>(cryptoki::record_count)).put(u32{0});
    list.text(std::string(8 * fields, '\0'));
  }
  return one_leave("C_GetInfo", {1}, body().item(0, 5, list.str()), schema_with("BIG", fields));
}

std::string long_names() {
  return one_leave("C_GetInfo", {1}, body().item(0, 1, "x"), schema_with(std::string(100'000, 'N'), 200));
}

// A value of every decoder, a MiB each.
std::string large_values() {
  constexpr std::size_t size = 1 << 20;
  const std::string length = std::string("\x83") + static_cast<char>(size >> 16) + std::string(2, '\0');
  const std::string integer = "\x02" + length + std::string(size, '\x7f');
  const std::string oid = "\x06" + length + std::string(size - 1, '\xff') + '\x7f';
  const std::string part(
      "\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
      "AB");
  const std::string name = ("\x30" + length + repeated(part, size / part.size() + 1)).substr(0, size + 5);
  body all;
  all.attribute_bytes(CKA_SERIAL_NUMBER, integer).attribute_bytes(CKA_ISSUER, name);
  all.attribute_bytes(CKA_SUBJECT, name).attribute_bytes(CKA_OBJECT_ID, oid).attribute_bytes(CKA_EC_PARAMS, oid);
  all.attribute_bytes(CKA_PUBLIC_KEY_INFO, name).attribute_bytes(CKA_MODULUS, integer);
  all.attribute_bytes(CKA_LABEL, std::string(size, '\xff')).attribute_bytes(CKA_VALUE, name);
  return one_leave("C_GetAttributeValue", {1, 1, 1, 9}, body().template_item(2, all));
}

std::string nested_templates() {
  body inner;
  inner.attribute_number(CKA_CLASS, 0);
  for (int i = 0; i < 2000; ++i) inner = body().attribute(CKA_WRAP_TEMPLATE, 24, 6, inner.str());
  return one_leave("C_GetAttributeValue", {1, 1, 1, 1}, body().template_item(2, inner));
}

std::string many_attributes() {
  body all;
  for (int i = 0; i < 200'000; ++i) all.attribute(CKA_LABEL, 0, 0, "");
  return one_leave("C_GetAttributeValue", {1, 1, 1, 1}, body().template_item(2, all));
}

std::string many_numbers() {
  return one_leave("C_GetMechanismList", {1, 1, 1}, body().item(1, 3, std::string(8 << 20, '\x01')));
}

std::string many_threads() {
  tape_builder tape;
  auto& c = room(tape);
  for (u64 i = 2; i < 60'000; ++i) {
    c.hand_on(tape.thread(i, i));
    c.enter("C_GetInfo", 1).words({0});
  }
  return finished(tape);
}

// Calls in calls, none of which returns.
std::string deep_calls() {
  tape_builder tape;
  auto& c = room(tape);
  for (u32 i = 0; i < 32'000; ++i) c.enter("C_CloseSession", i + 1, static_cast<u8>(i % 256)).words({1});
  return finished(tape);
}

std::string handles_of(u64 factor) {
  tape_builder tape;
  auto& c = room(tape);
  for (u32 i = 0; i < 20'000; ++i) {
    c.enter("C_CloseSession", i + 1).words({(i * factor + 13) % 1'000'003});
    c.leave("C_CloseSession", i + 1, 0);
  }
  return finished(tape);
}
std::string many_handles() { return handles_of(7919); }

std::string many_sessions() {
  tape_builder tape;
  auto& c = room(tape);
  for (u32 i = 0; i < 20'000; ++i) {
    c.enter("C_OpenSession", i + 1).words({1, 4, 0, 0, 1});
    c.leave("C_OpenSession", i + 1, 0).number_item(4, i + 1);
  }
  return finished(tape);
}

std::string tokens(u32 count, const std::string& label) {
  tape_builder tape;
  auto& c = room(tape);
  const auto words =
      cryptoki::row(static_cast<cryptoki::record>(cryptoki::record_named("CK_TOKEN_INFO"))).fields.size();
  for (u32 i = 0; i < count; ++i) {
    body info;
    for (std::size_t w = 0; w < words; ++w) info.put(u64{0});
    info.bytes_item(0, label + std::to_string(i));
    c.enter("C_GetTokenInfo", i + 1).words({i, 1});
    c.leave("C_GetTokenInfo", i + 1, 0).record_item(1, "CK_TOKEN_INFO", info);
  }
  return finished(tape);
}
std::string large_label() { return tokens(1, repeated("UserPIN mytoken ab ", 14'000)); }
std::string many_tokens() { return tokens(8'000, "tok UserPIN (my)"); }

// Pieces of a record that never comes, and one that does.
std::string many_parts() {
  tape_builder tape;
  auto& c = room(tape, 64 << 20);
  for (u32 i = 0; i < 40; ++i) c.part("C_GetInfo", 1).text(std::string(1 << 20, 'x'));
  c.enter("C_GetInfo", 1).words({1});
  return finished(tape);
}

std::string header_with(std::size_t offset, u64 value) {
  auto bytes = harmless_tape();
  const auto word = body().put(value).str();
  bytes.replace(offset, word.size(), word);
  return bytes;
}
constexpr std::size_t properties_size = 72, schema_offset = 80, schema_size = 88, data_offset = 96;
std::string huge_properties() { return header_with(properties_size, u64{3} << 30); }
std::string huge_schema() { return header_with(schema_size, u64{3} << 30); }
std::string schema_far_away() { return header_with(schema_offset, ~u64{0} - 8); }
std::string data_far_away() { return header_with(data_offset, ~u64{4095}); }

// Everything that a terminal obeys, wherever a tape has text.
std::string escape_sequences() {
  const std::string evil =
      "\x1b[31mX\x1b]0;Y\x07\x9b"
      "5m\xc2\x9b"
      "5m\xe2\x80\xae\xff<script>";
  tape_builder tape;
  tape.properties = "program=/usr/bin/" + evil + "\nname=" + evil + "\nmodule=" + evil + "\nhost=" + evil +
                    "\nnote=" + evil + "\nmodule.error=" + evil + "\nkey" + evil + "=v\n";
  auto& c = room(tape);
  c.enter("C_FindObjectsInit", 1).words({1, 1, 1}).template_item(1, body().attribute_bytes(CKA_LABEL, evil));
  c.leave("C_FindObjectsInit", 1, CKR_DEVICE_ERROR);
  return finished(tape);
}

}  // namespace

std::string harmless_tape() { return one_leave("C_GetInfo", {1}, {}); }

std::string plain_tape() {
  tape_builder tape;
  auto& c = room(tape);
  for (u32 i = 1; i <= 40'000; ++i) {
    c.enter("C_GetSessionInfo", i).words({1, 1});
    c.leave("C_GetSessionInfo", i, 0);
  }
  return finished(tape);
}

const std::vector<hostile_tape>& hostile_tapes() {
  static const std::vector<hostile_tape> all = {
      {"many items", many_items},
      {"many fields", many_fields},
      {"too many fields", too_many_fields},
      {"wide structs", wide_structs},
      {"long names", long_names},
      {"large values", large_values},
      {"nested templates", nested_templates},
      {"many attributes", many_attributes},
      {"many numbers", many_numbers},
      {"many threads", many_threads},
      {"deep calls", deep_calls},
      {"many handles", many_handles},
      {"many sessions", many_sessions},
      {"large label", large_label},
      {"many tokens", many_tokens},
      {"many parts", many_parts},
      {"huge properties", huge_properties},
      {"huge schema", huge_schema},
      {"schema far away", schema_far_away},
      {"data far away", data_far_away},
      {"escape sequences", escape_sequences},
  };
  return all;
}

}  // namespace p11tape::test
