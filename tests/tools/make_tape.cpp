// SPDX-License-Identifier: Apache-2.0
// make_tape FILE CALLS [THREADS]: a tape as a busy TLS server leaves it, of any size, to measure the readers with.
//
// Each thread opens a session, logs in, and then does rounds of nine calls: look up a key (3), read its attributes (2),
// ask for the length of a signature and sign (3), digest (1). Calls that change the state are in kept chunks, the
// others in ring chunks, as the recorder does it: each call is one packed CALL, and times are those of a CPU's counter.
// Every chunk has 64 KiB. Every sixteenth round is another one: a second session, the token's info, a login that had been
// made already, an attribute that may not be read. Durations vary, as a generator with a fixed seed has it. Written by
// FORMAT.md, not by the recorder's code.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tape/tape_builder.hpp"

namespace {

using p11tape::test::body;
using p11tape::test::function_number;
using p11tape::test::packed_by_hand;
using p11tape::test::tape_builder;
using p11tape::test::u16;
using p11tape::test::u32;
using p11tape::test::u64;
using p11tape::test::u8;
using p11tape::test::unavailable;

constexpr std::size_t chunk_size = 64 * 1024;
constexpr u16 header_size = 96;
constexpr u64 given = 1;
constexpr u64 ticks_per_ns = 2, first_tick = 1000000;
constexpr u8 call_kind = 7, is_packed = 1;

struct file_closer {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

// One call, as it is written again and again.
struct pattern {
  u16 function;
  bool kept;
  u64 duration;
  u64 value;
  std::string arguments, results;
};

class writer {
 public:
  writer(std::FILE* file, u64 threads) : file_(file), lanes_(threads) {
    tape_builder empty;
    empty.clock_kind = 2;
    empty.counter = first_tick;
    empty.properties += "apdu=not used by this module\n";
    const auto header = empty.bytes();
    std::fwrite(header.data(), 1, header.size(), file_);
    for (u64 t = 0; t < threads; ++t) {
      lanes_[t].number = t + 1;
      for (auto& c : lanes_[t].chunks) c.reserve(chunk_size);
    }
  }

  void call(u64 thread, const pattern& p) {
    auto& l = lanes_[thread];
    const u64 duration = p.duration * (64 + noise() % 128) / 96;
    body whole;
    whole.put(static_cast<u64>(p.arguments.size())).put(duration * ticks_per_ns);
    whole.text(p.arguments).put(p.value).text(p.results);
    body content;
    content.text(packed_by_hand(whole.str())).pad();
    const auto size = 24 + content.str().size();
    auto& chunk = l.chunks[p.kept ? 0 : 1];
    if (header_size + chunk.size() + size > chunk_size) flush(l, p.kept);
    body r;
    r.put(static_cast<u32>(size) | u32{is_packed} << 24).put(call_kind).put(u8{0}).put(p.function);
    r.put(++l.calls).put(++l.ordinal).put(ticks()).text(content.str());
    chunk += r.str();
    clock_ += duration + 200;
  }

  void finish() {
    for (auto& l : lanes_)
      for (const bool kept : {true, false}) flush(l, kept);
  }

 private:
  struct lane {
    u64 number = 0;
    u32 calls = 0, ordinal = 0;
    std::string chunks[2];
  };

  // xorshift
  u64 noise() {
    noise_ ^= noise_ << 13;
    noise_ ^= noise_ >> 7;
    return noise_ ^= noise_ << 17;
  }

  u64 ticks() const { return first_tick + (clock_ - tape_builder::started_monotonic) * ticks_per_ns; }

  void flush(lane& l, bool kept) {
    auto& chunk = l.chunks[kept ? 0 : 1];
    if (chunk.empty()) return;
    body h;
    h.text("CHNK")
        .put(u16{kept ? u16{1} : u16{2}})
        .put(header_size)
        .put(static_cast<u32>(chunk_size))
        .put(u32{0})
        .put(++sequence_);
    h.put(1000 + l.number)
        .put(l.number)
        .put(clock_)
        .put(tape_builder::started_wall + clock_ - tape_builder::started_monotonic);
    h.put(u64{header_size + chunk.size()}).words({ticks(), 0, 0, 0});
    chunk.resize(chunk_size - header_size);
    std::fwrite(h.str().data(), 1, h.str().size(), file_);
    std::fwrite(chunk.data(), 1, chunk.size(), file_);
    chunk.clear();
  }

