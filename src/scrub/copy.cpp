// SPDX-License-Identifier: Apache-2.0
#include "scrub/copy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "cryptoki/pin_text.hpp"
#include "scrub/redact.hpp"

namespace p11tape::scrub {

using tape::le;
using tape::u16;
using tape::u32;
using tape::u64;
using tape::u8;

namespace {

constexpr std::size_t chunk_size = 16 * tape::unit;

/// Bytes of the tape's file, as they are.
std::string raw(const std::string& path, u64 offset, u64 size) {
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

class output {
 public:
  explicit output(const std::string& path)
      : path_(path), descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) throw tape::tape_error("cannot create " + path + ": " + std::strerror(errno));
  }
  ~output() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!kept_) unlink(path_.c_str());
  }
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  void write(const void* bytes, std::size_t size) {
    const auto* at = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t n = ::write(descriptor_, at, size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw tape::tape_error("cannot write " + path_ + ": " + std::strerror(errno));
      at += n;
      size -= static_cast<std::size_t>(n);
    }
  }
  void keep() {
    const int fd = descriptor_;
    descriptor_ = -1;
    if (close(fd) != 0) throw tape::tape_error("cannot write " + path_ + ": " + std::strerror(errno));
    kept_ = true;
  }

 private:
  std::string path_;
  int descriptor_;
  bool kept_ = false;
};

// A setting or message that may quote a PIN is left out as a whole.
std::string_view shown(std::string_view text) {
  return cryptoki::holds_pin(text) || cryptoki::is_configuration_string(text) ? cryptoki::withheld_text : text;
}

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) out += c == '\n' ? "\\n" : c == '\\' ? "\\\\" : std::string(1, c);
  return out;
}

// Records of one thread after the other, chunk by chunk. As in a host, a thread takes over the chunk of the one before it: a
// tape of many threads with few calls must not become many times as large.
class chunks {
 public:
  explicit chunks(output& out) : out_(out) {}

  /// What is added from now on belongs to this thread.
  void next_thread(const tape::thread_info& thread) { thread_ = thread; }

  void add(const tape::record_view& r, const std::vector<std::byte>& body) {
    const std::size_t size = tape::padded(sizeof(tape::record_header) + body.size());
    const bool same = holder_ == thread_.number;
    const std::size_t more = size + (same ? 0 : thread_record_size);
    // A chunk has one pair of clocks for all its records.
    const bool fits =
        bytes_.size() + more <= chunk_size && (same || le(header_.wall) - le(header_.monotonic) == r.wall - r.time);
    if (!bytes_.empty() && !fits) flush();
    if (bytes_.empty())
      start(r);
    else if (!same)
      hand_over(r);
    append_header({.kind = r.kind,
                   .depth = r.depth,
                   .function = r.function,
                   .call = r.call,
                   .ordinal = r.ordinal,
                   .time = r.time},
                  static_cast<u32>(size) | static_cast<u32>(r.flags & ~tape::record_packed) << 24);
    append(body.data(), body.size());
    bytes_.resize(tape::padded(bytes_.size()));
  }

  void flush() {
    if (bytes_.empty()) return;
    const std::size_t whole = (bytes_.size() + tape::unit - 1) / tape::unit * tape::unit;
    header_.size = le(static_cast<u32>(whole));
    header_.committed = le(static_cast<u64>(bytes_.size()));
    header_.handed_over = le(handed_over_);
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    bytes_.resize(whole);
    out_.write(bytes_.data(), bytes_.size());
    bytes_.clear();
  }

 private:
  static constexpr std::size_t thread_record_size = sizeof(tape::record_header) + 16;

  void start(const tape::record_view& first) {
    header_ = {};
    header_.magic = le(tape::chunk_magic);
    header_.kind = le(static_cast<u16>(tape::chunk_kind::kept));
    header_.header_size = le(static_cast<u16>(sizeof header_));
    header_.sequence = le(++sequence_);
    header_.thread = le(thread_.id);
    header_.thread_number = le(thread_.number);
    header_.monotonic = le(first.time);
    header_.wall = le(first.wall);
    holder_ = thread_.number;
    handed_over_ = 0;
    bytes_.resize(sizeof header_);
  }
  void hand_over(const tape::record_view& first) {
    append_header({.kind = tape::record_kind::thread, .time = first.time}, static_cast<u32>(thread_record_size));
    const u64 body[] = {le(thread_.id), le(thread_.number)};
    append(body, sizeof body);
    holder_ = thread_.number;
    ++handed_over_;
  }

