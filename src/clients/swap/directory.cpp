// SPDX-License-Identifier: Apache-2.0
#include "clients/swap/directory.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <set>
#include <utility>

namespace p11tape::clients {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  const char* why = strerrordesc_np(errno);
  throw file_error(path + ": " + what + ": " + (why != nullptr ? why : "unknown error"));
}

constexpr gid_t no_group = 65534;

/// Resolves one path. Notes whom one has to trust for it.
class resolver {
 public:
  explicit resolver(const std::string& path) : given_(path) {
    push_front(std::filesystem::absolute(path).string());
    from_root();
  }

  /// Leaves the last component in `name`, where it is no link and no directory or `directory_wanted` is false.
  std::string walk(bool directory_wanted) {
    while (!rest_.empty()) {
      std::string name = std::move(rest_.front());
      rest_.pop_front();
      if (name == "..") {
        names_.empty() ? void() : names_.pop_back();
        enter(name);
        continue;
      }
      struct stat st {};
      if (fstatat(now_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT && rest_.empty()) return name;
        fail(given_, "cannot be found");
      }
      if (S_ISLNK(st.st_mode)) {
        follow(name, st);
      } else if (rest_.empty() && !directory_wanted) {
        return name;
      } else {
        names_.push_back(name);
        enter(name);
      }
    }
    return "";
  }

