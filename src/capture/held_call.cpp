// SPDX-License-Identifier: Apache-2.0
#include "capture/held_call.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "capture/write_record.hpp"

namespace p11tape::capture {
namespace {

constexpr u64 head = sizeof(tape::record_header);

held_back* memory_of(thread_state& t) noexcept {
  if (t.back != nullptr || the_tape.is_reserved()) return t.back;
  const int e = errno;
  void* memory =
      mmap(nullptr, sizeof(held_back), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) t.back = static_cast<held_back*>(memory);
  errno = e;
  return t.back;
}

}  // namespace

bool hold_in_memory(thread_state& t, const frame& f, cryptoki::function function, const u64* words,
                    encoder& e) noexcept {
  held_back* const back = memory_of(t);
  if (back == nullptr) return false;
  sink out(back->bytes, sizeof back->bytes);
  e.enter(out, function, words);
  if (out.overflowed()) return false;
  back->used = static_cast<u64>(out.position() - back->bytes);
  // The words of the arguments come first: they are what the slot has room for.
  const u64 beginning = 8 * cryptoki::row(function).arguments.size();
  std::memcpy(held_body(*t.slot), back->bytes, beginning);
  u8 flags = 0;
  const u64 time = record_time(flags);
  publish_held(t, {tape::record_kind::enter, flags, f.depth, function, f.call, time}, f.kept, beginning);
  t.held.in_memory = true;
  t.held.size = static_cast<u32>(back->used);
  t.last = {back->bytes, back->used, time, flags};
  return true;
}

bool hold_record(thread_state& t, const tape::record_header& like, const void* first, u64 first_size,
                 const void* second, u64 second_size) noexcept {
  held_back* const back = memory_of(t);
  if (back == nullptr) return false;
  if (!t.held.in_memory && !t.held.has_more) back->used = 0;
  const u64 size = head + first_size + tape::padded(second_size);
  if (sizeof back->bytes - back->used < size) return false;
  u8* at = back->bytes + back->used;
  std::memset(at, 0, size);
  auto h = like;
  h.size_and_flags = static_cast<u32>(size) | (like.size_and_flags & 0xff000000);
  std::memcpy(at, &h, sizeof h);
  std::memcpy(at + head, first, first_size);
  std::memcpy(at + head + first_size, second, second_size);
  back->used += size;
  t.held.has_more = true;
  return true;
}

void append_held(thread_state& t) noexcept {
  const auto held = t.held;
  const auto last = t.last;
  t.held.call = 0;
  const u8* const body = held.in_memory ? t.back->bytes : held_body(*t.slot);
  const record_about about{tape::record_kind::enter, held.flags, held.depth, held.function, held.call, held.time};
  if (append(t, held.kept, about, {{}, {body, held.size}, {}}, end_room(held.depth + 1u))) {
    if (held.depth < t.depth && held.depth < thread_state::deepest && t.open[held.depth].call == held.call)
      t.open[held.depth].appended = true;
  } else {
    the_tape.count(tape::counter::no_space);
  }
  u64 at = held.in_memory ? held.size : 0;
  while (held.has_more && at < t.back->used) {
    tape::record_header h;
    std::memcpy(&h, t.back->bytes + at, sizeof h);
    const u64 size = h.size_and_flags & tape::largest_record_size;
    const record_about inside{static_cast<tape::record_kind>(h.kind),
                              static_cast<u8>(h.size_and_flags >> 24),
                              h.depth,
                              static_cast<cryptoki::function>(h.function),
                              h.call,
                              h.time};
    if (!append(t, held.kept, inside, {{}, {t.back->bytes + at + head, size - head}, {}}, end_room(held.depth + 1u))) {
      the_tape.count(tape::counter::no_space);
      break;
    }
    at += size;
  }
  // Only now: before, the slot was all that told of the call.
  count_open(t);
  the_tape.clear_slot(*t.slot);
  t.last = last;
}

void drop_held(thread_state& t) noexcept {
  t.held.call = 0;
  the_tape.clear_slot(*t.slot);
}

void count_open(thread_state& t) noexcept {
  if (t.slot == nullptr) return;
  u32 open = 0;
  for (u32 i = 0; i < t.depth && i < thread_state::deepest; ++i) open += t.open[i].appended ? 1 : 0;
  if (open == t.open_told) return;
  t.open_told = open;
  the_tape.set_open(*t.slot, open);
}

}  // namespace p11tape::capture
