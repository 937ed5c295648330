// SPDX-License-Identifier: Apache-2.0
#include "tape/remove_old_tapes.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "tape/kernel_clock.hpp"
#include "tape/owner.hpp"
#include "tape/raw_syscalls.hpp"

namespace p11tape::tape {
namespace {

constexpr u32 most_names = 32768;    // read from the directory
constexpr u32 all_examined = 2000;   // up to so many tapes each is examined ...
constexpr u32 sample_step = 16;      // ... and of the others one in so many
constexpr u32 most_examined = 6000;  // ... or looks old by its name
constexpr u32 most_candidates = 512;
constexpr u32 most_removals = 32;
constexpr u64 clock_tolerance = u64{24} * 3600;  // s: a start later than this from now is a clock that was wrong

struct entry {  // the kernel's linux_dirent64
  u64 inode;
  u64 offset;
  u16 size;
  u8 type;
  char name[1];
};

struct candidate {
  u64 start;    // s since 1970
  u64 changed;  // ns, breaks a tie within a second
  u64 bytes;
  owner_state owner;
  bool failed;  // it holds a call that failed or never ended
  bool examined;
  bool gone;
  char name[256];

  bool older_than(const candidate& other) const noexcept {
    if (start != other.start) return start < other.start;
    return changed != other.changed ? changed < other.changed : std::strcmp(name, other.name) < 0;
  }
};

constexpr auto younger_first = [](const candidate& a, const candidate& b) noexcept { return a.older_than(b); };

// Too large for a thread's stack, and needed for a moment only.
struct workspace {
  alignas(entry) char names[64 << 10];
  candidate oldest[most_candidates];  // a heap, the youngest of them at its top
  file_header header;
};

u64 now_s() noexcept { return clock_ns(CLOCK_REALTIME) / 1000000000u; }

constexpr u64 btrfs_magic = 0x9123683E, xfs_magic = 0x58465342, f2fs_magic = 0xF2F52010, zfs_magic = 0x2FC12FC1;

// A file system that only this host has mounted.
bool is_local(int directory) noexcept {
  struct statfs fs {};
  if (fstatfs(directory, &fs) != 0) return false;
  switch (static_cast<u64>(fs.f_type)) {
    case EXT4_SUPER_MAGIC:
    case xfs_magic:
    case btrfs_magic:
    case f2fs_magic:
    case zfs_magic:
    case OVERLAYFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return true;
    default:
      return false;
  }
}

bool is_tape_name(const char* name) noexcept {
  constexpr char suffix[] = ".p11tape";
  const std::size_t n = std::strlen(name);
  return n > sizeof suffix && n < sizeof candidate::name && std::strcmp(name + n - (sizeof suffix - 1), suffix) == 0;
}

// The number of `digits` digits at `at`; false where there are others.
bool number_at(const char* at, int digits, u64& out) noexcept {
  out = 0;
  for (int i = 0; i < digits; ++i) {
    if (at[i] < '0' || at[i] > '9') return false;
    out = out * 10 + static_cast<u64>(at[i] - '0');
  }
  return true;
}

// The start in a name that holds one as 20261121T180501Z, in s since 1970.
bool start_in_name(const char* name, u64& out) noexcept {
  for (const char* t = std::strchr(name, 'T'); t != nullptr; t = std::strchr(t + 1, 'T')) {
    u64 year, month, day, hour, minute, second;
    if (t - name < 8 || !number_at(t - 8, 4, year) || !number_at(t - 4, 2, month) || !number_at(t - 2, 2, day))
      continue;
    if (!number_at(t + 1, 2, hour) || !number_at(t + 3, 2, minute) || !number_at(t + 5, 2, second) || t[7] != 'Z')
      continue;
    if (year < 1970 || month < 1 || month > 12) continue;
    // Days since 1 March of the year 0 of the Gregorian calendar.
    const u64 march_year = month <= 2 ? year - 1 : year;
    const u64 march_month = month <= 2 ? month + 9 : month - 3;
    const u64 days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
                     (153 * march_month + 2) / 5 + day - 1 - 719468;
    out = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
  }
  return false;
}

class cleaner {
 public:
  cleaner(int directory, const char* own, const retention& bounds, const file_header& ours, workspace& space) noexcept
      : directory_(directory),
        own_(own),
        bounds_(bounds),
        ours_(ours),
        space_(space),
        now_(now_s()),
        user_(geteuid()) {}

  void run() noexcept {
    look_around();
    if (!too_much()) return;
    std::sort(space_.oldest, space_.oldest + candidates_, younger_first);
    local_ = is_local(directory_);
    remove(owner_state::ended, false);
    remove(owner_state::ended, true);
    remove(owner_state::unknown, false);
  }

 private:
  bool too_large() const noexcept { return bounds_.bytes != 0 && bytes_ > bounds_.bytes; }
  bool too_many() const noexcept { return bounds_.tapes != 0 && tapes_ > bounds_.tapes; }
  bool too_much() const noexcept { return (too_large() || too_many()) && removed_ < most_removals; }