  directory opened() {
    const std::string path = here();
    descriptor readable(openat(now_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    directory out(readable ? std::move(readable) : std::move(now_), path);
    trusted_.erase(0);
    trusted_.erase(out.owner());
    if (is_root() && !trusted_.empty())
      throw file_error(given_ + ": a directory or link on the way belongs to user " + user_name(*trusted_.begin()) +
                       ", but " + path + " to " + user_name(out.owner()) + " (name a path of one owner)");
    return out;
  }

 private:
  void push_front(const std::string& path) {
    std::deque<std::string> parts;
    for (std::size_t at = 0; at < path.size();) {
      const auto end = std::min(path.find('/', at), path.size());
      const auto part = path.substr(at, end - at);
      if (!part.empty() && part != ".") parts.push_back(part);
      at = end + 1;
    }
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
  }

  void from_root() {
    names_.clear();
    now_ = descriptor(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!now_) fail("/", "cannot be opened");
  }

  void enter(const std::string& name) {
    descriptor next(openat(now_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (!next || fstat(next.get(), &st) != 0) fail(here(), "cannot be opened");
    trusted_.insert(st.st_uid);
    const bool anyone = (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0;
    if (anyone && is_root() && !rest_.empty())
      throw file_error(here() + ": everyone may exchange what is in this directory (name another path)");
    now_ = std::move(next);
  }

  void follow(const std::string& name, const struct stat& st) {
    constexpr int most_links = 40;
    if (++links_ > most_links) throw file_error(given_ + ": there are too many symbolic links");
    trusted_.insert(st.st_uid);
    char target[PATH_MAX];
    const ssize_t n = readlinkat(now_.get(), name.c_str(), target, sizeof target);
    if (n <= 0 || n == static_cast<ssize_t>(sizeof target)) fail(given_, "cannot be found");
    const std::string to(target, static_cast<std::size_t>(n));
    push_front(to);
    if (to.starts_with('/')) from_root();
  }

  std::string here() const {
    std::string out;
    for (const auto& name : names_) out += '/' + name;
    return out.empty() ? "/" : out;
  }

  std::string given_;
  std::deque<std::string> rest_;
  std::vector<std::string> names_;
  descriptor now_;
  std::set<uid_t> trusted_;
  int links_ = 0;
};

}  // namespace

std::string user_name(uid_t user) {
  const passwd* const entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : std::to_string(user);
}

directory::directory(descriptor opened, std::string path)
    : fd_(std::make_shared<descriptor>(std::move(opened))), path_(std::move(path)) {
  struct stat st {};
  if (fstat(get(), &st) != 0) fail(path_, "cannot be examined");
  id_ = id_of(st);
  owner_ = st.st_uid;
  private_ = (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::optional<struct stat> directory::look(const std::string& name) const {
  struct stat st {};
  if (fstatat(get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return st;
  if (errno == ENOENT) return std::nullopt;
  fail(path_of(name), "cannot be examined");
}

descriptor directory::open_file(const std::string& name) const {
  descriptor out(openat(get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!out) fail(path_of(name), "cannot be read");
  struct stat st {};
  if (fstat(out.get(), &st) != 0) fail(path_of(name), "cannot be examined");
  if (!S_ISREG(st.st_mode)) throw file_error(path_of(name) + ": not a regular file");
  return out;
}

void directory::expect(const std::string& name, const file_id& file) const {
  const auto now = look(name);
  if (!now || id_of(*now) != file)
    throw file_error(path_of(name) + ": was replaced by another file meanwhile (nothing was changed; try again)");
}

void directory::sync() const {
  // File systems that cannot do this (EINVAL), and directories that cannot be read (EBADF), have nothing to wait for.
  if (fsync(get()) != 0 && errno != EINVAL && errno != EROFS && errno != EBADF) fail(path_, "cannot be synchronised");
}

void directory::lock() const {
  constexpr int patience = 50;
  for (int tries = 0; flock(get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // no locks here, as on some network file systems
    if (tries == patience) throw file_error(path_ + ": another process has locked the directory (try again later)");
    usleep(100'000);
  }
}

file_location locate(const std::string& path) {
  resolver r(path);
  std::string name = r.walk(false);
  if (name.empty()) throw file_error(path + ": is a directory");
  return {r.opened(), std::move(name)};
}

directory find_directory(const std::string& path) {
  resolver r(path);
  if (!r.walk(true).empty()) throw file_error(path + ": cannot be found: No such file or directory");
  return r.opened();
}

directory make_directory(const file_location& where) {
  {
    const acting_as_owner owner(where.where);
    if (mkdirat(where.where.get(), where.name.c_str(), 0755) != 0 && errno != EEXIST)
      fail(where.path(), "cannot be created");
    where.where.sync();
  }
  descriptor made(openat(where.where.get(), where.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) fail(where.path(), "cannot be opened");
  return {std::move(made), where.path()};
}

bool is_root() noexcept {
  uid_t real = 0, effective = 0, saved = 0;
  return getresuid(&real, &effective, &saved) == 0 && (effective == 0 || saved == 0);
}

acting_as_owner::acting_as_owner(const directory& of) {
  const uid_t user = of.owner();
  if (!is_root() || user == geteuid()) return;
  before_.groups.resize(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(before_.groups.size()), before_.groups.data()) < 0)
    fail(of.path(), "own groups cannot be read");
  before_.user = geteuid();
  before_.group = getegid();
  rights wanted{user, 0, {0}};
  if (const passwd* const entry = getpwuid(user); entry != nullptr) {
    int count = 256;
    wanted.group = entry->pw_gid;
    wanted.groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(entry->pw_name, entry->pw_gid, wanted.groups.data(), &count) < 0) count = 256;
    wanted.groups.resize(static_cast<std::size_t>(count));
  } else if (user != 0) {
    wanted.group = no_group;
    wanted.groups = {no_group};
  }
  acting_ = true;
  if (!become(wanted)) {
    const int why = errno;
    back();
    errno = why;
    fail(of.path(), "root cannot act as its owner " + user_name(user));
  }
}

bool acting_as_owner::become(const rights& r) noexcept {
  return seteuid(0) == 0 && setgroups(r.groups.size(), r.groups.data()) == 0 && setegid(r.group) == 0 &&
         seteuid(r.user) == 0;
}

void acting_as_owner::back() noexcept {
  // To go on with another user's rights would be as wrong as to go on with too many.
  if (!become(before_)) std::terminate();
  acting_ = false;
}

acting_as_owner::~acting_as_owner() {
  if (acting_) back();
}

}  // namespace p11tape::clients
