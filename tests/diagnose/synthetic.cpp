// SPDX-License-Identifier: Apache-2.0
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

constexpr u64 given = 1;
constexpr std::size_t chunk_size = 64 * 1024;

std::string padded(std::string text, std::size_t size) {
  text.resize(std::max(text.size(), size), ' ');
  return text.substr(0, size);
}

body template_of(u64 object_class, const std::string& label, const std::string& id) {
  body all;
  if (object_class != unavailable) all.attribute_number(CKA_CLASS, object_class);
  if (!label.empty()) all.attribute_bytes(CKA_LABEL, label);
  if (!id.empty()) all.attribute_bytes(CKA_ID, id);
  return all;
}

}  // namespace

tape_story& tape_story::property(const std::string& key, const std::string& value) {
  tape_.properties = key + "=" + value + "\n" + tape_.properties;  // the first of a name counts
  return *this;
}
tape_story& tape_story::program(const std::string& name) { return property("name", name); }
tape_story& tape_story::filtered() {
  tape_.features = 1;
  return *this;
}
tape_story& tape_story::thread(u64 number) {
  thread_ = number;
  return *this;
}
tape_story& tape_story::wait(u64 ns) {
  tape_.clock += ns;
  return *this;
}
tape_story& tape_story::lasting(u64 ns) {
  duration_ = ns;
  return *this;
}

tape_story::lane& tape_story::now() {
  auto& l = lanes_[thread_];
  if (l.counts == nullptr) l.counts = &tape_.thread(thread_, 1000 + thread_);
  return l;
}

chunk_builder& tape_story::chunk(std::size_t size) {
  auto& l = now();
  if (l.chunk == nullptr || l.used + size + 256 > chunk_size) {
    l.chunk = &tape_.chunk(kept, *l.counts);
    l.chunk->size = chunk_size;
    l.used = 64;
  }
  l.used += size + 64;
  return *l.chunk;
}

tape_story& tape_story::begin(const std::string& name, std::initializer_list<u64> words) {
  auto& c = chunk(8 * words.size());
  auto& l = now();
  c.enter(name, ++l.calls, static_cast<u8>(l.open.size())).words(words);
  l.open.push_back(l.calls);
  return *this;
}

tape_story& tape_story::end(const std::string& name, u64 rv) {
  auto& c = chunk(8);
  auto& l = now();
  const auto number = l.open.back();
  l.open.pop_back();
  c.leave(name, number, rv, static_cast<u8>(l.open.size()));
  return *this;
}

tape_story& tape_story::call(const std::string& name, std::initializer_list<u64> words, u64 rv) {
  return call(name, body().words(words), rv, {});
}

tape_story& tape_story::call(const std::string& name, const body& arguments, u64 rv, const body& results) {
  auto& c = chunk(arguments.str().size() + results.str().size() + 64);
  auto& l = now();
  const auto depth = static_cast<u8>(l.open.size());
  c.enter(name, ++l.calls, depth).text(arguments.str());
  tape_.clock += duration_ - 1000;  // the record itself takes the rest
  c.leave(name, l.calls, rv, depth).text(results.str());
  return *this;
}

tape_story& tape_story::initialize(bool locking, u64 rv) {
  body arguments;
  arguments.words({locking ? given : 0});
  if (locking) arguments.record_item(0, "CK_C_INITIALIZE_ARGS", body().words({0, 0, 0, 0, CKF_OS_LOCKING_OK, 0}));
  return call("C_Initialize", arguments, rv, {});
}

tape_story& tape_story::slot_list(std::vector<u64> slots) {
  body list;
  for (const auto s : slots) list.put(s);
  body results;
  results.item(1, 3, list.str()).number_item(2, slots.size());
  return call("C_GetSlotList", body().words({1, given, given}).number_item(2, 64), CKR_OK, results);
}

