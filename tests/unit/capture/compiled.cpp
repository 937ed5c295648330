// SPDX-License-Identifier: Apache-2.0
// The encoder's compiled rows write what its interpreter writes: for every function, for arguments of every kind (good,
// NULL, not readable, of absurd length), and for every way in which a call can end.
#include <sys/mman.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "capture/encode/encode_rows.hpp"
#include "side.hpp"

using namespace p11tape;
using namespace p11tape::capture;

namespace {

using cryptoki::shape;

// The caller's memory, and arguments that point into it.
class caller {
 public:
  explicit caller(unsigned seed) : random_(seed) {
    void* const all = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(all != MAP_FAILED);
    memory_ = static_cast<tape::u8*>(all);
    forbidden_ = memory_ + size;
    REQUIRE(mprotect(forbidden_, page, PROT_NONE) == 0);
  }
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;
  ~caller() { munmap(memory_, size + page); }

  std::vector<u64> arguments_of(cryptoki::function f) {
    used_ = 0;
    for (std::size_t i = 0; i < size; ++i) memory_[i] = any(3) ? static_cast<tape::u8>(random_()) : tape::u8{0};
    std::vector<u64> words;
    for (const auto& a : cryptoki::row(f).arguments)
      words.push_back(cryptoki::is_pointer(a.kind) ? pointer(a) : number());
    return words;
  }

  // What a module may do to it.
  void change() {
    if (any(3)) return;
    for (auto n = random_() % 64; n > 0; --n) {
      const auto at = random_() % (used_ + 1);
      memory_[at] = static_cast<tape::u8>(random_() % 4);
    }
  }

 private:
  bool any(unsigned of) { return random_() % of == 0; }
  u64 number() { return any(16) ? random_() : any(8) ? ~u64{0} : random_() % 24; }

  tape::u8* take(std::size_t wanted) {
    used_ = (used_ + 7) / 8 * 8;
    auto* const at = memory_ + used_;
    used_ += wanted;
    REQUIRE(used_ <= size);
    return at;
  }
  static u64 word(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

  u64 pointer(const cryptoki::field& a) {
    if (any(6)) return 0;
    if (any(12)) return any(2) ? 8 : word(forbidden_);
    if (a.kind == shape::attributes) return word(attributes());
    if (a.kind == shape::mechanism) return word(mechanism());
    auto* const at = take(512);
    if (a.kind == shape::numbers) {
      const u64 first = number();
      std::memcpy(at, &first, sizeof first);
    }
    return word(at);
  }

  void* attributes() {
    auto* const all = reinterpret_cast<CK_ATTRIBUTE*>(take(24 * sizeof(CK_ATTRIBUTE)));
    for (int i = 0; i < 24; ++i) {
      CK_ATTRIBUTE a{};
      const auto rows = cryptoki::attributes();
      a.type = any(10) ? random_() : rows[random_() % rows.size()].type;
      a.ulValueLen = any(20) ? ~CK_ULONG{0} : any(2) ? sizeof(CK_ULONG) : random_() % 40;
      const auto room = a.ulValueLen < 64 ? a.ulValueLen : 64;
      a.pValue = any(6) ? nullptr : any(12) ? forbidden_ : take(room);
      if (a.pValue != nullptr && a.pValue != forbidden_ && room == sizeof(CK_ULONG) && any(2)) {
        const CK_ULONG small = random_() % 8;
        std::memcpy(a.pValue, &small, sizeof small);
      }
      std::memcpy(&all[i], &a, sizeof a);
    }
    return all;
  }

  void* mechanism() {
    CK_MECHANISM m{};
    const auto rows = cryptoki::mechanisms();
    m.mechanism = any(8) ? random_() : rows[random_() % rows.size()].type;
    m.ulParameterLen = random_() % 48;
    m.pParameter = any(3) ? nullptr : take(64);
    auto* const at = take(sizeof m);
    std::memcpy(at, &m, sizeof m);
    return at;
  }

  std::mt19937_64 random_;
  // Behind it lies a page that cannot be read: what a length that is too large leads to must be the same for both encoders.
  static constexpr std::size_t page = 4096, size = 8 * page;
  tape::u8* memory_ = nullptr;
  tape::u8* forbidden_ = nullptr;
  std::size_t used_ = 0;
};

constexpr u64 results[] = {CKR_OK, CKR_OK, CKR_OK, CKR_BUFFER_TOO_SMALL, CKR_ATTRIBUTE_SENSITIVE, CKR_GENERAL_ERROR};

// The code of the frequent rows under the default profile.
struct default_code {
  void (*enter)(encoder& e, sink& out, const u64* words);
  void (*leave)(encoder& e, sink& out, const u64* words, u64 rv);
};

template <cryptoki::function F, const auto& Steps>
constexpr default_code code_of() {
  if constexpr (!rows::is_frequent(cryptoki::row(F)))
    return {};
  else
    return {[](encoder& e, sink& out, const u64* words) { e.enter_default<Steps>(out, F, words); },
            [](encoder& e, sink& out, const u64* words, u64 rv) { e.leave_default<Steps>(out, F, words, rv); }};
}

constexpr default_code default_codes[] = {
#define FN(name, ...) code_of<cryptoki::function::name, steps::name##_steps>(),
#include "cryptoki/functions.def"
#undef FN
};

}  // namespace

TEST_CASE("compiled rows write what the interpreter writes") {
  for (std::size_t profile = 0; profile < cryptoki::profile_count; ++profile)
    for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
      const auto f = static_cast<cryptoki::function>(i);
      CAPTURE(cryptoki::row(f).name, profile);
      side compiled, interpreted, by_default;
      compiled.how.profile = interpreted.how.profile = profile;
      const auto& code = default_codes[i];
      const bool has_default = profile == 0 && code.enter != nullptr;
      const auto memory = std::make_unique<caller>(static_cast<unsigned>(i * 3 + profile));
      for (int round = 0; round < 12; ++round) {
        const auto words = memory->arguments_of(f);
        const auto rv = results[static_cast<std::size_t>(round) % std::size(results)];
        for (int again = 0; again < 2; ++again) {  // the second time, outputs may hold what they held before
          const auto one = compiled.written([&](auto& e, auto& out) { e.enter(out, f, words.data()); });
          const auto other = interpreted.written([&](auto& e, auto& out) { e.interpret_enter(out, f, words.data()); });
          REQUIRE(one == other);
          if (has_default)
            REQUIRE(by_default.written([&](auto& e, auto& out) { code.enter(e, out, words.data()); }) == other);
          memory->change();
          const auto ended = compiled.written([&](auto& e, auto& out) { e.leave(out, f, words.data(), rv); });
          const auto expected =
              interpreted.written([&](auto& e, auto& out) { e.interpret_leave(out, f, words.data(), rv); });
          REQUIRE(ended == expected);
          if (has_default)
            REQUIRE(by_default.written([&](auto& e, auto& out) { code.leave(e, out, words.data(), rv); }) == expected);
        }
      }
    }
}