  std::FILE* file_;
  std::vector<lane> lanes_;
  u64 clock_ = tape_builder::started_monotonic + 1000, sequence_ = 0, noise_ = 88172645463325252;
};

pattern of(const char* name, bool kept, u64 duration, const body& arguments, const body& results, u64 value = CKR_OK) {
  return {function_number(name), kept, duration, value, arguments.str(), results.str()};
}

std::vector<pattern> begin_of(u64 session) {
  body initialize;
  initialize.words({given}).record_item(0, "CK_C_INITIALIZE_ARGS", body().words({0, 0, 0, 0, CKF_OS_LOCKING_OK, 0}));
  return {of("C_Initialize", true, 1000000, initialize, {}),
          of("C_OpenSession", true, 5000, body().words({5, CKF_SERIAL_SESSION, 0, 0, given}),
             body().number_item(4, session)),
          of("C_Login", true, 50000, body().words({session, CKU_USER, given, 8}).pin_item(2, 8, 0, 1), {})};
}

std::vector<pattern> round_of(u64 session) {
  body wanted, asked, answered;
  wanted.attribute_number(CKA_CLASS, CKO_PRIVATE_KEY).attribute_bytes(CKA_ID, "\x45");
  asked.attribute(CKA_KEY_TYPE, 8, 0, "").attribute(CKA_MODULUS, 512, 0, "");
  answered.attribute_number(CKA_KEY_TYPE, CKK_RSA).attribute_bytes(CKA_MODULUS, std::string(256, '\xda'));
  return {of("C_FindObjectsInit", true, 8000, body().words({session, given, 2}).template_item(1, wanted), {}),
          of("C_FindObjects", true, 2000, body().words({session, given, 16, given}),
             body().item(1, 3, body().put(u64{42}).str()).number_item(3, 1)),
          of("C_FindObjectsFinal", true, 300, body().words({session}), {}),
          of("C_GetAttributeValue", false, 1500, body().words({session, 42, given, 2}).template_item(2, asked),
             body().template_item(2, answered)),
          of("C_GetSessionInfo", false, 300, body().words({session, given}),
             body().record_item(1, "CK_SESSION_INFO", body().words({5, 1, 4, 0}))),
          of("C_SignInit", false, 900, body().words({session, given, 42}).mechanism_item(1, CKM_RSA_PKCS, 0), {}),
          of("C_Sign", false, 400, body().words({session, given, 51, 0, given}).number_item(4, 0),
             body().number_item(4, 256)),
          of("C_Sign", false, 900000, body().words({session, given, 51, given, given}).number_item(4, 256),
             body().number_item(4, 256)),
          of("C_GenerateRandom", false, 700, body().words({session, given, 32}), {})};
}

std::vector<pattern> other_round_of(u64 session, u64 second) {
  body info, refused;
  info.words({0, 0, 0, 0, CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED, 0, 2, 0, 0, 64, 4, 0, 0, 0, 0, 0, 0, 0});
  info.bytes_item(0, std::string("a token").append(25, ' '));
  refused.attribute(CKA_PRIVATE_EXPONENT, unavailable, 0, "");
  return {of("C_GetTokenInfo", false, 3000, body().words({5, given}), body().record_item(1, "CK_TOKEN_INFO", info)),
          of("C_OpenSession", true, 5000, body().words({5, CKF_SERIAL_SESSION, 0, 0, given}),
             body().number_item(4, second)),
          of("C_Login", true, 900, body().words({second, CKU_USER, given, 8}).pin_item(2, 8, 0, 1), {},
             CKR_USER_ALREADY_LOGGED_IN),
          of("C_GetAttributeValue", false, 700,
             body().words({session, 42, given, 1}).template_item(2, body().attribute(CKA_PRIVATE_EXPONENT, 512, 0, "")),
             body().template_item(2, refused), CKR_ATTRIBUTE_SENSITIVE),
          of("C_CloseSession", true, 2000, body().words({second}), {})};
}

}  // namespace

int main(int argc, char** argv) {
  const u64 calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const u64 threads = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 4;
  if (calls == 0 || threads == 0) {
    std::fprintf(stderr, "usage: make_tape FILE CALLS [THREADS]\n");
    return 64;
  }
  const std::unique_ptr<std::FILE, file_closer> file(std::fopen(argv[1], "wb"));
  if (!file) {
    std::perror(argv[1]);
    return 2;
  }
  writer tape(file.get(), threads);
  u64 n = 0;
  std::vector<std::vector<pattern>> rounds, others;
  for (u64 t = 0; t < threads; ++t) {
    for (const auto& p : begin_of(t + 1))
      if (n++ < calls && (t == 0 || p.function != function_number("C_Initialize"))) tape.call(t, p);
    rounds.push_back(round_of(t + 1));
    others.push_back(other_round_of(t + 1, threads + t + 1));
  }
  for (u64 turn = 0; n < calls; ++turn)
    for (const auto& p : (turn / threads % 16 == 15 ? others : rounds)[turn % threads])
      if (n++ < calls) tape.call(turn % threads, p);
  tape.finish();
  return std::ferror(file.get()) != 0 ? 2 : 0;
}
