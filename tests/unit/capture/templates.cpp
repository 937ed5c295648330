// SPDX-License-Identifier: Apache-2.0
// The code of templates under the default profile writes what the interpreter writes: for the attributes that it knows and
// for those that it leaves to the general code, whatever their lengths say, wherever their values lie, and whatever the
// module, or another thread, has done to the template meanwhile.
#include <sys/mman.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "capture/encode/encode_rows.hpp"
#include "side.hpp"

using namespace p11tape;
using namespace p11tape::capture;
using cryptoki::function;

namespace {

constexpr std::size_t page = 4096;

constexpr CK_ATTRIBUTE_TYPE usual[] = {
    CKA_CLASS,        CKA_KEY_TYPE,   CKA_ID,      CKA_LABEL,       CKA_TOKEN,
    CKA_SENSITIVE,    CKA_MODULUS,    CKA_SUBJECT, CKA_EC_PARAMS,   CKA_VALUE_LEN,
    CKA_MODULUS_BITS, CKA_START_DATE, CKA_VALUE,   CKA_CHECK_VALUE, CKA_KEY_GEN_MECHANISM};
constexpr std::string_view names[] = {
    "pkcs11:pin-value=1234",  "pin_value=1", "a-b", "a-label-with-hyphens-of-30-bytes", "<P11>!abcdefgh",
    "GSK_PKCS11=m;l;secret;", "plain label"};

// The memory of an application: three pages, of which the last one cannot be read.
class application {
 public:
  explicit application(unsigned seed) : random_(seed) {
    auto* const at = mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    memory_ = static_cast<tape::u8*>(at);
    REQUIRE(mprotect(memory_ + 2 * page, page, PROT_NONE) == 0);
  }
  application(const application&) = delete;
  application& operator=(const application&) = delete;
  ~application() { munmap(memory_, 3 * page); }

  void make_template() {
    for (std::size_t i = 0; i < 2 * page; ++i) memory_[i] = any(3) ? static_cast<tape::u8>(random_()) : tape::u8{0};
    used_ = any(2) ? 0 : page - 100;
    count_ = any(20) ? 0 : 1 + random_() % 8;
    const auto size = count_ * sizeof(CK_ATTRIBUTE);
    // Sometimes its last entry, or half of it, lies where nobody can read.
    list_ = memory_ + 2 * page - 8 * page / 16 - size;
    if (any(10)) list_ = memory_ + 2 * page - size;
    if (any(10)) list_ = memory_ + 2 * page - size + 12;
    for (std::size_t i = 0; i < count_; ++i) put(i, make_entry());
  }

  // What a module, or anybody, may do to it.
  void change() {
    for (std::size_t i = 0; i < count_; ++i) {
      auto a = entry(i);
      if (any(3)) write_value(a);
      if (any(8)) a.ulValueLen = any(2) ? CK_UNAVAILABLE_INFORMATION : random_() % 40;
      if (any(30)) a.type = type();
      if (any(30)) a.pValue = any(2) ? nullptr : value(random_() % 40);
      if (any(40)) a.ulValueLen = random_();
      put(i, a);
    }
  }

  std::vector<u64> words() const {
    const auto at = reinterpret_cast<std::uintptr_t>(list_);
    return {7, 12, at, count_};
  }
  bool any(unsigned of) { return random_() % of == 0; }

 private:
  CK_ATTRIBUTE_TYPE type() {
    const auto rows = cryptoki::attributes();
    if (any(12)) return any(2) ? random_() : random_() % 0x1000;
    return any(4) ? rows[random_() % rows.size()].type : usual[random_() % std::size(usual)];
  }

  void* value(std::size_t size) {
    if (any(12)) return memory_ + 2 * page - size;            // up to the end of what can be read
    if (any(20)) return memory_ + 2 * page - random_() % 16;  // and beyond it
    if (any(30)) return reinterpret_cast<void*>(random_() % 3 == 0 ? 8 : ~std::uintptr_t{0} - random_() % 64);
    if (any(30)) return list_;  // the template itself
    auto* const at = memory_ + used_;
    used_ = (used_ + size + (any(2) ? 0 : 7) + 1) % (page + page / 4);
    return at;
  }

  CK_ATTRIBUTE make_entry() {
    CK_ATTRIBUTE a{};
    a.type = type();
    a.ulValueLen = any(2) ? sizeof(CK_ULONG) : any(3) ? sizeof(CK_BBOOL) : random_() % 40;
    a.pValue = any(6) ? nullptr : value(a.ulValueLen);
    write_value(a);
    if (any(30)) a.ulValueLen = any(2) ? ~CK_ULONG{0} : random_();
    return a;
  }

  // In the value's own room, which may be less than the text has, and never in the template: half a pointer might lead to
  // memory that changes.
  void write_value(const CK_ATTRIBUTE& a) {
    auto* const at = static_cast<tape::u8*>(a.pValue);
    const auto offset = reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(memory_);
    if (offset > page + page / 4 || a.ulValueLen > 40) return;
    const auto name = names[random_() % std::size(names)];
    const CK_ULONG small = random_() % 12;
    if (any(3))
      std::memcpy(at, name.data(), name.size() < a.ulValueLen ? name.size() : a.ulValueLen);
    else if (a.ulValueLen >= sizeof small)
      std::memcpy(at, &small, sizeof small);
    else
      std::memset(at, static_cast<int>(random_() % 3), a.ulValueLen);
  }

