// SPDX-License-Identifier: Apache-2.0
#include "tape/offline_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "p11tape/tape.hpp"

namespace p11tape::tape {
namespace {

std::string reason() { return std::strerror(errno); }

}  // namespace

std::string escape_property(std::string_view value) {
  std::string out;
  for (const char c : value) out += c == '\n' ? "\\n" : c == '\\' ? "\\\\" : std::string(1, c);
  return out;
}

offline_writer::offline_writer(std::string path, std::string_view properties, std::string_view schema)
    : path_(std::move(path)),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) throw tape_error(path_ + ": cannot be created: " + reason());
  properties_at_ = sizeof(file_header);
  properties_size_ = properties.size();
  schema_at_ = properties_at_ + padded(properties.size());
  schema_size_ = schema.size();
  data_at_ = (schema_at_ + schema.size() + unit - 1) / unit * unit;
  std::vector<char> front(data_at_);
  std::memcpy(front.data() + properties_at_, properties.data(), properties.size());
  std::memcpy(front.data() + schema_at_, schema.data(), schema.size());
  write(front.data(), front.size());
}

offline_writer::~offline_writer() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!finished_) unlink(path_.c_str());
}

void offline_writer::write(const void* bytes, std::size_t size) {
  const auto* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::write(descriptor_, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw tape_error(path_ + ": cannot be written: " + reason());
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

void offline_writer::add(u64 thread_number, u64 thread_id, const record& r, byte_view body) {
  auto& s = strands_[thread_number];
  const std::size_t size = padded(sizeof(record_header) + body.size());
  if (!s.bytes.empty() && s.bytes.size() + size > chunk_size) flush(s);
  if (s.bytes.empty()) {
    s.header = {};
    s.header.magic = le(chunk_magic);
    s.header.kind = le(static_cast<u16>(chunk_kind::kept));
    s.header.header_size = le(static_cast<u16>(sizeof s.header));
    s.header.sequence = le(++sequence_);
    s.header.thread = le(thread_id);
    s.header.thread_number = le(thread_number);
    s.header.monotonic = le(r.time);
    s.header.wall = le(r.wall);
    s.bytes.resize(sizeof s.header);
  }
  record_header h{};
  h.size_and_flags = le(static_cast<u32>(size) | u32{r.flags} << 24);
  h.kind = static_cast<u8>(r.kind);
  h.depth = r.depth;
  h.function = le(r.function);
  h.call = le(r.call);
  h.ordinal = le(r.ordinal);
  h.time = le(r.time);
  const auto at = s.bytes.size();
  s.bytes.resize(at + size);
  std::memcpy(s.bytes.data() + at, &h, sizeof h);
  if (!body.empty()) std::memcpy(s.bytes.data() + at + sizeof h, body.data(), body.size());
}

void offline_writer::flush(strand& s) {
  if (s.bytes.empty()) return;
  const std::size_t whole = (s.bytes.size() + unit - 1) / unit * unit;
  s.header.size = le(static_cast<u32>(whole));
  s.header.committed = le(static_cast<u64>(s.bytes.size()));
  std::memcpy(s.bytes.data(), &s.header, sizeof s.header);
  s.bytes.resize(whole);
  write(s.bytes.data(), s.bytes.size());
  s.bytes.clear();
}

// Puts the records of another thread behind those of a chunk, if they fit and have the same pair of clocks.
bool offline_writer::hand_over(strand& from, const strand& to) {
  constexpr std::size_t size = sizeof(record_header) + 16;
  const auto offset = [](const chunk_header& h) { return le(h.wall) - le(h.monotonic); };
  const std::size_t more = size + to.bytes.size() - sizeof(chunk_header);
  if (from.bytes.size() + more > chunk_size || offset(from.header) != offset(to.header)) return false;
  record_header h{};
  h.size_and_flags = le(static_cast<u32>(size));
  h.kind = static_cast<u8>(record_kind::thread);
  h.time = to.header.monotonic;
  const u64 body[] = {to.header.thread, to.header.thread_number};
  const auto at = from.bytes.size();
  from.bytes.resize(at + more);
  std::memcpy(from.bytes.data() + at, &h, sizeof h);
  std::memcpy(from.bytes.data() + at + sizeof h, body, sizeof body);
  std::memcpy(from.bytes.data() + at + size, to.bytes.data() + sizeof(chunk_header), more - size);
  from.header.handed_over = le(le(from.header.handed_over) + 1);
  return true;
}

void offline_writer::flush_together() {
  strand shared;
  for (auto& [number, s] : strands_) {
    if (s.bytes.empty() || (!shared.bytes.empty() && hand_over(shared, s))) continue;
    flush(shared);
    shared = std::move(s);
    shared.header.sequence = le(++sequence_);
  }
  flush(shared);
}

void offline_writer::write_header() {
  file_header h{};
  std::memcpy(h.magic, file_magic, sizeof h.magic);
  h.major = le(format_major);
  h.minor = le(format_minor);
  h.header_size = le(static_cast<u32>(sizeof h));
  h.features = le(header.features);
  h.word_size = le(header.word_size);
  h.profile = le(header.profile);
  h.pid = le(header.pid);
  h.parent_pid = le(header.parent_pid);
  h.monotonic = le(header.monotonic);
  h.wall = le(header.wall);
  h.properties_offset = le(properties_at_);
  h.properties_size = le(properties_size_);
  h.schema_offset = le(schema_at_);
  h.schema_size = le(schema_size_);
  h.data_offset = le(data_at_);
  h.limit = le(header.limit);
  h.kept_limit = le(header.kept_limit);
  h.stopped = le(header.stopped);
  h.stopped_at = le(header.stopped_at);
  h.clock = le(static_cast<u32>(clock_source::kernel));
  h.process_start = le(header.process_start);
  h.pid_namespace = le(header.pid_namespace);
  h.time_namespace = le(header.time_namespace);
  std::memcpy(h.boot, header.boot, sizeof h.boot);
  std::memcpy(h.machine, header.machine, sizeof h.machine);
  h.source_lacks = le(header.source_lacks);
  for (std::size_t i = 0; i < std::size(h.counters); ++i) h.counters[i] = le(header.counters[i]);
  for (std::size_t i = 0; i < std::size(h.filtered); ++i) h.filtered[i] = le(header.filtered[i]);
  if (pwrite(descriptor_, &h, sizeof h, 0) != static_cast<ssize_t>(sizeof h))
    throw tape_error(path_ + ": cannot be written: " + reason());
}

void offline_writer::finish() {
  flush_together();
  write_header();
  const int fd = descriptor_;
  descriptor_ = -1;
  if (close(fd) != 0) throw tape_error(path_ + ": cannot be written: " + reason());
  finished_ = true;
}

}  // namespace p11tape::tape
