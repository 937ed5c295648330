// SPDX-License-Identifier: Apache-2.0
#include "rig.hpp"

#include <algorithm>

#include "model/call_stream.hpp"
#include "model/exchanges.hpp"

namespace p11tape::card_tests {
namespace {

std::string first_of(std::initializer_list<const char*> paths) {
  for (const char* const p : paths)
    if (std::filesystem::exists(p)) return p;
  return "";
}

std::filesystem::path only_tape(const std::filesystem::path& dir) {
  const auto all = contract::tapes(dir);
  REQUIRE(all.size() == 1);
  return all[0];
}

}  // namespace

std::string opensc() {
  return first_of({"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
                   "/usr/lib64/opensc-pkcs11.so"});
}

std::string ykcs11() {
  return first_of({"/usr/lib/x86_64-linux-gnu/libykcs11.so.2", "/usr/lib/aarch64-linux-gnu/libykcs11.so.2",
                   "/usr/lib64/libykcs11.so.2"});
}

std::string p11_kit_proxy() {
  return first_of({"/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so", "/usr/lib/aarch64-linux-gnu/p11-kit-proxy.so",
                   "/usr/lib64/p11-kit-proxy.so"});
}

std::string module_of_ours(const std::string& flavour) { return P11TAPE_CARD_DIR "/module-" + flavour + ".so"; }

setup surroundings(const std::string& module, const char* card, const std::filesystem::path& dir) {
  setup s;
  s.module = module;
  s.dir = dir.string();
  s.env = {{"VIRTUAL_CARD", card}, {"VIRTUAL_PCSC", pcsc_path}, {"OPENSC_CONF", "/dev/null"}};
  return s;
}

virtual_card::reader& bring_reader() {
  void* const handle = dlopen(pcsc_path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) contract::fail(__FILE__, __LINE__, dlerror());
  auto* const reader = static_cast<virtual_card::reader*>(dlsym(handle, virtual_card::reader_name));
  EXPECT(reader != nullptr);
  return *reader;
}

exchange::exchange(const card::described& d) : described(d), data(d.raw.data.begin(), d.raw.data.end()) {
  raw.data = {};
}

std::string call::words(std::uint8_t ins) const {
  std::string all;
  for (const auto& e : exchanges) {
    if (!e.raw.has(tape::exchange_command) || e.raw.ins != ins) continue;
    all += (all.empty() ? "" : " ") + e.sw();
  }
  return all;
}

std::vector<call> calls_in(const std::filesystem::path& dir) {
  const tape::reader reader(only_tape(dir).string());
  const tape::reader* const all[] = {&reader};
  model::call_stream stream(all);
  model::call_exchanges exchanges(all);
  card::describer describer;
  std::vector<call> calls;
  while (const auto* const c = stream.next()) {
    auto& made = calls.emplace_back();
    made.function = c->function != nullptr ? std::string(c->function->name) : "?";
    made.rv = c->return_value();
    made.thread = c->thread.number.value();
    for (const auto& e : exchanges.of(*c)) made.exchanges.emplace_back(describer.tell(e));
  }
  CHECK(!reader.damage().any());
  return calls;
}

std::vector<call> named(const std::vector<call>& calls, const std::string& function) {
  std::vector<call> some;
  std::copy_if(calls.begin(), calls.end(), std::back_inserter(some),
               [&](const call& c) { return c.function == function; });
  return some;
}

std::size_t transmitted(const std::vector<call>& calls) {
  std::size_t n = 0;
  for (const auto& c : calls)
    for (const auto& e : c.exchanges) n += e.raw.function == tape::card_call::transmit ? 1 : 0;
  return n;
}

std::string apdu_property(const std::filesystem::path& dir) {
  return std::string(tape::reader(only_tape(dir).string()).property("apdu"));
}

session::session(CK_FUNCTION_LIST* functions) : list(functions) {
  EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
  CK_SLOT_ID slots[16];
  CK_ULONG count = 16;
  EXPECT_EQ(list->C_GetSlotList(CK_TRUE, slots, &count), CK_RV{CKR_OK});
  EXPECT(count > 0);
  slot = slots[0];
  EXPECT_EQ(list->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle), CK_RV{CKR_OK});
}

CK_RV session::login(const std::string& pin, CK_USER_TYPE user) const {
  return list->C_Login(handle, user, utf8(pin), pin.size());
}

CK_RV session::set_pin(const std::string& old_pin, const std::string& new_pin) const {
  return list->C_SetPIN(handle, utf8(old_pin), old_pin.size(), utf8(new_pin), new_pin.size());
}

}  // namespace p11tape::card_tests
