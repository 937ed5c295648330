// SPDX-License-Identifier: Apache-2.0
// Writes the tapes of the golden tests into a folder: the same bytes every time.
#include <fstream>
#include <iostream>

#include "unit/tape/tape_builder.hpp"

using namespace p11tape::test;

namespace {

std::string padded(std::string text, std::size_t size, char with = ' ') {
  text.resize(size, with);
  return text;
}

body version(u64 major, u64 minor) { return body().words({major, minor}); }

body token_info(const std::string& label, u64 flags) {
  body fields;
  // A word for each of the eighteen fields, zero where the field is an array or a struct.
  fields.words({0, 0, 0, 0, flags, 0, unavailable, 0, unavailable, 255, 4, unavailable, unavailable, unavailable,
                unavailable, 0, 0, 0});
  fields.bytes_item(0, padded(label, 32)).bytes_item(1, padded("ACME", 32, '\0')).bytes_item(2, padded("Model 1", 16));
  fields.bytes_item(3, "0123456789abcdef").record_item(15, "CK_VERSION", version(2, 6));
  fields.record_item(16, "CK_VERSION", version(2, 6)).bytes_item(17, padded("", 16));
  return fields;
}

// A client finds its token, fails to log in, logs in, finds a key and signs.
tape_builder session() {
  tape_builder tape;
  tape.properties += "module.path=/usr/lib/module-1.2.so\nnote=P11TAPE_LIMIT 12 is no size; the default is used\n";
  auto& k = tape.chunk(kept);
  k.size = 8192;
  auto& r = tape.chunk(ring);
  k.enter("C_Initialize", 1).words({1}).record_item(0, "CK_C_INITIALIZE_ARGS", body().words({0, 0, 0, 0, 2, 0}));
  k.leave("C_Initialize", 1, 0);
  r.enter("C_GetSlotList", 2).words({1, 0, 1}).number_item(2, 0);
  r.leave("C_GetSlotList", 2, 0).number_item(2, 2);
  r.enter("C_GetSlotList", 3).words({1, 1, 1}).number_item(2, 2);
  r.leave("C_GetSlotList", 3, 0).numbers_item(1, {0x5471fb91, 1}).number_item(2, 2);
  r.enter("C_GetTokenInfo", 4).words({0x5471fb91, 1});
  r.leave("C_GetTokenInfo", 4, 0).record_item(1, "CK_TOKEN_INFO", token_info("mytoken", 0x42d));
  k.enter("C_OpenSession", 5).words({0x5471fb91, 6, 0, 0, 1});
  k.leave("C_OpenSession", 5, 0).number_item(4, 1);
  k.enter("C_Login", 6).words({1, 1, 5, 9}).pin_item(2, 9, 2, 1);
  k.at(tape_builder::started_monotonic + 50000000);
  k.leave("C_Login", 6, 0xa0);
  k.enter("C_Login", 7).words({1, 1, 5, 8}).pin_item(2, 8, 0, 2);
  k.leave("C_Login", 7, 0);
  k.enter("C_FindObjectsInit", 8)
      .words({1, 1, 3})
      .template_item(1, body().attribute_number(0, 3).attribute_bytes(1, "\x01").attribute_bytes(3, "my key"));
  k.leave("C_FindObjectsInit", 8, 0);
  k.enter("C_FindObjects", 9).words({1, 1, 20, 1});
  k.leave("C_FindObjects", 9, 0).numbers_item(1, {0x2a}).number_item(3, 1);
  k.enter("C_FindObjectsFinal", 10).words({1});
  k.leave("C_FindObjectsFinal", 10, 0);
  const auto modulus = padded("\xc5", 256, '\x11');
  r.enter("C_GetAttributeValue", 11)
      .words({1, 0x2a, 1, 4})
      .template_item(2, body()
                            .attribute(0x102, 0, 0, "", 128)
                            .attribute(0x120, 256, 0, "")
                            .attribute(0x123, 256, 0, "")
                            .attribute(0x101, 64, 0, ""));
  r.leave("C_GetAttributeValue", 11, 0x11)
      .template_item(
          2, body()
                 .attribute(0x102, 1, 0, "", 128)
                 .attribute_bytes(0x120, modulus)
                 .attribute(0x123, unavailable, 0, "")
                 .attribute_bytes(0x101, std::string("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02me", 15)));
  r.enter("C_SignInit", 12)
      .words({1, 1, 0x2a})
      .mechanism_item(1, 0xd, 24, body().record_item(0, "CK_RSA_PKCS_PSS_PARAMS", body().words({0x250, 2, 32})));
  r.leave("C_SignInit", 12, 0);
  r.enter("C_Sign", 13).words({1, 5, 20, 0, 1}).number_item(4, 0);
  r.leave("C_Sign", 13, 0).number_item(4, 256);
  r.enter("C_Sign", 14).words({1, 5, 20, 1, 1}).number_item(4, 256);
  r.leave("C_Sign", 14, 0x80000010).number_item(4, 256);
  return tape;
}

// What does not end well: nested calls, a call that was left, one in flight, a lost result, other threads.
tape_builder endings() {
  tape_builder tape;
  tape.properties = "name=daemon\nmodule=/opt/vendor.so\nboot=11111111-2222-3333-4444-555555555555\n";
  tape.pid = 4800;
  tape.features = 1;
  tape.counters[0] = 3;
  tape.counters[4] = 1;
  auto& one = tape.thread(1, 4800);
  auto& two = tape.thread(2, 4801);
  auto& a = tape.chunk(kept, one);
  auto& b = tape.chunk(ring, two);
  a.enter("C_Initialize", 1).words({0});
  a.enter("C_GetInfo", 2, 1).words({1});
  a.leave("C_GetInfo", 2, 0, 1)
      .record_item(0, "CK_INFO",
                   body()
                       .words({0, 0, 0, 0, 0})
                       .bytes_item(1, padded("Vendor\xff", 32))
                       .bytes_item(3, padded("", 32))
                       .record_item(0, "CK_VERSION", version(2, 40))
                       .record_item(4, "CK_VERSION", version(1, 0)));
  a.leave("C_Initialize", 1, 0);
  b.lose_ordinals(7);
  b.leave("C_Verify", 3, 0xc0);
  b.enter("C_WaitForSlotEvent", 4).words({0, 1, 0});
  a.enter("C_Sign", 3).words({1, 3, 9, 1, 1});
  a.enter("C_Logout", 4).words({1});
  a.lose_ordinals(1);
  a.enter("C_CloseSession", 5).words({0x8000000000000001});
  a.leave("C_CloseSession", 5, 0xb3);
  return tape;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: golden-tapes FOLDER\n";
    return 64;
  }
  const std::string folder = argv[1];
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
  };
  write("session.p11tape", session().bytes());
  write("endings.p11tape", endings().bytes());
  auto damaged = session().bytes();
  damaged.resize(damaged.size() - 6000);
  write("damaged.p11tape", damaged);
  write("broken.p11tape", "this is no tape\n");
  return 0;
}
