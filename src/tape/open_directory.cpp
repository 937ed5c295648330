// SPDX-License-Identifier: Apache-2.0
#include "tape/open_directory.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;  // O_DIRECTORY has automounters mount what is there
constexpr int most_links = 40;                           // as the kernel

// Goes along a path, one component at a time.
class walk {
 public:
  explicit walk(const directory_wish& wish) noexcept : wish_(wish) {
    const std::size_t size = std::strlen(wish.path) + 1;
    if (size > sizeof text_) {
      fail(ENAMETOOLONG);
      return;
    }
    rest_ = text_ + sizeof text_ - size;
    std::memcpy(rest_, wish.path, size);
  }

  opened_directory run() noexcept {
    if (result_.error == 0) start();
    while (result_.error == 0 && next_component()) step();
    if (result_.error == 0) result_.descriptor = at_;
    if (result_.error != 0 && at_ >= 0) kernel::close(at_);
    return result_;
  }

 private:
  void fail(int error) noexcept { result_.error = error; }
  void go_to(int descriptor) noexcept {
    const int error = errno;
    if (at_ >= 0) kernel::close(at_);
    at_ = descriptor;
    if (at_ < 0) fail(error);
  }

  void start() noexcept {
    if (rest_[0] == 0) return fail(ENOENT);
    go_to(kernel::open(rest_[0] == '/' ? "/" : ".", flags));
  }

  // Takes the next component off the rest of the path. False: there is none.
  bool next_component() noexcept {
    rest_ += std::strspn(rest_, "/");
    const std::size_t size = std::strcspn(rest_, "/");
    if (size == 0) return false;
    if (size >= sizeof name_) return fail(ENAMETOOLONG), false;
    std::memcpy(name_, rest_, size);
    name_[size] = 0;
    rest_ += size;
    last_ = rest_[std::strspn(rest_, "/")] == 0;
    return true;
  }

  void step() noexcept {
    if (last_ && wish_.make && links_ == 0 && mkdirat(at_, name_, 0700) != 0 && errno != EEXIST) return fail(errno);
    const int next = kernel::openat(at_, name_, flags | O_NOFOLLOW);
    if (next >= 0) return go_to(next);
    if (errno != ENOTDIR && errno != ELOOP) return fail(errno);
    follow();
  }

  // What is no directory may be a link to one. It is opened, so that whose it is is known of the very link that is read.
  void follow() noexcept {
    const int link = kernel::openat(at_, name_, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (link < 0) return fail(errno);
    read_link(link);
    kernel::close(link);
  }

  void read_link(int link) noexcept {
    struct stat st {};
    if (fstat(link, &st) != 0) return fail(errno);
    if (!S_ISLNK(st.st_mode)) return fail(ENOTDIR);
    if (++links_ > most_links || (last_ && !wish_.follow_last)) return fail(ELOOP);
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
      result_.foreign_link = true;
      result_.link_owner = st.st_uid;
      return fail(EPERM);
    }
    // The target comes before the rest. Hosts have threads with small stacks: there is one buffer, and the rest stands at
    // its end. (Not memmove: Valgrind takes its checked form for memcpy's, and reports the overlap.)
    const auto room = static_cast<std::size_t>(rest_ - text_);
    if (room == 0) return fail(ENAMETOOLONG);
    const ssize_t size = readlinkat(link, "", text_, room);
    if (size <= 0) return fail(size == 0 ? ENOENT : errno);
    if (static_cast<std::size_t>(size) == room) return fail(ENAMETOOLONG);
    for (auto n = size; n-- > 0;) *--rest_ = text_[n];
    if (rest_[0] == '/') go_to(kernel::open("/", flags));
  }

  const directory_wish& wish_;
  opened_directory result_;
  int at_ = -1;
  int links_ = 0;
  bool last_ = false;  // the component is the last one
  char name_[NAME_MAX + 1];
  char* rest_ = text_;  // of the path: the end of `text_`
  char text_[PATH_MAX];
};

opened_directory open_as_it_is(const directory_wish& wish) noexcept {
  opened_directory result;
  if (wish.make && mkdir(wish.path, 0700) != 0 && errno != EEXIST) {
    result.error = errno;
    return result;
  }
  result.descriptor = kernel::open(wish.path, flags | (wish.follow_last ? 0 : O_NOFOLLOW));
  if (result.descriptor < 0) result.error = errno;
  return result;
}

}  // namespace

bool is_privileged() noexcept { return geteuid() == 0 || getauxval(AT_SECURE) != 0; }

opened_directory open_directory(const directory_wish& wish) noexcept {
  return is_privileged() ? walk(wish).run() : open_as_it_is(wish);
}

}  // namespace p11tape::tape
