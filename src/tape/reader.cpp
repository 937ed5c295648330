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
  std::string_view rest;
  const auto text = read_text(h.properties_offset, h.properties_size, "properties");
  for (rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      properties.emplace_back(line.substr(0, equals), unescaped(line.substr(equals + 1)));
  }
  std::string trouble;
  rows = schema::parse(read_text(h.schema_offset, h.schema_size, "description of itself"), trouble);
  if (!trouble.empty()) damage.notes.push_back(trouble);
}

std::string tape_file::read_text(u64 offset, u64 text_size, const char* what) {
  std::string text;
  const bool fits = offset >= sizeof(file_header) && text_size <= largest_text && offset <= size;
  if (fits) {
    text.resize(std::min(text_size, size - offset));
    text.resize(read(text.data(), text.size(), offset));
  }
  if (text.size() != text_size) damage.notes.push_back("the file does not contain all of its " + std::string(what));
  return text;
}

}  // namespace detail

reader::reader(std::string path) : file_(std::make_unique<detail::tape_file>(std::move(path))) {}
reader::reader(std::string path, int descriptor)
    : file_(std::make_unique<detail::tape_file>(std::move(path), descriptor)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

const std::string& reader::path() const noexcept { return file_->path; }
const file_header& reader::header() const noexcept { return file_->header; }
const schema& reader::rows() const noexcept { return file_->rows; }
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

cursor reader::records(std::size_t index) const { return cursor(file_.get(), index); }

}  // namespace p11tape::tape
