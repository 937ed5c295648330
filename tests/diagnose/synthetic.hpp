// SPDX-License-Identifier: Apache-2.0
// Tapes of stories that no module tells on command: tokens with any flags, hours that pass, calls that overlap.
//
//   tape_story s;
//   s.initialize().slot_list({5}).token_info(5, {.label = "x"}).open(5, 1).login(1, CKR_PIN_LOCKED).finalize();
//   CHECK(s.diagnose().first() == "P14");
//
// Records are written by FORMAT.md, with the builder of the reader's own tests.
#pragma once

#include <list>
#include <map>
#include <string>
#include <vector>

#include "cryptoki/pkcs11.hpp"
#include "tape/tape_builder.hpp"

namespace p11tape::diagnose {
struct configured;
}

namespace p11tape::test {

class told;

struct fake_token {
  std::string label = "token";
  u64 flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
  u64 max_pin = 64, min_pin = 4, max_sessions = 0;
  std::string serial = "0123456789abcdef", utc_time = "0000000000000000";
};

struct fake_pin {
  u64 length = 8;
  u32 anomalies = 0, number = 1;
};

class tape_story {
 public:
  tape_story() { tape_.properties = "program=/usr/bin/client\nname=client\nmodule=/usr/lib/module.so\n"; }

  tape_story& property(const std::string& key, const std::string& value);
  tape_story& program(const std::string& name);
  tape_story& filtered();

  /// Calls from here on are this thread's.
  tape_story& thread(u64 number);
  /// So much time passes before the next call, in ns.
  tape_story& wait(u64 ns);
  /// How long each of the next calls takes.
  tape_story& lasting(u64 ns);

  /// Any call: its words, what it returned.
  tape_story& call(const std::string& name, std::initializer_list<u64> words, u64 rv = CKR_OK);
  /// The same with items behind the words, and items of results.
  tape_story& call(const std::string& name, const body& arguments, u64 rv, const body& results);
  /// A call that only begins; end() ends it.
  tape_story& begin(const std::string& name, std::initializer_list<u64> words);
  tape_story& end(const std::string& name, u64 rv = CKR_OK);

  tape_story& initialize(bool locking = true, u64 rv = CKR_OK);
  tape_story& finalize() { return call("C_Finalize", {0}); }
  tape_story& slot_list(std::vector<u64> slots);
  tape_story& slot_info(u64 slot, u64 flags);
  tape_story& token_info(u64 slot, fake_token token);
  tape_story& open(u64 slot, u64 session, u64 flags = CKF_SERIAL_SESSION);
  tape_story& close(u64 session) { return call("C_CloseSession", {session}); }
  tape_story& login(u64 session, u64 rv = CKR_OK, fake_pin pin = {}, u64 user = CKU_USER);
  /// A whole search; empty texts are left out of the template.
  tape_story& find(u64 session, u64 object_class, const std::string& label, const std::string& id,
                   std::vector<u64> found);
  tape_story& search_init(u64 session, u64 object_class, const std::string& label, const std::string& id,
                          u64 rv = CKR_OK);
  /// C_GetAttributeValue that tells label, ID and class; null: their absence.
  tape_story& describe(u64 session, u64 object, u64 object_class, const std::string& label, const std::string& id);
  tape_story& read(u64 session, u64 object, u64 attribute, u64 rv = CKR_OK);
  tape_story& mechanisms(u64 slot, std::vector<u64> all);
  tape_story& sign_init(u64 session, u64 mechanism, u64 key, u64 rv = CKR_OK);
  tape_story& sign(u64 session, u64 rv = CKR_OK, u64 size = 20);

  /// Defined in story.cpp: those who only want the tape need not link the rules.
  told diagnose();
  told diagnose(const diagnose::configured& set);
  /// Writes the tape; it lives as long as the story.
  std::string write(const std::string& name = "story.p11tape");

  tape_builder& builder() { return tape_; }

 private:
  struct lane {
    thread_counts* counts = nullptr;
    chunk_builder* chunk = nullptr;
    std::size_t used = 0;
    u32 calls = 0;
    std::vector<u32> open;
  };
  lane& now();
  /// The thread's chunk, a new one where the record of that size would not fit.
  chunk_builder& chunk(std::size_t size);

  tape_builder tape_;
  std::map<u64, lane> lanes_;
  u64 thread_ = 1;
  u64 duration_ = 1000;
  temporary_folder folder_;
};

}  // namespace p11tape::test
