// SPDX-License-Identifier: Apache-2.0
// Every place of the API that can hold bytes holds a canary, in every function and every mechanism parameter, before
// the call and after it. Then the tape, and all that is rendered from it, may hold exactly those that the redaction
// table allows: of the others not even eight bytes in a row, and of the allowed ones all.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "arrange.hpp"
#include "recorded.hpp"

namespace {

using namespace p11tape;
using cryptoki::function;
using cryptoki::redaction_class;
using cryptoki::treatment;

// What no profile may ever record, written out here as well: a slip in the table itself must not pass.
bool never(redaction_class s) {
  switch (s) {
    case redaction_class::pin:
    case redaction_class::password:
    case redaction_class::key:
    case redaction_class::plain:
    case redaction_class::plain_out:
    case redaction_class::wrapped:
    case redaction_class::random:
    case redaction_class::state:
    case redaction_class::opaque:
      return true;
    default:
      return false;
  }
}

bool allowed(const test::canary& c, std::size_t profile) {
  if (c.scalar) return true;
  if (never(c.secret)) return false;
  return cryptoki::treat(profile, c.secret) == treatment::whole;
}

std::uint64_t window(const char* at) {
  std::uint64_t w = 0;
  std::memcpy(&w, at, sizeof w);
  return w;
}

std::optional<std::uint64_t> bytes_at(const char* at) { return window(at); }

// The eight bytes that sixteen characters stand for, where they are hex.
std::optional<std::uint64_t> hex_at(const char* at) {
  char bytes[8];
  for (std::size_t i = 0; i < sizeof bytes; ++i) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    const int high = digit(at[2 * i]), low = digit(at[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return window(bytes);
}

// Where any eight bytes in a row of a forbidden canary stand in `text`, each of them in `size` characters that `read` reads.
int leaks(const std::string& text, const std::unordered_map<std::uint64_t, const test::canary*>& forbidden,
          std::size_t size, std::optional<std::uint64_t> (*read)(const char*), const char* what) {
  int found = 0;
  for (std::size_t i = 0; i + size <= text.size(); ++i) {
    const auto bytes = read(text.data() + i);
    if (!bytes) continue;
    const auto at = forbidden.find(*bytes);
    if (at == forbidden.end()) continue;
    if (++found <= 20) std::printf("%s holds part of %s\n", what, at->second->where.c_str());
    i += 7;
  }
  return found;
}

struct module_behaviour {
  CK_RV result = CKR_OK;
  test::writing outputs = test::writing::all;
  bool lengths = false;  // some lengths change without a value
};

void call(const test::recorded_mock& mock, test::arranger& a, function f, std::uint64_t mechanism = CKM_RSA_PKCS,
          std::string_view layout = "none", const module_behaviour& m = {}) {
  auto words = a.arguments(f, mechanism, layout);
  if (cryptoki::row(f).arguments[0].meaning == "session") words[0] = 7;
  const auto writes = a.writes(m.outputs, m.lengths, m.result == CKR_OK);
  auto& script = mock.script()[f];
  script.writes = writes.data();
  script.write_count = writes.size();
  script.result = m.result;
  mock.call(f, words);
  script.write_count = 0;
}

// A digest mechanism for what digests; RSA, which is none of the mechanisms that are their own inverse, for the rest.
std::uint64_t usual_mechanism(function f) { return f == function::C_DigestInit ? CKM_SHA256 : CKM_RSA_PKCS; }

bool hands_out_lists(function f) {
  return f == function::C_GetFunctionList || f == function::C_GetInterface || f == function::C_GetInterfaceList;
}

struct unsafe_range {  // canaries of operations whose mechanism makes a secret of what is public elsewhere
  std::size_t first, last;
};

// Each function once, with a module that succeeds.
void each_function(const test::recorded_mock& mock, test::arranger& a) {
  for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
    const auto f = static_cast<function>(i);
    if (hands_out_lists(f)) continue;
    if (f == function::C_DigestFinal) call(mock, a, function::C_DigestInit, CKM_SHA256);  // C_DigestKey came before
    call(mock, a, f, usual_mechanism(f));
  }
}

// Each function with a module that fails, writes only some of its outputs, or none, whatever it returns.
void all_behaviours(const test::recorded_mock& mock, test::arranger& a) {
  using test::writing;
  constexpr module_behaviour behaviours[] = {
      {CKR_OK, writing::none},
      {CKR_OK, writing::some},
      {CKR_BUFFER_TOO_SMALL, writing::none},
      {CKR_BUFFER_TOO_SMALL, writing::some, true},
      {CKR_ATTRIBUTE_SENSITIVE, writing::some, true},
      {CKR_ATTRIBUTE_TYPE_INVALID, writing::none, true},
      {CKR_ATTRIBUTE_TYPE_INVALID, writing::some},
      {CKR_DEVICE_ERROR, writing::some, true},
  };
  for (const auto& m : behaviours) {
    call(mock, a, function::C_DigestInit, CKM_SHA256);  // C_DigestKey came before
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<function>(i);
      if (hands_out_lists(f) || f == function::C_SetOperationState) continue;
      if (f == function::C_DigestFinal && m.result == CKR_OK) call(mock, a, function::C_DigestInit, CKM_SHA256);
      call(mock, a, f, usual_mechanism(f), "none", m);
    }
  }
}

// Each layout of each mechanism once, in a call that takes it.
void all_mechanisms(const test::recorded_mock& mock, test::arranger& a, std::vector<unsafe_range>& unsafe) {
  for (const auto& m : cryptoki::mechanisms()) {
    auto rest = m.layouts, first_word = rest;
    const auto usual = cryptoki::detail::next_word(first_word);
    for (std::string_view context;;) {
      const auto word = cryptoki::detail::next_word(rest);
      if (word.empty()) break;
      if (word == "message" || word == "wrap") {
        context = word;
        continue;
      }
      if (context == "message") {
        // The struct of other calls has pointers where this one has lengths: no address may be taken for a length.
        const auto first_other = a.placed().size();
        for (const auto f : {function::C_MessageEncryptInit, function::C_MessageDecryptInit}) {
          call(mock, a, f, m.type, word);
          call(mock, a, f, m.type, usual);
        }
        for (const auto f : {function::C_EncryptInit, function::C_WrapKeyAuthenticated}) call(mock, a, f, m.type, word);
        a.forget_since(first_other);
        a.message_struct(word);
        const auto first = a.placed().size();
        call(mock, a, function::C_EncryptMessage);
        call(mock, a, function::C_EncryptMessage, CKM_RSA_PKCS, "none", {CKR_OK, test::writing::none});
        call(mock, a, function::C_DecryptMessageNext);
        a.message_struct({});
        unsafe.push_back({first, a.placed().size()});  // all of them are made of keystreams
      } else {
        const auto f = context == "wrap" ? function::C_WrapKeyAuthenticated : function::C_WrapKey;
        const bool typed = word == "CK_OTP_PARAMS" || word.starts_with("CK_SP800_108");
        for (std::uint64_t type = typed ? 1 : 0; type < (typed ? 8u : 1u); ++type) {
          a.parameter_type(type);
          call(mock, a, f, m.type, word);
        }
        a.parameter_type(0);
      }
      context = {};
    }
  }
}

// Addresses of the caller's memory, among the words of the tape's records.
int leaked_addresses(const std::string& contents, const std::vector<std::uint64_t>& addresses) {
  const std::unordered_set<std::uint64_t> all(addresses.begin(), addresses.end());
  int found = 0;
  for (std::size_t i = 0; i + 8 <= contents.size(); ++i)
    if (all.contains(window(contents.data() + i))) ++found;
  if (found != 0) std::printf("the tape holds %d addresses of the caller's memory\n", found);
  return found;
}

int check(const std::filesystem::path& path, const test::arranger& arranged, std::size_t profile,
          const std::vector<unsafe_range>& unsafe) {
  const auto& placed = arranged.placed();
  std::unordered_map<std::uint64_t, const test::canary*> forbidden;
  std::vector<const test::canary*> wanted;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    const auto& c = placed[i];
    const bool operation = c.secret == redaction_class::signature || c.secret == redaction_class::ciphertext ||
                           c.secret == redaction_class::cipher_in || c.secret == redaction_class::digest;
    const bool secret_here = operation && std::any_of(unsafe.begin(), unsafe.end(), [&](const unsafe_range& u) {
                               return i >= u.first && i < u.last;
                             });
    if (allowed(c, profile) && !secret_here) {
      if (!c.optional) wanted.push_back(&c);
      continue;
    }
    for (std::size_t k = 0; k + 8 <= c.bytes.size(); ++k) forbidden[window(c.bytes.data() + k)] = &c;
  }