  // The part of an entry that can be read and written.
  std::size_t writable(std::size_t i) const {
    const auto left = static_cast<std::size_t>(memory_ + 2 * page - (list_ + i * sizeof(CK_ATTRIBUTE)));
    return left < sizeof(CK_ATTRIBUTE) ? left : sizeof(CK_ATTRIBUTE);
  }
  CK_ATTRIBUTE entry(std::size_t i) const {
    CK_ATTRIBUTE a{};
    std::memcpy(&a, list_ + i * sizeof a, writable(i));
    return a;
  }
  void put(std::size_t i, const CK_ATTRIBUTE& a) { std::memcpy(list_ + i * sizeof a, &a, writable(i)); }

  std::mt19937_64 random_;
  tape::u8* memory_ = nullptr;
  tape::u8* list_ = nullptr;
  std::size_t used_ = 0, count_ = 0;
};

template <function F, const auto& Steps>
void compare(unsigned seed, u64 most_bytes) {
  side by_default, interpreted;
  by_default.how.most_bytes = interpreted.how.most_bytes = most_bytes;
  application client(seed);
  constexpr u64 results[] = {CKR_OK, CKR_OK, CKR_BUFFER_TOO_SMALL, CKR_ATTRIBUTE_SENSITIVE, CKR_GENERAL_ERROR};
  for (int round = 0; round < 400; ++round) {
    CAPTURE(cryptoki::row(F).name, seed, round, most_bytes);
    client.make_template();
    auto words = client.words();
    if (F == function::C_FindObjectsInit) words.erase(words.begin());
    const auto rv = results[static_cast<std::size_t>(round) % std::size(results)];
    for (int again = 0; again < 3; ++again) {  // from the second time on, outputs may hold what they held before
      const auto expected = interpreted.written([&](auto& e, auto& out) { e.interpret_enter(out, F, words.data()); });
      REQUIRE(by_default.written([&](auto& e, auto& out) { e.template enter_default<Steps>(out, F, words.data()); }) ==
              expected);
      if (!client.any(3)) client.change();
      const auto ended = interpreted.written([&](auto& e, auto& out) { e.interpret_leave(out, F, words.data(), rv); });
      REQUIRE(by_default.written(
                  [&](auto& e, auto& out) { e.template leave_default<Steps>(out, F, words.data(), rv); }) == ended);
    }
  }
}

}  // namespace

TEST_CASE("no attribute of which the default profile withholds anything has code of its own") {
  std::size_t own = 0;
  for (u64 type = 0; type < 2 * most_attribute_codes; ++type) {
    if (code_of_attribute(type) == attribute_code::by_row) continue;
    CAPTURE(type);
    const auto* const row = cryptoki::find_attribute(type);
    REQUIRE(row != nullptr);
    CHECK(row->type == type);
    CHECK(cryptoki::treat(0, row->secret) == cryptoki::treatment::whole);
    CHECK((row->secret == cryptoki::redaction_class::identity) == (code_of_attribute(type) == attribute_code::name));
    ++own;
  }
  CHECK(own > 50);
  for (const u64 far : {u64{CKA_VENDOR_DEFINED}, u64{CKA_WRAP_TEMPLATE}, ~u64{0}})
    CHECK(code_of_attribute(far) == attribute_code::by_row);
}

TEST_CASE("templates under the default profile are written as the interpreter writes them") {
  for (const u64 most_bytes : {most_public_bytes, u64{24}, u64{5}, u64{0}})
    for (unsigned seed = 1; seed <= 3; ++seed) {
      compare<function::C_FindObjectsInit, steps::C_FindObjectsInit_steps>(seed, most_bytes);
      compare<function::C_GetAttributeValue, steps::C_GetAttributeValue_steps>(seed, most_bytes);
    }
}

TEST_CASE("a template that is too large for its place is written by nobody beyond it") {
  side by_default;
  application client(5);
  for (int round = 0; round < 60; ++round) {
    client.make_template();
    const auto words = client.words();
    for (std::size_t size = 0; size < 400; size += 8) {
      std::vector<tape::u8> bytes(size + 64, 0xee);
      const auto is_clean = [&] {
        for (std::size_t i = size; i < bytes.size(); ++i)
          if (bytes[i] != 0xee) return false;
        return true;
      };
      encoder e(by_default.how, *by_default.pages, by_default.caps, *by_default.rooms, 0, by_default.room.get());
      sink given(bytes.data(), size);
      e.enter_default<steps::C_FindObjectsInit_steps>(given, function::C_FindObjectsInit, words.data() + 1);
      REQUIRE(is_clean());
      sink asked(bytes.data(), size);
      e.enter_default<steps::C_GetAttributeValue_steps>(asked, function::C_GetAttributeValue, words.data());
      REQUIRE(is_clean());
      sink written(bytes.data(), size);
      e.leave_default<steps::C_GetAttributeValue_steps>(written, function::C_GetAttributeValue, words.data(), CKR_OK);
      REQUIRE(is_clean());
    }
  }
}
