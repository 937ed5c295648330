// SPDX-License-Identifier: Apache-2.0
#include "clients/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "clients/descriptor.hpp"
#include "label/token_label.hpp"

namespace p11tape::clients {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  const char* why = strerrordesc_np(errno);
  throw file_error(path + ": " + what + ": " + (why != nullptr ? why : "unknown error"));
}

}  // namespace

file_error::file_error(const std::string& what) : std::runtime_error(label::printable(what)) {}

secret_buffer read_whole(const std::string& path, std::size_t limit) {
  const descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!in) fail("cannot be read", path);
  return read_whole(in.get(), path, limit);
}

secret_buffer read_whole(int descriptor, const std::string& path, std::size_t limit) {
  struct stat st {};
  if (fstat(descriptor, &st) != 0) fail("cannot be examined", path);
  if (!S_ISREG(st.st_mode)) throw file_error(path + ": not a regular file");
  if (static_cast<std::size_t>(st.st_size) > limit) throw file_error(path + ": too large for a configuration file");
  // One byte more than its size shows whether it grew; nothing is ever reallocated, so no copy is left unwiped.
  std::string text(static_cast<std::size_t>(st.st_size) + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = pread(descriptor, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be read", path);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(std::min(size, static_cast<std::size_t>(st.st_size)));
  return secret_buffer(std::move(text));
}

bool exists(const std::string& path) noexcept { return access(path.c_str(), F_OK) == 0; }

bool same_file(const std::string& a, const std::string& b) noexcept {
  struct stat x {
  }, y{};
  return stat(a.c_str(), &x) == 0 && stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

std::string real_path(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) fail("cannot be found", path);
  std::string out(resolved);
  std::free(resolved);
  return out;
}

std::string folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string_view file_of(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace p11tape::clients