  const std::string tape = test::contents_of(path);
  int failures = leaks(tape, forbidden, 8, bytes_at, "the tape") + leaked_addresses(tape, arranged.addresses());

  std::unordered_set<std::uint64_t> starts;
  for (std::size_t i = 0; i + 8 <= tape.size(); ++i) starts.insert(window(tape.data() + i));
  int missing = 0;
  for (const auto* c : wanted)
    if (!starts.contains(window(c->bytes.data())) || tape.find(c->bytes) == std::string::npos)
      if (++missing <= 20) std::printf("the tape does not hold %s, which may be recorded\n", c->where.c_str());
  failures += missing;

  for (const char* command : {"show", "show --json"}) {
    const auto text = test::output_of(std::string{P11TAPE_TEST_PROGRAM} + " " + command + " " + path.string());
    failures += leaks(text, forbidden, 8, bytes_at, command) + leaks(text, forbidden, 16, hex_at, command);
  }
  std::printf("  %s: %zu recorded, %zu withheld\n", path.filename().c_str(), wanted.size(),
              placed.size() - wanted.size());
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "default";
  const std::size_t profile = name == "default" ? 0 : name == "strict" ? 1 : 2;
  const test::recorded_mock mock(name.c_str());
  test::arranger a(20261121 + profile);