  void look_around() noexcept {
    lseek(directory_, 0, SEEK_SET);
    for (;;) {
      const long n = syscall(SYS_getdents64, directory_, space_.names, sizeof space_.names);
      if (n <= 0) return;
      for (long at = 0; at < n;) {
        const auto* e = reinterpret_cast<const entry*>(space_.names + at);
        at += e->size;
        if (++names_ > most_names) return;
        if (is_tape_name(e->name)) consider(e->name);
      }
    }
  }

  // Counts a tape, and keeps it among the oldest if it belongs there.
  void consider(const char* name) noexcept {
    ++seen_;
    const bool counted = seen_ <= all_examined || seen_ % sample_step == 0;
    const u64 weight = seen_ <= all_examined ? 1 : sample_step;
    u64 start = 0;
    const bool told = start_in_name(name, start);
    // A clock that was ahead says nothing about age; such tapes must not outlive all others.
    if (start > now_ + clock_tolerance) start = 0;
    const bool may_be_old = candidates_ < most_candidates || !told || start <= space_.oldest[0].start;
    if (!counted && (!may_be_old || examined_ >= most_examined)) return;
    ++examined_;
    struct stat st {};
    if (fstatat(directory_, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || st.st_uid != user_) return;
    candidate c{};
    c.bytes = static_cast<u64>(st.st_blocks) * 512;
    if (counted) {
      tapes_ += weight;
      bytes_ += weight * c.bytes;
    }
    if (std::strcmp(name, own_) == 0) return;
    c.changed = static_cast<u64>(st.st_mtim.tv_sec) * 1000000000u + static_cast<u64>(st.st_mtim.tv_nsec);
    c.start = told ? start : std::min(static_cast<u64>(st.st_mtim.tv_sec), now_);
    std::strcpy(c.name, name);  // NOLINT(clang-analyzer-security.insecureAPI.strcpy) is_tape_name: it fits
    keep_if_old(c);
  }

  void keep_if_old(const candidate& c) noexcept {
    auto* const heap = space_.oldest;
    if (candidates_ == most_candidates) {
      if (!c.older_than(heap[0])) return;
      std::pop_heap(heap, heap + candidates_--, younger_first);
    }
    heap[candidates_++] = c;
    std::push_heap(heap, heap + candidates_, younger_first);
  }

  // Removes tapes of that kind, the oldest first, until no bound is exceeded.
  void remove(owner_state owner, bool failed) noexcept {
    for (u32 i = 0; i < candidates_ && too_much(); ++i) {
      auto& c = space_.oldest[i];
      const bool young = (now_ - std::min(now_, c.start)) * 1000000000u < bounds_.protected_for;
      if (c.gone || (!too_large() && (young || owner == owner_state::unknown))) continue;
      examine(c);
      if (c.owner != owner || (owner == owner_state::ended && c.failed != failed)) continue;
      if (unlinkat(directory_, c.name, 0) != 0) continue;
      c.gone = true;
      ++removed_;
      tapes_ -= std::min<u64>(tapes_, 1);
      bytes_ -= std::min(bytes_, c.bytes);
    }
  }

  // Reads the header. A file that only has the name of a tape is left alone, as if its process ran.
  void examine(candidate& c) noexcept {
    if (c.examined) return;
    c.examined = true;
    c.owner = owner_state::running;
    const int fd = kernel::openat(directory_, c.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    file_header& h = space_.header;
    if (pread(fd, &h, sizeof h, 0) == static_cast<ssize_t>(sizeof h) &&
        std::memcmp(h.magic, file_magic, sizeof file_magic) == 0) {
      const bool current = le(h.major) == format_major;
      c.owner = current ? state_of_owner(fd, h, ours_, local_) : owner_state::unknown;
      c.failed = current && holds_failure(fd, h);
    }
    kernel::close(fd);
  }

  const int directory_;
  const char* const own_;
  const retention& bounds_;
  const file_header& ours_;
  workspace& space_;
  const u64 now_;
  const uid_t user_;
  bool local_ = false;
  u32 names_ = 0, seen_ = 0, examined_ = 0, removed_ = 0;
  u32 candidates_ = 0;
  u64 tapes_ = 0, bytes_ = 0;  // of this user; the new one is among them
};

}  // namespace

void remove_old_tapes(int directory, const char* own, const retention& bounds, const file_header& ours) noexcept {
  if (bounds.bytes == 0 && bounds.tapes == 0) return;
  const int e = errno;
  void* const space = mmap(nullptr, sizeof(workspace), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (space != MAP_FAILED) {
    cleaner(directory, own, bounds, ours, *static_cast<workspace*>(space)).run();
    munmap(space, sizeof(workspace));
  }
  errno = e;
}

}  // namespace p11tape::tape
