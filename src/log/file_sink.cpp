// SPDX-License-Identifier: Apache-2.0
#include "log/file_sink.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "log/write_quietly.hpp"
#include "tape/open_directory.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::log {

file_sink::file_sink(const char* path, std::uint64_t size, unsigned files, complaint complain)
    : plain_sink(complain), most_(size), files_(files) {
  // The host may go to another folder later.
  char here[PATH_MAX];
  const bool relative = path[0] != '/' && getcwd(here, sizeof here) != nullptr;
  std::snprintf(path_, sizeof path_, "%s%s%s", relative ? here : "", relative ? "/" : "", path);
  file_ = std::strrchr(path_, '/');
  file_ = file_ != nullptr ? file_ + 1 : path_;
  const auto size_of_directory = static_cast<int>(file_ - path_);
  std::snprintf(directory_, sizeof directory_, "%.*s", size_of_directory, path_);
  if (size_of_directory == 0) std::snprintf(directory_, sizeof directory_, ".");
}

std::shared_ptr<file_sink> file_sink::open(const char* path, std::uint64_t size, unsigned files, complaint complain) {
  auto sink = std::make_shared<file_sink>(path, size, files, complain);
  const int error = sink->open_file();
  if (error == 0) return sink;
  const char* why = error == ELOOP   ? "it is a symbolic link, which is not followed"
                    : error == EPERM ? "it belongs to another user"
                    : error == ENXIO ? "it is neither a regular file nor a device"
                                     : strerrordesc_np(error);
  char text[512];
  std::snprintf(text, sizeof text, "no log is written: user ID %u cannot write to %.300s (setting `log`): %s.",
                geteuid(), path, why);
  complain(text);
  return nullptr;
}

// The file's directory; -1, and errno.
int file_sink::open_directory() noexcept {
  const auto opened = tape::open_directory({directory_, false, true});
  if (opened.descriptor < 0) errno = opened.error;
  return opened.descriptor;
}

// Opens the file of that name, now, in place of the one before. 0, or errno.
int file_sink::open_file() noexcept {
  const int directory = open_directory();
  if (directory < 0) return errno;
  const int error = open_file_in(directory);
  kernel::close(directory);
  return error;
}

int file_sink::open_file_in(int directory) noexcept {
  constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  int fd = kernel::openat(directory, file_, flags, 0600);
  if (fd < 0) return errno;
  struct stat st {};
  fstat(fd, &st);
  int error = 0;
  if (S_ISREG(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0) error = EPERM;
  if (S_ISREG(st.st_mode) && st.st_nlink > 1 && tape::is_privileged()) error = EMLINK;
  if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) error = ENXIO;
  // Out of the way of programs that count on getting low descriptor numbers.
  const int high = error == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 256) : -1;
  if (high >= 0) {
    kernel::close(fd);
    fd = high;
  }
  if (error != 0) {
    kernel::close(fd);
    return error;
  }
  // Other threads may be writing by the old number: it stays, and leads to the new file. Unless it is no longer ours.
  std::uint64_t ignored = 0;
  const int old = descriptor_.load();
  const bool reuse = old >= 0 && still_ours(ignored);
  regular_.store(S_ISREG(st.st_mode));
  device_.store(st.st_dev);
  inode_.store(st.st_ino);
  if (reuse && dup3(fd, old, O_CLOEXEC) >= 0) {
    kernel::close(fd);
  } else {
    descriptor_.store(fd);
  }
  return 0;
}

// The host may have closed our descriptor and been given its number for something else.
bool file_sink::still_ours(std::uint64_t& size) const noexcept {
  struct stat st {};
  if (fstat(descriptor_.load(), &st) != 0 || st.st_dev != device_.load() || st.st_ino != inode_.load()) return false;
  size = S_ISREG(st.st_mode) ? static_cast<std::uint64_t>(st.st_size) : 0;
  return true;
}

int file_sink::write(const char* text, std::size_t size) noexcept {
  std::uint64_t have = 0;
  if (!still_ours(have) || (have != 0 && have + size > most_)) {
    // One thread changes the file, and the others wait for it; who cannot wait any longer writes to what there is.
    for (int tries = 0; changing_.exchange(true, std::memory_order_acquire); ++tries) {
      if (tries > 1000) return write_quietly(descriptor_.load(), text, size, 0);
      kernel::pause(1000000);
    }
    int error = 0;
    if (!still_ours(have)) {
      error = open_file();
    } else if (have + size > most_) {
      put_aside();
    }
    changing_.store(false, std::memory_order_release);
    if (error != 0) return error;
  }
  return regular_.load(std::memory_order_relaxed) ? write_file(descriptor_.load(), text, size)
                                                  : write_quietly(descriptor_.load(), text, size, 0);
}

void file_sink::put_aside() noexcept {
  const int fd = descriptor_.load();
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return;  // another process is at it
  const int directory = open_directory();
  if (directory >= 0) {
    rename_files(directory);
    kernel::close(directory);
  }
  // The lock ends here, whether the number leads to another file after this or not.
  flock(fd, LOCK_UN);
  open_file();
}

void file_sink::rename_files(int directory) noexcept {
  struct stat named {};
  if (fstatat(directory, file_, &named, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (named.st_dev != device_.load() || named.st_ino != inode_.load()) return;  // another process has done it
  char from[NAME_MAX + 16], to[NAME_MAX + 16];
  for (unsigned i = files_; i > 0; --i) {
    std::snprintf(to, sizeof to, "%s.%u", file_, i);
    std::snprintf(from, sizeof from, i > 1 ? "%s.%u" : "%s", file_, i - 1);
    renameat(directory, from, directory, to);
  }
  if (files_ == 0) unlinkat(directory, file_, 0);
}

}  // namespace p11tape::log