  mock.script().configure("*=CKR_OK");
  each_function(mock, a);
  std::vector<unsafe_range> unsafe;
  all_behaviours(mock, a);
  all_mechanisms(mock, a, unsafe);
  call(mock, a, function::C_SignInit, CKM_HOTP, "CK_OTP_PARAMS");
  // From here on, what these calls give is a password, a copy of the input, or mixed with a key.
  call(mock, a, function::C_EncryptInit, CKM_NULL);
  call(mock, a, function::C_DecryptInit, CKM_NULL);
  call(mock, a, function::C_DigestInit, CKM_VENDOR_DEFINED + 1);
  call(mock, a, function::C_VerifyInit, CKM_HOTP, "CK_OTP_PARAMS");
  const auto first_unsafe = a.placed().size();
  for (const auto f : {function::C_Sign, function::C_SignFinal, function::C_Verify, function::C_Encrypt,
                       function::C_EncryptUpdate, function::C_Decrypt, function::C_DigestEncryptUpdate,
                       function::C_DecryptVerifyUpdate, function::C_Digest, function::C_DigestFinal})
    call(mock, a, f);
  unsafe.push_back({first_unsafe, a.placed().size()});
  // Mechanisms that are their own inverse, or raw; a second Init that failed; a state that was restored.
  const auto both_ways = [&] {
    const auto first = a.placed().size();
    for (const auto f : {function::C_Encrypt, function::C_EncryptUpdate, function::C_EncryptFinal, function::C_Decrypt,
                         function::C_DecryptUpdate, function::C_DigestEncryptUpdate, function::C_DecryptVerifyUpdate})
      call(mock, a, f);
    unsafe.push_back({first, a.placed().size()});
  };
  for (const std::uint64_t m : {CKM_AES_CTR, CKM_AES_OFB, CKM_AES_CFB128, CKM_RC4, CKM_CHACHA20, CKM_SALSA20, CKM_NULL,
                                CKM_AES_GCM, CKM_CHACHA20_POLY1305, CKM_VENDOR_DEFINED + 9}) {
    call(mock, a, function::C_EncryptInit, m);
    call(mock, a, function::C_DecryptInit, m);
    both_ways();
  }
  const module_behaviour refused{CKR_OPERATION_ACTIVE, test::writing::none};
  call(mock, a, function::C_EncryptInit, CKM_AES_CBC_PAD, "none", refused);
  call(mock, a, function::C_DecryptInit, CKM_AES_CBC_PAD, "none", refused);
  both_ways();
  call(mock, a, function::C_EncryptInit, CKM_AES_CBC_PAD);
  call(mock, a, function::C_DecryptInit, CKM_AES_CBC_PAD);
  call(mock, a, function::C_SetOperationState);
  both_ways();
  call(mock, a, function::C_SignInit, CKM_RSA_X_509);
  const auto first_raw = a.placed().size();
  for (const auto f : {function::C_Sign, function::C_SignUpdate, function::C_SignFinal}) call(mock, a, f);
  unsafe.push_back({first_raw, a.placed().size()});
  a.pin_texts(true);
  each_function(mock, a);
  a.pin_texts(false);
  for (const auto which : {test::arranger::objects::certificates, test::arranger::objects::false_certificates}) {
    a.set_objects(which);
    call(mock, a, function::C_CreateObject);
    call(mock, a, function::C_GetAttributeValue);
  }
  a.set_objects(test::arranger::objects::of_each_kind);

  int failures = check(mock.tape(), a, profile, unsafe);
  // A stricter copy of the tape holds what the stricter profile would have recorded.
  for (const auto& [stricter, number] : {std::pair{"default", 0}, std::pair{"strict", 1}}) {
    const auto copy = mock.folder() / (std::string{"copy-"} + stricter + ".p11tape");
    if (number == 0 && profile == 1) continue;
    test::output_of(std::string{P11TAPE_TEST_PROGRAM} + " scrub --profile " + stricter + " " + mock.tape().string() +
                    " " + copy.string());
    failures += check(copy, a, static_cast<std::size_t>(number), unsafe);
    std::filesystem::remove(copy);
  }
  std::printf("%s: %zu canaries, %d failures\n", name.c_str(), a.placed().size(), failures);
  return failures == 0 ? 0 : 1;
}