tape_story& tape_story::slot_info(u64 slot, u64 flags) {
  body fields;
  fields.words({0, 0, flags, 0, 0});
  fields.bytes_item(0, padded("a slot", 64)).bytes_item(1, padded("a maker", 32));
  return call("C_GetSlotInfo", body().words({slot, given}), CKR_OK, body().record_item(1, "CK_SLOT_INFO", fields));
}

tape_story& tape_story::token_info(u64 slot, fake_token t) {
  body fields;
  fields.words({0, 0, 0, 0, t.flags, t.max_sessions, 0, 0, 0, t.max_pin, t.min_pin, 0, 0, 0, 0, 0, 0, 0});
  fields.bytes_item(0, padded(t.label, 32)).bytes_item(1, padded("a maker", 32)).bytes_item(2, padded("a model", 16));
  fields.bytes_item(3, padded(t.serial, 16)).bytes_item(17, padded(t.utc_time, 16));
  return call("C_GetTokenInfo", body().words({slot, given}), CKR_OK, body().record_item(1, "CK_TOKEN_INFO", fields));
}

tape_story& tape_story::open(u64 slot, u64 session, u64 flags) {
  return call("C_OpenSession", body().words({slot, flags, 0, 0, given}), CKR_OK, body().number_item(4, session));
}

tape_story& tape_story::login(u64 session, u64 rv, fake_pin pin, u64 user) {
  return call("C_Login",
              body().words({session, user, given, pin.length}).pin_item(2, pin.length, pin.anomalies, pin.number), rv,
              {});
}

tape_story& tape_story::search_init(u64 session, u64 object_class, const std::string& label, const std::string& id,
                                    u64 rv) {
  const auto wanted = template_of(object_class, label, id);
  return call("C_FindObjectsInit", body().words({session, given, 1}).template_item(1, wanted), rv, {});
}

tape_story& tape_story::find(u64 session, u64 object_class, const std::string& label, const std::string& id,
                             std::vector<u64> found) {
  search_init(session, object_class, label, id);
  body list;
  for (const auto f : found) list.put(f);
  call("C_FindObjects", body().words({session, given, 100, given}), CKR_OK,
       body().item(1, 3, list.str()).number_item(3, found.size()));
  return call("C_FindObjectsFinal", {session});
}

tape_story& tape_story::describe(u64 session, u64 object, u64 object_class, const std::string& label,
                                 const std::string& id) {
  body asked, answered;
  for (const auto type : {CKA_CLASS, CKA_LABEL, CKA_ID}) asked.attribute(type, 256, 0, "");
  answered.attribute_number(CKA_CLASS, object_class).attribute_bytes(CKA_LABEL, label).attribute_bytes(CKA_ID, id);
  return call("C_GetAttributeValue", body().words({session, object, given, 3}).template_item(2, asked), CKR_OK,
              body().template_item(2, answered));
}

tape_story& tape_story::read(u64 session, u64 object, u64 attribute, u64 rv) {
  return call("C_GetAttributeValue",
              body().words({session, object, given, 1}).template_item(2, body().attribute(attribute, 256, 0, "")), rv,
              body().template_item(2, body().attribute(attribute, 4, 1, "abcd")));
}

tape_story& tape_story::mechanisms(u64 slot, std::vector<u64> all) {
  body list;
  for (const auto m : all) list.put(m);
  return call("C_GetMechanismList", body().words({slot, given, given}).number_item(2, 512), CKR_OK,
              body().item(1, 3, list.str()).number_item(2, all.size()));
}

tape_story& tape_story::sign_init(u64 session, u64 mechanism, u64 key, u64 rv) {
  return call("C_SignInit", body().words({session, given, key}).mechanism_item(1, mechanism, 0), rv, {});
}

tape_story& tape_story::sign(u64 session, u64 rv, u64 size) {
  return call("C_Sign", body().words({session, given, size, given, given}).number_item(4, 512), rv,
              rv == CKR_OK ? body().number_item(4, 256) : body());
}

std::string tape_story::write(const std::string& name) { return folder_.write(tape_.bytes(), name); }

}  // namespace p11tape::test
