// SPDX-License-Identifier: Apache-2.0
// make_fleet DIRECTORY HOSTS [ROUNDS]: the tapes of a fleet, one for each host, with three faults hidden in it.
//
// Each host opens a session, logs in, looks its key up and signs ROUNDS times; every tenth starts slowly, the second
// half of them has newer firmware. The faults, if there are enough hosts: host007 sends wrong PINs until its token (a
// partition of its own) says that one more try is left; host023 leaves 40 sessions open; host041 signs with SHA-1 and a key of 1024 bits. The
// new firmware answers host045's last signature with CKR_DEVICE_ERROR. Written by FORMAT.md, with the builder of the
// reader's own tests.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "diagnose/synthetic.hpp"

namespace {

using namespace p11tape::test;

std::string padded(std::string text, std::size_t size) {
  text.resize(size, ' ');
  return text;
}

void token_info(tape_story& s, u64 flags, u64 firmware, const char* serial = "0815") {
  body fields;
  fields.words({0, 0, 0, 0, flags, 0, 0, 0, 0, 64, 4, 0, 0, 0, 0, 0, 0, 0});
  fields.bytes_item(0, padded("payments", 32)).bytes_item(1, padded("a maker", 32)).bytes_item(2, padded("HSM 7", 16));
  fields.bytes_item(3, padded(serial, 16)).record_item(16, "CK_VERSION", body().words({firmware, 1}));
  s.call("C_GetTokenInfo", body().words({5, 1}), CKR_OK, body().record_item(1, "CK_TOKEN_INFO", fields));
}

void look_up(tape_story& s, u64 bits, const std::string& label) {
  s.find(1, CKO_PRIVATE_KEY, label, "", {42});
  body asked, answered;
  for (const auto type : {CKA_KEY_TYPE, CKA_MODULUS, CKA_ID}) asked.attribute(type, 512, 0, "");
  answered.attribute_number(CKA_KEY_TYPE, CKK_RSA).attribute_bytes(CKA_MODULUS, std::string(bits / 8, '\xd5'));
  answered.attribute_bytes(CKA_ID, "\x01");
  s.call("C_GetAttributeValue", body().words({1, 42, 1, 3}).template_item(2, asked), CKR_OK,
         body().template_item(2, answered));
}

void host(tape_story& s, u64 n, u64 rounds, u64 hosts) {
  constexpr u64 flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
  const u64 firmware = n < hosts / 2 ? 1 : 2;
  s.lasting(n % 10 == 3 ? 900000000 : 2000000).initialize().lasting(3000).slot_list({5});
  token_info(s, flags, firmware, n == 7 ? "0816" : "0815");
  s.open(5, 1);
  if (n == 7) {
    for (const u64 now : {flags, flags | CKF_USER_PIN_COUNT_LOW, flags | CKF_USER_PIN_FINAL_TRY}) {
      token_info(s, now, firmware, "0816");
      s.wait(1000000000).login(1, CKR_PIN_INCORRECT);
    }
    s.finalize();
    return;
  }
  s.lasting(20000000).login(1).lasting(4000);
  const bool weak = n == 41;
  look_up(s, weak ? 1024 : 2048, weak ? "old-signer" : "signer");
  if (n == 23)
    for (u64 i = 2; i <= 41; ++i) s.open(5, i);
  for (u64 r = 0; r < rounds; ++r) {
    s.lasting(2000).sign_init(1, weak ? CKM_SHA1_RSA_PKCS : CKM_SHA256_RSA_PKCS, 42);
    s.lasting(700000 + 1000 * ((n * 7919 + r * 104729) % 600))
        .sign(1, n == 45 && r + 1 == rounds ? CKR_DEVICE_ERROR : CKR_OK);
    s.wait(5000000);
  }
  if (n == 23) return;
  s.lasting(3000).close(1).finalize();
}

}  // namespace

int main(int argc, char** argv) {
  const u64 hosts = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const u64 rounds = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 20;
  if (hosts == 0) {
    std::fprintf(stderr, "usage: make_fleet DIRECTORY HOSTS [ROUNDS]\n");
    return 64;
  }
  for (u64 n = 0; n < hosts; ++n) {
    char name[32];
    std::snprintf(name, sizeof name, "host%03llu", static_cast<unsigned long long>(n));
    tape_story s;
    s.program(n % 3 == 0 ? "payd" : "signd").property("host", name).property("version", "test");
    s.builder().pid = 1000 + n;
    s.builder().wall += n * 60000000000;
    host(s, n, rounds, hosts);
    const auto path = std::string(argv[1]) + "/" + name + ".p11tape";
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << s.builder().bytes();
    if (!file.flush()) {
      std::perror(path.c_str());
      return 2;
    }
  }
  return 0;
}
