// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/secrets.hpp"

#include <bit>
#include <cstring>

#include "capture/host/memory.hpp"

namespace p11tape::capture {
namespace {

u64 load(const u8* at, u64 size) noexcept {
  u64 word = 0;
  for (u64 i = 0; i < size; ++i) word |= u64{at[i]} << (8 * i);
  return word;
}

// SipHash-2-4: short inputs, keyed, no table.
struct sip {
  u64 v0, v1, v2, v3;
  explicit sip(const u64 (&key)[2]) noexcept
      : v0(key[0] ^ 0x736f6d6570736575),
        v1(key[1] ^ 0x646f72616e646f6d),
        v2(key[0] ^ 0x6c7967656e657261),
        v3(key[1] ^ 0x7465646279746573) {}
  void round() noexcept {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  }
  void word(u64 m) noexcept {
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
};

u64 siphash(const u64 (&key)[2], const u8* bytes, u64 size) noexcept {
  sip s(key);
  u64 i = 0;
  for (; i + 8 <= size; i += 8) s.word(load(bytes + i, 8));
  s.word(load(bytes + i, size - i) | size << 56);
  s.v2 ^= 0xff;
  for (int r = 0; r < 4; ++r) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

// A cursor over DER that can only go forward and never past its end.
struct der {
  const u8* at;
  const u8* end;

  // Takes the next element if it has this tag; its contents go to `inside`.
  bool take(u8 tag, der& inside) noexcept {
    if (end - at < 2 || at[0] != tag) return false;
    u64 length = at[1];
    const u8* contents = at + 2;
    if (length >= 0x80) {
      const u64 octets = length & 0x7f;
      if (octets == 0 || octets > 4 || static_cast<u64>(end - contents) < octets) return false;
      length = 0;
      for (u64 i = 0; i < octets; ++i) length = length << 8 | contents[i];
      contents += octets;
    }
    if (static_cast<u64>(end - contents) < length) return false;
    inside = {contents, contents + length};
    at = contents + length;
    return true;
  }
  bool skip(u8 tag) noexcept {
    der ignored{};
    return take(tag, ignored);
  }
  bool empty() const noexcept { return at == end; }
};

constexpr u8 sequence = 0x30, integer = 0x02, bit_string = 0x03, utc_time = 0x17, generalized_time = 0x18,
             version_tag = 0xa0;

}  // namespace

u32 number_of_pin(pin_memory& memory, const u8* pin, u64 size) noexcept {
  constexpr u64 hash_bits = 12, most_length = 255;
  const u64 length = size < most_length ? size : most_length;
  const u64 hash = siphash(memory.key, pin, size) & ((u64{1} << hash_bits) - 1);
  const auto wanted = static_cast<u32>(u64{1} << 31 | length << hash_bits | hash);  // never 0: that is a free place
  for (u32 i = 0; i < pin_memory::most; ++i) {
    u32 seen = memory.seen[i].load(std::memory_order_relaxed);
    const bool mine = seen == 0 && memory.seen[i].compare_exchange_strong(seen, wanted, std::memory_order_relaxed);
    if (mine || seen == wanted) return memory.first.load(std::memory_order_relaxed) + i + 1;
  }
  return 0;
}

void forget_pins(pin_memory& memory) noexcept {
  u32 used = 0;
  for (auto& s : memory.seen)
    if (s.exchange(0, std::memory_order_relaxed) != 0) ++used;
  memory.first.fetch_add(used, std::memory_order_relaxed);
}

u32 anomalies_of_pin(const u8* pin, u64 size) noexcept {
  u32 found = 0;
  const auto blank = [](u8 c) { return c == ' ' || c == '\t'; };
  if (size > 0 && (blank(pin[0]) || blank(pin[size - 1]))) found |= tape::pin_blank_at_end;
  for (u64 i = 0; i < size; ++i) {
    const u8 c = pin[i];
    if (c == '\r' || c == '\n') found |= tape::pin_line_break;
    if (c == 0) found |= tape::pin_nul;
    if (c == '"' || c == '\'') found |= tape::pin_quote;
    if (c == ';') found |= tape::pin_semicolon;
    if (c >= 0x80) found |= tape::pin_non_ascii;
  }
  constexpr char protected_start[] = "<P11>!";
  constexpr u64 length = sizeof protected_start - 1;
  u64 same = 0;
  while (same < length && same < size && pin[same] == static_cast<u8>(protected_start[same])) ++same;
  if (same == length) found |= tape::pin_protected;
  return found;
}

bool looks_like_certificate(const u8* bytes, u64 size) noexcept {
  der outer{bytes, bytes + size}, certificate{}, body{}, part{};
  if (!outer.take(sequence, certificate) || !outer.empty()) return false;
  if (!certificate.take(sequence, body)) return false;
  if (!certificate.skip(sequence) || !certificate.skip(bit_string) || !certificate.empty()) return false;
  body.skip(version_tag);  // absent in version 1
  if (!body.skip(integer) || !body.skip(sequence) || !body.skip(sequence)) return false;
  if (!body.take(sequence, part)) return false;
  for (int i = 0; i < 2; ++i)
    if (!part.skip(utc_time) && !part.skip(generalized_time)) return false;
  if (!part.empty() || !body.skip(sequence) || !body.take(sequence, part)) return false;
  return part.skip(sequence) && part.skip(bit_string) && part.empty();
}

bool looks_signed(const u8* bytes, u64 size, bool cut) noexcept {
  der outer{bytes, bytes + size}, content{};
  if (!cut)
    return outer.take(sequence, content) && outer.empty() && content.skip(sequence) && content.skip(sequence) &&
           content.skip(bit_string) && content.empty();
  if (size < 2 || bytes[0] != sequence) return false;
  const u64 header = bytes[1] < 0x80 ? 2 : 2 + u64{bytes[1] & 0x7fu};
  return header < size && bytes[header] == sequence;
}

bool may_hold_pin(const u8* text, u64 size) noexcept {
  constexpr u64 shortest = 6;
  if (size < shortest) return false;
  typedef u8 many __attribute__((vector_size(16)));
  many found{};
  const auto look = [&](const u8* at, u64 count) {
    many bytes{};
    copy_from_caller(&bytes, at, count);
    for (const u8 letter : pin_letters) found |= reinterpret_cast<many>(bytes == many{} + letter);
  };
  constexpr u64 step = sizeof(many);
  u64 i = 0;
  for (; size - i >= step; i += step) look(text + i, step);
  if (size >= step)
    look(text + size - step, step);  // looks at some bytes twice
  else
    look(text, size);
  u64 halves[2];
  std::memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

void wipe(u8* bytes, u64 size) noexcept {
  std::memset(bytes, 0, size);
  __asm__ volatile("" : : "r"(bytes) : "memory");
}

void sha256(const u8* bytes, u64 size, u8 (&digest)[32]) noexcept {
  static constexpr u32 k[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const auto block = [&](const u8* p) {
    u32 w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = u32{p[4 * i]} << 24 | u32{p[4 * i + 1]} << 16 | u32{p[4 * i + 2]} << 8 | u32{p[4 * i + 3]};
    for (int i = 16; i < 64; ++i) {
      const u32 a = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const u32 b = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    u32 v[8];
    std::memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; ++i) {
      const u32 t1 = v[7] + (std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25)) +
                     ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
      const u32 t2 = (std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22)) +
                     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      for (int j = 7; j > 0; --j) v[j] = v[j - 1];
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i) state[i] += v[i];
  };
  u64 i = 0;
  for (; i + 64 <= size; i += 64) block(bytes + i);
  u8 tail[128] = {};
  const u64 rest = size - i;
  if (rest > 0) copy_from_caller(tail, bytes + i, rest);
  tail[rest] = 0x80;
  const u64 tail_size = rest < 56 ? 64 : 128;
  const u64 bits = size * 8;
  for (int b = 0; b < 8; ++b) tail[tail_size - 1 - static_cast<u64>(b)] = static_cast<u8>(bits >> (8 * b));
  for (u64 b = 0; b < tail_size; b += 64) block(tail + b);
  for (int w = 0; w < 8; ++w)
    for (int b = 0; b < 4; ++b) digest[4 * w + b] = static_cast<u8>(state[w] >> (24 - 8 * b));
}

}  // namespace p11tape::capture
