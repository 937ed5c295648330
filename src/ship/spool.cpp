// SPDX-License-Identifier: Apache-2.0
#include "ship/spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace p11tape::ship {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw std::runtime_error(path + ": " + what + ": " + std::strerror(errno));
}

std::string compressed(const std::string& text) {
  z_stream z{};
  // 16 + 15: with gzip's header.
  if (::deflateInit2(&z, 3, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(::deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const auto code = ::deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  ::deflateEnd(&z);
  if (code != Z_STREAM_END) throw std::runtime_error("a batch cannot be compressed");
  return out;
}

// "0000000000000012-calls-10000.jsonl.gz"
bool parse_name(const std::string& name, batch& b, std::uint64_t& number) {
  unsigned long long n = 0, rows = 0;
  char table[32] = {}, rest[16] = {};
  if (std::sscanf(name.c_str(), "%16llu-%31[a-z]-%llu.%15s", &n, table, &rows, rest) != 4 ||
      std::strcmp(rest, "jsonl.gz") != 0)
    return false;
  number = n;
  b.table = table;
  b.rows = rows;
  return true;
}

}  // namespace

spool::spool(std::string directory, std::uint64_t limit) : directory_(std::move(directory)), limit_(limit) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) fail(directory_, "cannot be created");
  const auto lock_file = directory_ + "/lock";
  lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) fail(lock_file, "cannot be opened");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw std::runtime_error(directory_ + ": another p11tape-ship uses this spool (name another one with --spool)");
  }
  for (const auto& entry : fs::directory_iterator(directory_)) {
    batch b;
    std::uint64_t number = 0;
    const auto name = entry.path().filename().string();
    if (name.ends_with(".new") && name != "state.new") fs::remove(entry.path());  // of a run that was killed
    if (!parse_name(name, b, number)) continue;
    used_ += entry.file_size();
    next_ = std::max(next_, number + 1);
  }
}

spool::~spool() { ::close(lock_); }

std::vector<batch> spool::waiting() const {
  std::vector<batch> all;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    batch b;
    std::uint64_t number = 0;
    if (!parse_name(entry.path().filename().string(), b, number)) continue;
    b.path = entry.path().string();
    b.bytes = entry.file_size();
    all.push_back(std::move(b));
  }
  std::sort(all.begin(), all.end(), [](const batch& a, const batch& b) { return a.path < b.path; });
  return all;
}

bool spool::add(const std::string& table, std::uint64_t rows, const std::string& lines) {
  const auto content = compressed(lines);
  if (used_ + content.size() > limit_) return false;
  char name[96];
  std::snprintf(name, sizeof name, "/%016llu-%s-%llu.jsonl.gz", static_cast<unsigned long long>(next_++), table.c_str(),
                static_cast<unsigned long long>(rows));
  const auto path = directory_ + name, unfinished = path + ".new";
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) fail(unfinished, "cannot be created");
  std::size_t done = 0;
  bool good = true;
  while (good && done < content.size()) {
    const auto n = ::write(fd, content.data() + done, content.size() - done);
    good = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  good = good && ::fsync(fd) == 0;
  const auto error = errno;
  ::close(fd);
  if (!good || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    if (!good) errno = error;
    const auto saved = errno;
    ::unlink(unfinished.c_str());
    errno = saved;
    fail(path, "cannot be written");
  }
  used_ += content.size();
  return true;
}

void spool::remove(const batch& b) {
  if (::unlink(b.path.c_str()) != 0) fail(b.path, "cannot be deleted");
  used_ -= std::min(used_, b.bytes);
}

std::string spool::read(const batch& b) const {
  std::ifstream file(b.path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  if (!file) fail(b.path, "cannot be read");
  return all.str();
}

}  // namespace p11tape::ship
