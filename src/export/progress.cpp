// SPDX-License-Identifier: Apache-2.0
// The state file of an export: a line for each tape, "TAPE REVISION THREAD:COUNT THREAD:COUNT ...".
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "export/rows.hpp"
#include "text/phrase.hpp"

namespace p11tape::exporting {
namespace {

constexpr std::string_view first_line = "p11tape export state 1";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error(path + ": " + what);
}

}  // namespace

progress_map read_progress(const std::string& path) {
  progress_map all;
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT) return all;
    fail(path, std::string("cannot be read: ") + std::strerror(errno));
  }
  std::string line;
  if (!std::getline(file, line) || line != first_line)
    fail(path, "is not a state file of this version (name another file; all rows are then exported again)");
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string tape, thread;
    tape_progress p;
    if (!(words >> tape >> p.revision)) fail(path, "is damaged (delete it; all rows are then exported again)");
    while (words >> thread) {
      char* end = nullptr;
      const model::thread_number number(std::strtoull(thread.c_str(), &end, 10));
      if (*end != ':') fail(path, "is damaged (delete it; all rows are then exported again)");
      p.threads[number] = std::strtoull(end + 1, nullptr, 10);
    }
    all[tape] = std::move(p);
  }
  return all;
}

void write_progress(const std::string& path, const progress_map& all) {
  std::string text = std::string(first_line) + "\n";
  for (const auto& [tape, p] : all) {
    text += tape + " " + std::to_string(p.revision);
    for (const auto& [thread, count] : p.threads) text += text::cat(" ", thread, ":", count);
    text += '\n';
  }
  const auto next = path + ".new";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) fail(next, std::string("cannot be created: ") + std::strerror(errno));
  std::size_t done = 0;
  bool good = true;
  while (good && done < text.size()) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    good = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  good = good && ::fsync(fd) == 0;
  good = ::close(fd) == 0 && good;
  if (!good || std::rename(next.c_str(), path.c_str()) != 0)
    fail(path, std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace p11tape::exporting
