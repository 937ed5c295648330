// SPDX-License-Identifier: Apache-2.0
// The order of the steps is what makes a crash harmless: the new bytes are on the disk before the name leads to them,
// and the folder is on the disk before the next thing begins.
#include "clients/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace p11tape::clients {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  const char* why = strerrordesc_np(errno);
  throw file_error(path + ": " + what + ": " + (why != nullptr ? why : "unknown error"));
}

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

void sync_folder(const std::string& path) {
  const descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // File systems that cannot do this (EINVAL) have nothing to wait for.
  if (folder.get() >= 0 && fsync(folder.get()) != 0 && errno != EINVAL && errno != EROFS)
    fail("cannot sync the file", path);
}

void write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Access lists and SELinux labels are extended attributes. What the file system sets by itself on a new file may refuse
// to be set again with the same value; only a difference that stays is an error.
void copy_attributes(int from, int to, const std::string& path) {
  const ssize_t size = flistxattr(from, nullptr, 0);
  if (size <= 0) return;
  std::vector<char> names(static_cast<std::size_t>(size));
  const ssize_t got = flistxattr(from, names.data(), names.size());
  if (got < 0) fail("cannot read its attributes", path);
  for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
    const char* name = names.data() + at;
    at += std::strlen(name) + 1;
    const ssize_t length = fgetxattr(from, name, nullptr, 0);
    if (length < 0) continue;
    std::vector<char> value(static_cast<std::size_t>(length)), now(static_cast<std::size_t>(length) + 1);
    if (fgetxattr(from, name, value.data(), value.size()) != length) continue;
    const ssize_t has = fgetxattr(to, name, now.data(), now.size());
    if (has == length && std::memcmp(now.data(), value.data(), value.size()) == 0) continue;
    if (fsetxattr(to, name, value.data(), value.size(), 0) != 0)
      fail(std::string("cannot keep its attribute ") + name + "", path);
  }
}

// Owner first: changing it clears bits of the mode.
void copy_identity(int from, int to, const std::string& path) {
  struct stat was {
  }, is{};
  if (fstat(from, &was) != 0 || fstat(to, &is) != 0) fail("cannot be looked at", path);
  if ((was.st_uid != is.st_uid || was.st_gid != is.st_gid) && fchown(to, was.st_uid, was.st_gid) != 0)
    fail("cannot keep its owner (run this as root or as the owner)", path);
  if (fchmod(to, was.st_mode & 07777) != 0) fail("cannot keep its mode", path);
  copy_attributes(from, to, path);
}

// The new file beside the old one, under a name that is known, so that one left behind by a crash is used up again.
std::string new_name(const std::string& path) {
  return folder_of(path) + "/." + std::string(file_of(path)) + ".p11tape-new";
}

template <typename Fill>
void build(const std::string& temporary, Fill fill) {
  unlink(temporary.c_str());
  const descriptor out(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (out.get() < 0) fail("cannot be created", temporary);
  try {
    fill(out.get());
    if (fsync(out.get()) != 0) fail("cannot be written", temporary);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

}  // namespace

secret_buffer read_whole(const std::string& path, std::size_t limit) {
  const descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (in.get() < 0) fail("cannot be read", path);
  struct stat st {};
  if (fstat(in.get(), &st) != 0) fail("cannot be looked at", path);
  if (!S_ISREG(st.st_mode)) throw file_error(path + ": not a regular file");
  if (static_cast<std::size_t>(st.st_size) > limit) throw file_error(path + ": too large for a configuration file");
  // One byte more than its size shows whether it grew; nothing is ever reallocated, so no copy is left unwiped.
  std::string text(static_cast<std::size_t>(st.st_size) + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(in.get(), text.data() + size, text.size() - size);
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

void replace_file(const std::string& path, std::string_view bytes, const before_step& step) {
  const descriptor old(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (old.get() < 0) fail("cannot be read", path);
  const std::string temporary = new_name(path);
  step("write " + std::string(file_of(path)));
  build(temporary, [&](int fd) {
    write_all(fd, bytes, temporary);
    copy_identity(old.get(), fd, path);
  });
  move_file(temporary, path, step);
}

void write_file(const std::string& path, std::string_view bytes, unsigned mode, const before_step& step) {
  const std::string temporary = new_name(path);
  step("write " + std::string(file_of(path)));
  build(temporary, [&](int fd) {
    write_all(fd, bytes, temporary);
    if (fchmod(fd, mode) != 0) fail("cannot set its mode", temporary);
  });
  move_file(temporary, path, step);
}

void remove_leftover(const std::string& path) noexcept { unlink(new_name(path).c_str()); }

void back_up(const std::string& path, const std::string& backup, const before_step& step) {
  step("back up " + std::string(file_of(path)));
  if (link(path.c_str(), backup.c_str()) == 0) return sync_folder(backup);
  if (errno == EEXIST) fail("the backup already exists", backup);
  // No second names here: a copy, with the times too, so that putting it back changes nothing at all.
  const descriptor old(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (old.get() < 0) fail("cannot be read", path);
  const secret_buffer bytes = read_whole(path);
  const std::string temporary = new_name(backup);
  build(temporary, [&](int fd) {
    write_all(fd, bytes.view(), temporary);
    copy_identity(old.get(), fd, path);
    struct stat st {};
    if (fstat(old.get(), &st) != 0) fail("cannot be looked at", path);
    const timespec times[2] = {st.st_atim, st.st_mtim};
    if (futimens(fd, times) != 0) fail("cannot keep its times", temporary);
  });
  move_file(temporary, backup, step);
}

void move_file(const std::string& from, const std::string& to, const before_step& step) {
  step("rename to " + std::string(file_of(to)));
  if (rename(from.c_str(), to.c_str()) != 0) {
    const int why = errno;
    if (std::string_view(from).ends_with(".p11tape-new")) unlink(from.c_str());
    errno = why;
    fail("cannot be replaced", to);
  }
  step("synchronise " + std::string(file_of(to)));
  sync_folder(to);
}

void remove_file(const std::string& path, const before_step& step) {
  step("remove " + std::string(file_of(path)));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) fail("cannot be removed", path);
  sync_folder(path);
}

}  // namespace p11tape::clients
