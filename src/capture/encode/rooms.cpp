// SPDX-License-Identifier: Apache-2.0
#include "capture/encode/rooms.hpp"

namespace p11tape::capture {
namespace {

__extension__ typedef unsigned __int128 u128;

u64 mix(u64 a, u64 b) noexcept {
  const u128 product = u128{a} * b;
  return static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
}

template <class T>
u64 load(const u8* at) noexcept {
  T value;
  copy_from_caller(&value, at, sizeof value);
  return value;
}

}  // namespace

u64 fingerprint(const u64 (&key)[2], const u8* at, u64 size) noexcept {
  u64 h = key[0] ^ size, g = key[1];
  u64 left = size;
  for (; left > 32; left -= 32, at += 32) {
    h = mix(load<u64>(at) ^ key[1], load<u64>(at + 8) ^ h);
    g = mix(load<u64>(at + 16) ^ key[0], load<u64>(at + 24) ^ g);
  }
  for (; left > 16; left -= 16, at += 16) h = mix(load<u64>(at) ^ key[1], load<u64>(at + 8) ^ h);
  u64 a = 0, b = 0;
  if (left >= 8) {
    a = load<u64>(at);
    b = load<u64>(at + left - 8);
  } else if (left >= 4) {
    a = load<u32>(at);
    b = load<u32>(at + left - 4);
  } else {
    for (u64 i = 0; i < left; ++i) a = a << 8 | load<u8>(at + i);
  }
  return mix(mix(a ^ key[1], b ^ h) ^ g, key[0] ^ 0x9e3779b97f4a7c15);
}

}  // namespace p11tape::capture
