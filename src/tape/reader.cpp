// SPDX-License-Identifier: Apache-2.0
// Opening a tape: the file, its header, its properties and its schema.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tape/reader_file.hpp"

namespace p11tape::tape {
namespace detail {
namespace {

void to_host(file_header& h) noexcept {
  h.major = le(h.major);
  h.minor = le(h.minor);
  for (auto* n : {&h.header_size, &h.word_size, &h.profile, &h.clock, &h.counter_kind}) *n = le(*n);
  for (auto* n : {&h.features,
                  &h.pid,
                  &h.parent_pid,
                  &h.monotonic,
                  &h.wall,
                  &h.properties_offset,
                  &h.properties_size,
                  &h.schema_offset,
                  &h.schema_size,
                  &h.data_offset,
                  &h.limit,
                  &h.kept_limit,
                  &h.stopped,
                  &h.stopped_at,
                  &h.counter,
                  &h.slots,
                  &h.clock_pairs,
                  &h.process_start,
                  &h.pid_namespace,
                  &h.time_namespace,
                  &h.source_lacks})
    *n = le(*n);
  for (auto& n : h.counters) n = le(n);
  for (auto& n : h.filtered) n = le(n);
}

std::string unescaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '\\' && i + 1 < value.size()) c = value[++i] == 'n' ? '\n' : value[i];
    out += c;
  }
  return out;
}

}  // namespace

tape_file::tape_file(std::string file_path, int open_file) : path(std::move(file_path)), descriptor(open_file) {
  open();
  try {
    look();
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

tape_file::~tape_file() { ::close(descriptor); }

void tape_file::open() {
  if (descriptor < 0) descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw tape_error(path + ": cannot open the tape: " + std::strerror(errno));
  struct stat st {};
  if (::fstat(descriptor, &st) == 0 && S_ISREG(st.st_mode)) return;
  ::close(descriptor);
  throw tape_error(
      path + (S_ISDIR(st.st_mode) ? ": not a tape (it is a directory)" : ": not a tape (it is not a regular file)"));
}

void tape_file::look() {
  struct stat st {};
  if (::fstat(descriptor, &st) != 0) throw tape_error(path + ": cannot read the tape: " + std::strerror(errno));
  size = static_cast<u64>(st.st_size);
  read_header();
  if (!texts_read_) read_texts();
  texts_read_ = true;
  index();
  ++generation;
}

std::size_t tape_file::read(void* into, std::size_t wanted, u64 offset) const {
  std::size_t have = 0;
  while (have < wanted && offset + have < size) {
    const auto n =
        ::pread(descriptor, static_cast<char*>(into) + have, wanted - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw tape_error(path + ": cannot read the tape: " + std::strerror(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

void tape_file::read_header() {
  file_header h{};
  const auto have = read(&h, sizeof h, 0);
  if (std::memcmp(h.magic, file_magic, sizeof file_magic) != 0) {
    if (have == 0) throw tape_error(path + ": not a tape (the file is empty)");
    const auto* first = reinterpret_cast<const char*>(&h);
    const bool zeros = std::all_of(first, first + have, [](char c) { return c == 0; });
    throw tape_error(path + (zeros ? ": the tape has no header: the process ended while the recorder created the file"
                                   : ": not a tape (it does not start with the signature of one)"));
  }
  if (have < sizeof h) throw tape_error(path + ": the tape is truncated inside its header, so nothing can be read");
  to_host(h);
  if (h.major != format_major)
    throw tape_error(path + ": tape format " + std::to_string(h.major) + ", but this program reads format " +
                     std::to_string(format_major) + " only (use the p11tape that belongs to its recorder)");
  header = h;
  counts = h.clock == static_cast<u32>(clock_source::cpu_counter);
}

void tape_file::read_texts() {
  auto& h = header;
  if (h.word_size != 4 && h.word_size != 8) {
    damage.notes.emplace_back("its header does not contain the size of a CK_ULONG; 8 bytes are assumed");
    h.word_size = 8;
  }
  const auto whole = [&](const std::string& text, u64 wanted, const char* what) {
    if (text.size() != wanted) damage.notes.push_back("the file does not contain all of its " + std::string(what));
  };
  const auto text = text_at(h.properties_offset, h.properties_size);
  whole(text, h.properties_size, "properties");
  read_properties(text);
  const auto described = text_at(h.schema_offset, h.schema_size);
  whole(described, h.schema_size, "description of itself");
  std::string trouble;
  rows = schema::parse(described, trouble);
  if (!trouble.empty()) damage.notes.push_back(trouble);
}

void tape_file::read_properties(std::string_view text) {
  constexpr std::size_t most = 4096;
  while (!text.empty() && properties.size() < most) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      properties.emplace_back(line.substr(0, equals), unescaped(line.substr(equals + 1)));
  }
}

std::string tape_file::text_at(u64 offset, u64 text_size) const {
  std::string text;
  if (offset < sizeof(file_header) || text_size > largest_text || offset > size) return text;
  text.resize(std::min(text_size, size - offset));
  text.resize(read(text.data(), text.size(), offset));
  return text;
}

}  // namespace detail

namespace {

// How many bytes of UTF-8 make the character at the front, or 0 if they are none that is fit for a terminal: not UTF-8, a
// control character, or one that changes the direction of text or is not seen.
std::size_t safe_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned c = byte(0);
  if (c < 0x80) return c >= 32 && c != 127 ? 1 : 0;
  const std::size_t size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c < 0xc2 || c > 0xf4 || text.size() < size) return 0;
  u32 point = c & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3f);
  }
  const bool hidden = point < 0xa0 || (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                      (point >= 0x2060 && point <= 0x206f) || (point >= 0xd800 && point <= 0xdfff);
  return hidden ? 0 : size;
}

std::string safe(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    auto size = safe_character(text);
    if (size != 0) {
      out += text.substr(0, size);
    } else {
      const auto c = static_cast<unsigned char>(text[0]);
      ((out += "\\x") += digits[c >> 4]) += digits[c & 15];
      size = 1;
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

tape_error::tape_error(const std::string& what) : std::runtime_error(safe(what)) {}

reader::reader(std::string path) : file_(std::make_unique<detail::tape_file>(std::move(path))) {}
reader::reader(std::string path, int descriptor)
    : file_(std::make_unique<detail::tape_file>(std::move(path), descriptor)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

const std::string& reader::path() const noexcept { return file_->path; }
std::string reader::shown_path() const { return safe(file_->path); }
const file_header& reader::header() const noexcept { return file_->header; }
const schema& reader::rows() const noexcept { return file_->rows; }
std::string reader::stored_schema() const {
  return file_->text_at(file_->header.schema_offset, file_->header.schema_size);
}
std::span<const thread_info> reader::threads() const noexcept { return file_->threads; }
const tape::damage& reader::damage() const noexcept { return file_->damage; }
void reader::refresh() { file_->look(); }

const std::vector<std::pair<std::string, std::string>>& reader::properties() const noexcept {
  return file_->properties;
}

std::string_view reader::property(std::string_view key) const noexcept {
  for (const auto& [name, value] : file_->properties)
    if (name == key) return value;
  return {};
}

cursor reader::records(std::size_t index, record_bodies bodies) const { return cursor(file_.get(), index, bodies); }

}  // namespace p11tape::tape
