// SPDX-License-Identifier: Apache-2.0
// Finding the chunks of a tape and whose records they hold.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tape/reader_file.hpp"

namespace p11tape::tape::detail {
namespace {

constexpr u64 search_block = u64{256} << 10;

// False where the bytes are no chunk header that makes sense.
bool parse_chunk(byte_view bytes, chunk_header& out) noexcept {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  out.kind = le(out.kind);
  out.header_size = le(out.header_size);
  for (auto* n : {&out.magic, &out.size, &out.handed_over, &out.flags}) *n = le(*n);
  for (auto* n : {&out.sequence, &out.thread, &out.thread_number, &out.monotonic, &out.wall, &out.committed,
                  &out.counter, &out.next})
    *n = le(*n);
  return out.magic == chunk_magic && out.size >= unit && out.size % unit == 0 && out.size <= largest_chunk &&
         out.header_size >= sizeof out && out.header_size % 8 == 0 && out.header_size <= unit;
}

// Zeros: reserved and never used. The same behind a chunk header without magic: the process died while it was marking
// it.
bool is_unused(byte_view bytes) noexcept {
  const auto empty = [](byte_view part) {
    return std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0}; });
  };
  if (load<u32>(bytes, 0) != 0 || load<u64>(bytes, offsetof(chunk_header, committed)) != 0) return false;
  return empty(bytes.subspan(std::min(sizeof(chunk_header), bytes.size())));
}

}  // namespace

bool tape_file::read_chunk_header(u64 offset, chunk_header& out) const {
  std::byte raw[sizeof out];
  return parse_chunk({raw, read(raw, sizeof raw, offset)}, out);
}

void tape_file::index() {
  damage.skipped_bytes = damage.cut_chunks = 0;
  found_.clear();
  clock_line.clear();
  if (counts) clock_line.add(header.counter, header.monotonic);
  u64 offset = header.data_offset;
  const bool told = offset >= sizeof(file_header) && offset % unit == 0;
  if (!told) offset = sizeof(file_header);
  // Where the header does not tell, properties and schema are walked over too: they are no damage.
  for (bool before_data = !told; offset < size;) {
    std::byte raw[sizeof(chunk_header) + sizeof(record_header)];
    const byte_view bytes(raw, read(raw, sizeof raw, offset));
    chunk_header chunk;
    if (parse_chunk(bytes, chunk)) {
      index_chunk(offset, chunk, bytes);
      offset += chunk.size;
      before_data = false;
    } else {
      offset = skip_to_chunk(offset, before_data);
    }
  }

  clock_line.finish();
  std::size_t hint = 0;
  for (auto* lists : {&kept, &ring})
    for (auto& list : *lists) list.clear();
  std::fill(slots.begin(), slots.end(), 0);
  for (auto& [number, thread] : found_) {
    const auto [at, is_new] = thread_index_.try_emplace(number, threads.size());
    if (is_new) {
      threads.push_back({number, thread.id});
      furthest.push_back(0);
      kept.emplace_back();
      ring.emplace_back();
      slots.push_back(0);
    }
    for (auto* list : {&thread.kept, &thread.ring}) {
      for (auto& s : *list) s.time = time_of(s.time, s.flags, hint);
      std::sort(list->begin(), list->end());
    }
    kept[at->second] = std::move(thread.kept);
    ring[at->second] = std::move(thread.ring);
    slots[at->second] = thread.slot;
  }
  found_.clear();
}

