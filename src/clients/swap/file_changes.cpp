// SPDX-License-Identifier: Apache-2.0
// The order of the steps is what makes a crash harmless: the new bytes are on the disk before the name leads to them,
// and the directory is on the disk before the next thing begins.
#include "clients/swap/file_changes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace p11tape::clients {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  const char* why = strerrordesc_np(errno);
  throw file_error(path + ": " + what + ": " + (why != nullptr ? why : "unknown error"));
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
      fail(std::string("cannot keep its attribute ") + name, path);
  }
}

// Owner first: changing it clears bits of the mode.
void copy_identity(const opened_file& from, int to) {
  const std::string path = from.at.path();
  struct stat is {};
  if (fstat(to, &is) != 0) fail("cannot be examined", path);
  const auto& was = from.status;
  if ((was.st_uid != is.st_uid || was.st_gid != is.st_gid) && fchown(to, was.st_uid, was.st_gid) != 0)
    fail("cannot keep its owner (run this as its owner, or as root if the directory belongs to root)", path);
  if (fchmod(to, was.st_mode & 07777) != 0) fail("cannot keep its mode", path);
  copy_attributes(from.bytes.get(), to, path);
}

// The new file beside the old one, under a name that is known, so that one left behind by a crash is used up again.
std::string new_name(const std::string& name) { return "." + name + ".p11tape-new"; }

template <typename Fill>
file_id build(const directory& in, const std::string& temporary, Fill fill) {
  unlinkat(in.get(), temporary.c_str(), 0);
  const descriptor out(openat(in.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) fail("cannot be created", in.path_of(temporary));
  try {
    fill(out.get());
    if (fsync(out.get()) != 0) fail("cannot be written", in.path_of(temporary));
    struct stat st {};
    if (fstat(out.get(), &st) != 0) fail("cannot be examined", in.path_of(temporary));
    return id_of(st);
  } catch (...) {
    unlinkat(in.get(), temporary.c_str(), 0);
    throw;
  }
}

// The new file takes the name, or goes.
void put_in_place(const directory& in, const std::string& temporary, const file_id& file, const std::string& name,
                  const before_step& step, const file_id* replaced = nullptr) {
  try {
    rename_file(in, temporary, file, name, step, replaced);
  } catch (...) {
    unlinkat(in.get(), temporary.c_str(), 0);
    throw;
  }
}

}  // namespace

opened_file open_to_change(file_location at) {
  opened_file out{std::move(at), {}, {}};
  out.bytes = out.at.where.open_file(out.at.name);
  if (fstat(out.bytes.get(), &out.status) != 0) fail("cannot be examined", out.at.path());
  return out;
}

void replace_file(const opened_file& old, std::string_view bytes, const before_step& step) {
  const auto& in = old.at.where;
  const std::string temporary = new_name(old.at.name);
  step("write " + old.at.name);
  const auto made = build(in, temporary, [&](int fd) {
    write_all(fd, bytes, in.path_of(temporary));
    copy_identity(old, fd);
  });
  const file_id replaced = old.id();
  put_in_place(in, temporary, made, old.at.name, step, &replaced);
}

void write_file(const file_location& at, std::string_view bytes, unsigned mode, const before_step& step) {
  const std::string temporary = new_name(at.name);
  step("write " + at.name);
  const auto made = build(at.where, temporary, [&](int fd) {
    write_all(fd, bytes, at.where.path_of(temporary));
    if (fchmod(fd, mode) != 0) fail("cannot set its mode", at.where.path_of(temporary));
  });
  put_in_place(at.where, temporary, made, at.name, step);
}

void remove_leftover(const file_location& at) noexcept { unlinkat(at.where.get(), new_name(at.name).c_str(), 0); }

void back_up(const opened_file& file, const std::string& backup, const std::function<void(const file_id&)>& note,
             const before_step& step) {
  const auto& in = file.at.where;
  if (in.has(backup)) throw file_error(in.path_of(backup) + ": the backup already exists");
  note(file.id());
  step("back up " + file.at.name);
  if (linkat(in.get(), file.at.name.c_str(), in.get(), backup.c_str(), 0) == 0) {
    try {
      in.expect(backup, file.id());
    } catch (...) {
      unlinkat(in.get(), backup.c_str(), 0);
      throw;
    }
    return in.sync();
  }
  if (errno == EEXIST) fail("the backup already exists", in.path_of(backup));
  // No second names here: a copy, with the times too, so that putting it back changes nothing at all.
  const secret_buffer bytes = read_whole(file.bytes.get(), file.at.path());
  const std::string temporary = new_name(backup);
  const auto made = build(in, temporary, [&](int fd) {
    write_all(fd, bytes.view(), in.path_of(temporary));
    copy_identity(file, fd);
    const timespec times[2] = {file.status.st_atim, file.status.st_mtim};
    if (futimens(fd, times) != 0) fail("cannot keep its times", in.path_of(temporary));
  });
  try {
    note(made);
  } catch (...) {
    unlinkat(in.get(), temporary.c_str(), 0);
    throw;
  }
  put_in_place(in, temporary, made, backup, step);
}

void rename_file(const directory& in, const std::string& from, const file_id& file, const std::string& to,
                 const before_step& step, const file_id* replaced) {
  step("rename to " + to);
  in.expect(from, file);
  if (replaced != nullptr) in.expect(to, *replaced);
  if (renameat(in.get(), from.c_str(), in.get(), to.c_str()) != 0) fail("cannot be replaced", in.path_of(to));
  step("synchronise " + to);
  in.sync();
}

void remove_file(const directory& in, const std::string& name, const before_step& step) {
  step("remove " + name);
  if (unlinkat(in.get(), name.c_str(), 0) != 0 && errno != ENOENT) fail("cannot be removed", in.path_of(name));
  in.sync();
}

}  // namespace p11tape::clients
