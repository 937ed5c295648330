// SPDX-License-Identifier: Apache-2.0
#include "query/sources/tape_words.hpp"

#include <cstdio>

#include "view/completeness.hpp"

namespace p11tape::query {
namespace {

constexpr u64 positive = ~u64{0} >> 2;

// The finalizer of MurmurHash3: every bit of the input changes every bit of the output with probability 1/2.
u64 mixed(u64 n) noexcept {
  n = (n ^ n >> 33) * 0xff51afd7ed558ccdu;
  n = (n ^ n >> 33) * 0xc4ceb9fe1a85ec53u;
  return n ^ n >> 33;
}

}  // namespace

u64 hash_of(std::string_view text, u64 seed) noexcept {
  u64 h = 0xcbf29ce484222325u ^ mixed(seed);
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mixed(h) & positive;
}

tape_words words_of(const tape::reader& tape, symbols& pool) {
  const auto& h = tape.header();
  tape_words w;
  std::string all;
  for (const auto* key : {"host", "boot", "shim", "program"}) (all += tape.property(key)) += '\n';
  for (const auto n : {h.pid, h.wall, h.monotonic}) (all += std::to_string(n)) += '\n';
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash_of(all)));
  w.id = pool.keep(text);
  w.host = pool.keep_safe(tape.property("host"));
  w.program = pool.keep_safe(view::program_of(tape));
  w.pid = h.pid;
  w.started = h.wall;
  return w;
}

u64 id_of_object(model::slot_id slot, model::object_handle handle) noexcept {
  return mixed(mixed(slot.value()) ^ handle.value()) & positive;
}

u64 id_of_old_session(model::session_handle handle) noexcept {
  return (positive >> 1) + 1 + (mixed(handle.value()) & positive >> 2);
}

}  // namespace p11tape::query