// The next place where a chunk may begin, behind one where there is none.
u64 tape_file::skip_to_chunk(u64 offset, bool before_data) {
  // Space that is reserved but was never written to costs nothing to pass.
  const auto data = ::lseek(descriptor, static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return size;
  if (data > 0 && static_cast<u64>(data) / unit * unit > offset) return static_cast<u64>(data) / unit * unit;

  std::vector<std::byte> block(std::min(search_block, size - offset));
  block.resize(read(block.data(), block.size(), offset));
  for (u64 at = 0; at < block.size(); at += unit) {
    const auto piece = byte_view(block).subspan(at, std::min<u64>(unit, block.size() - at));
    if (at != 0 && load<u32>(piece, 0) == chunk_magic) return offset + at;
    if (!before_data && !is_unused(piece)) damage.skipped_bytes += piece.size();
  }
  return block.empty() ? size : offset + (block.size() + unit - 1) / unit * unit;
}

void tape_file::index_chunk(u64 offset, const chunk_header& chunk, byte_view start) {
  if (chunk.committed > chunk.size || offset + chunk.committed > size) ++damage.cut_chunks;
  const auto kind = static_cast<chunk_kind>(chunk.kind);
  if (counts) clock_line.add(chunk.counter, chunk.monotonic);
  if (kind == chunk_kind::slots) return index_slots(offset, chunk);
  if (kind == chunk_kind::clock && counts) return take_pairs(offset, chunk);
  if (kind != chunk_kind::kept && kind != chunk_kind::ring) return;
  if (chunk.committed < chunk.header_size + sizeof(record_header)) return;
  if (chunk.handed_over != 0) return split(offset, chunk);
  std::byte raw[sizeof(record_header)];
  auto first = start.subspan(std::min<std::size_t>(start.size(), sizeof chunk));
  if (chunk.header_size != sizeof chunk) first = {raw, read(raw, sizeof raw, offset + chunk.header_size)};
  add_stretch(offset, chunk, {chunk.thread_number, chunk.thread}, chunk.header_size, 0, first);
}

void tape_file::index_slots(u64 offset, const chunk_header& chunk) {
  std::vector<std::byte> block(std::min<u64>(chunk.size, largest_chunk));
  block.resize(read(block.data(), block.size(), offset));
  for (u64 at = first_slot; at + sizeof(call_slot) <= block.size(); at += sizeof(call_slot)) {
    const auto slot = byte_view(block).subspan(at, sizeof(call_slot));
    const auto number = load<u64>(slot, offsetof(call_slot, thread_number));
    if (load<u64>(slot, offsetof(call_slot, committed)) == 0 || number == 0) continue;
    auto& thread = found_.try_emplace(number).first->second;
    thread.id = load<u64>(slot, offsetof(call_slot, thread));
    thread.slot = offset + at;
  }
}

void tape_file::take_pairs(u64 offset, const chunk_header& chunk) {
  std::vector<std::byte> block(std::min<u64>({chunk.committed, chunk.size, largest_chunk}));
  block.resize(read(block.data(), block.size(), offset));
  for (u64 at = chunk.header_size; at + sizeof(clock_pair) <= block.size(); at += sizeof(clock_pair)) {
    const auto counter = load<u64>(block, at), monotonic = load<u64>(block, at + offsetof(clock_pair, monotonic));
    if (load<u64>(block, at + offsetof(clock_pair, check)) == (counter ^ monotonic)) clock_line.add(counter, monotonic);
  }
}

void tape_file::add_stretch(u64 offset, const chunk_header& chunk, thread_info owner, u32 begin, u32 end,
                            byte_view first_record) {
  auto& thread = found_.try_emplace(owner.number).first->second;
  thread.id = owner.id;
  auto& list = static_cast<chunk_kind>(chunk.kind) == chunk_kind::kept ? thread.kept : thread.ring;
  list.push_back({load<u64>(first_record, offsetof(record_header, time)), chunk.sequence,
                  static_cast<u32>(offset / unit), begin, end,
                  load<u32>(first_record, offsetof(record_header, ordinal)), flags_of(load<u32>(first_record, 0))});
}

// A chunk that several threads wrote to, one after the other: goes through its records for the THREADs among them.
void tape_file::split(u64 offset, const chunk_header& chunk) {
  std::vector<std::byte> block(std::min<u64>({chunk.committed, chunk.size, size - offset}));
  block.resize(read(block.data(), block.size(), offset));
  const byte_view bytes(block);
  thread_info owner{chunk.thread_number, chunk.thread};
  u32 begin = chunk.header_size;
  u32 at = begin;
  while (bytes.size() >= at && bytes.size() - at >= sizeof(record_header)) {
    const auto record_size = size_of(load<u32>(bytes, at));
    if (record_size < sizeof(record_header) || record_size % 8 != 0 || record_size > bytes.size() - at) break;
    const auto next = at + record_size;
    if (static_cast<record_kind>(load<u8>(bytes, at + offsetof(record_header, kind))) == record_kind::thread) {
      if (at != begin) add_stretch(offset, chunk, owner, begin, at, bytes.subspan(begin));
      owner = {load<u64>(bytes, at + sizeof(record_header) + 8), load<u64>(bytes, at + sizeof(record_header))};
      begin = next;
    }
    at = next;
  }
  // To the end, also where a record makes no sense: the cursor that comes there counts it.
  if (bytes.size() > begin) add_stretch(offset, chunk, owner, begin, 0, bytes.subspan(begin));
}

}  // namespace p11tape::tape::detail