  struct fields {
    tape::record_kind kind{};
    u8 depth = 0;
    u16 function = 0;
    u32 call = 0;
    u32 ordinal = 0;
    u64 time = 0;
  };
  void append_header(const fields& f, u32 size_and_flags) {
    tape::record_header h{};
    h.size_and_flags = le(size_and_flags);
    h.kind = static_cast<u8>(f.kind);
    h.depth = f.depth;
    h.function = le(f.function);
    h.call = le(f.call);
    h.ordinal = le(f.ordinal);
    h.time = le(f.time);
    append(&h, sizeof h);
  }
  void append(const void* from, std::size_t size) {
    const auto* at = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), at, at + size);
  }

  output& out_;
  tape::thread_info thread_{};
  u64 holder_ = 0;  // the number of the thread whose records come last in the chunk
  u64 sequence_ = 0;
  u32 handed_over_ = 0;
  tape::chunk_header header_{};
  std::vector<std::byte> bytes_;
};

}  // namespace

copied write_copy(const tape::reader& from, const std::string& to, std::size_t profile) {
  std::string properties;
  for (const auto& [key, value] : from.properties()) properties += key + "=" + escaped(shown(value)) + "\n";
  for (const auto& [name, number] : profiles)
    if (number == profile) properties += "scrubbed=" + name + "\n";
  const auto& was = from.header();
  const std::string schema = from.stored_schema();

  // The header stays as it is in the file, counters and all, but for where things are.
  tape::file_header h{};
  const std::string stored = raw(from.path(), 0, sizeof h);
  std::memcpy(&h, stored.data(), stored.size());
  const u64 properties_at = sizeof h, schema_at = properties_at + tape::padded(properties.size());
  const u64 data = (schema_at + schema.size() + tape::unit - 1) / tape::unit * tape::unit;
  h.properties_offset = le(properties_at);
  h.properties_size = le(static_cast<u64>(properties.size()));
  h.schema_offset = le(schema_at);
  h.schema_size = le(static_cast<u64>(schema.size()));
  h.data_offset = le(data);
  // The copy has kept chunks alone, and the times that readers see.
  h.clock = le(static_cast<u32>(tape::clock_source::kernel));
  h.counter_kind = 0;
  h.counter = h.slots = h.clock_pairs = 0;
  // What the copy holds is what the stricter of the two profiles lets through.
  constexpr u32 openness[] = {1, 0, 2};
  const std::size_t recorded = was.profile >= 1 && was.profile <= 3 ? was.profile - 1 : 2;
  h.profile = le(static_cast<u32>((openness[profile] < openness[recorded] ? profile : recorded) + 1));

  output out(to);
  std::vector<std::byte> front(data);
  std::memcpy(front.data(), &h, sizeof h);
  std::memcpy(front.data() + properties_at, properties.data(), properties.size());
  std::memcpy(front.data() + schema_at, schema.data(), schema.size());
  out.write(front.data(), front.size());

  copied done;
  chunks all(out);
  const redactor redact(from.rows(), profile, was.word_size == 4 ? 4 : 8);
  for (std::size_t t = 0; t < from.threads().size(); ++t) {
    all.next_thread(from.threads()[t]);
    auto records = from.records(t);
    for (tape::record_view r; records.next(r) || records.next_in_flight(r);) {
      std::vector<std::byte> body;
      const auto* function = from.rows().function(r.function);
      if (r.kind == tape::record_kind::enter && function != nullptr) {
        body = redact.enter(r.function, r.body);
      } else if (r.kind == tape::record_kind::leave && function != nullptr) {
        body = redact.leave(r.function, r.body);
      } else if (r.kind == tape::record_kind::note) {
        const std::string text(shown({reinterpret_cast<const char*>(r.body.data()), r.body.size()}));
        const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
        body.assign(bytes, bytes + text.size());
      } else if (r.kind == tape::record_kind::exchange) {
        body.assign(r.body.begin(), r.body.end());
      } else {
        ++done.dropped;
        continue;
      }
      ++done.records;
      all.add(r, body);
    }
  }
  all.flush();
  out.keep();
  return done;
}

}  // namespace p11tape::scrub
