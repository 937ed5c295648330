// SPDX-License-Identifier: Apache-2.0
#include "capture/host/identity.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "capture/settings/settings_table.hpp"
#include "cryptoki/pin_text.hpp"
#include "tape/kernel_clock.hpp"
#include "tape/raw_syscalls.hpp"

#ifndef P11TAPE_VERSION
#error "P11TAPE_VERSION comes from the build"
#endif

namespace p11tape::capture {
namespace {

class writer {
 public:
  writer(char* into, std::size_t size) noexcept : start_(into), at_(into), end_(into + size) {}

  void line(const char* key, const char* value) noexcept {
    if (value == nullptr || value[0] == 0) return;
    if (cryptoki::holds_pin(value)) value = cryptoki::withheld_text.data();
    char* const before = at_;
    bool fits = text(key) && put('=');
    for (; fits && *value != 0; ++value) {
      if (*value == '\n') {
        fits = put('\\') && put('n');
      } else if (*value == '\\') {
        fits = put('\\') && put('\\');
      } else {
        fits = put(*value);
      }
    }
    if (!fits || !put('\n')) at_ = before;
  }

  void number(const char* key, unsigned long long value) noexcept {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%llu", value);
    line(key, digits);
  }

  std::string_view result() const noexcept { return {start_, static_cast<std::size_t>(at_ - start_)}; }

 private:
  bool put(char c) noexcept {
    if (at_ == end_) return false;
    *at_++ = c;
    return true;
  }
  bool text(const char* s) noexcept {
    for (; *s != 0; ++s)
      if (!put(*s)) return false;
    return true;
  }
  char *start_, *at_, *end_;
};

void read_small_file(const char* path, char* into, std::size_t size) noexcept {
  into[0] = 0;
  const int fd = kernel::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t n = kernel::read(fd, into, size - 1);
  kernel::close(fd);
  into[n > 0 ? n : 0] = 0;
  for (char* c = into; *c != 0; ++c)
    if (*c == '\n') *c = 0;
}

void program_path(char* into, std::size_t size) noexcept {
  const ssize_t n = readlink("/proc/self/exe", into, size - 1);
  into[n > 0 ? n : 0] = 0;
}

const char* base_name(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// "/usr/lib/softhsm/libsofthsm2.so" -> "libsofthsm2"
template <std::size_t N>
void object_name(char (&into)[N], const char* path, const char* unknown) noexcept {
  const bool known = path != nullptr && path[0] != 0;
  std::snprintf(into, N, "%.80s", known ? base_name(path) : unknown);
  if (char* dot = std::strstr(into, ".so"); dot != nullptr && dot != into) *dot = 0;
}

// The time in UTC as 20261121T180501Z. By hand: gmtime takes a lock of libc that a child of fork may find locked for
// ever.
void write_moment(char (&into)[128]) noexcept {
  const auto seconds = static_cast<long long>(tape::clock_ns(CLOCK_REALTIME) / 1000000000u);
  const long long of_day = seconds % 86400;
  // Days since 1 March of the year 0 of the Gregorian calendar, in eras of 400 years.
  const long long days = seconds / 86400 + 719468;
  const long long era_day = days % 146097;
  const long long era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
  const long long year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
  const long long march_month = (5 * year_day + 2) / 153;
  const long long day = year_day - (153 * march_month + 2) / 5 + 1;
  const long long month = march_month < 10 ? march_month + 3 : march_month - 9;
  const long long year = era_year + days / 146097 * 400 + (month <= 2 ? 1 : 0);
  std::snprintf(into, sizeof into, "%04lld%02lld%02lldT%02lld%02lld%02lldZ", year, month, day, of_day / 3600,
                of_day / 60 % 60, of_day % 60);
}

// The build id is a note in a loaded segment; the object's own headers say where.
void build_id(const void* base, char (&hex)[80]) noexcept {
  hex[0] = 0;
  if (base == nullptr) return;
  const auto* start = static_cast<const char*>(base);
  const auto* elf = reinterpret_cast<const ElfW(Ehdr)*>(start);
  if (std::memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0) return;
  const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(start + elf->e_phoff);
  for (int i = 0; i < elf->e_phnum; ++i) {
    if (segments[i].p_type != PT_NOTE) continue;
    const char* at = start + segments[i].p_vaddr;
    const char* end = at + segments[i].p_memsz;
    while (end - at >= static_cast<std::ptrdiff_t>(sizeof(ElfW(Nhdr)))) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const char* name = at + sizeof *note;
      const char* data = name + ((note->n_namesz + 3u) & ~3u);
      const char* next = data + ((note->n_descsz + 3u) & ~3u);
      if (next > end) return;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        for (unsigned b = 0; b < note->n_descsz && b < 32; ++b)
          std::snprintf(hex + 2 * b, 3, "%02x", static_cast<unsigned char>(data[b]));
        return;
      }
      at = next;
    }
  }
}

}  // namespace

std::string_view write_properties(char* into, std::size_t size, const settings& s, const recorded_module& m,
                                  const char* forked_from, const char* note, const char* no_counter) noexcept {
  const int e = errno;
  writer w(into, size);
  char text[4096];
  program_path(text, sizeof text);
  w.line("program", text);
  w.line("name", base_name(text));
  w.line("version", P11TAPE_VERSION);
  w.line("shim", m.shim);
  char id[80];
  build_id(m.shim_base, id);
  w.line("shim.build_id", id);
  w.line("module", m.path);
  w.line("module.path", m.resolved);
  build_id(m.module_base, id);
  w.line("module.build_id", id);
  w.line("module.error", m.error);
  w.line("apdu", m.apdu);
  w.number("uid", getuid());
  w.number("euid", geteuid());
  w.number("gid", getgid());
  w.number("egid", getegid());
  w.number("at_secure", getauxval(AT_SECURE));
  gethostname(text, sizeof text);
  text[sizeof text - 1] = 0;
  w.line("host", text);
  read_small_file("/proc/sys/kernel/random/boot_id", text, sizeof text);
  w.line("boot", text);
  w.line("forked_from", forked_from);
  w.line("note", note);
  w.line("clock.reason", no_counter);
  w.line("settings.file", s.file);
  for (std::size_t i = 0; i < setting_count; ++i) {
    char key[64];
    std::snprintf(key, sizeof key, "setting.%s", setting_rows[i].key);
    w.line(key, s.values[i].text);
    std::snprintf(key, sizeof key, "setting.%s.from", setting_rows[i].key);
    w.line(key, s.values[i].from);
  }
  errno = e;
  return w.result();
}

void write_tape_name(char* into, std::size_t size, const char* pattern, const recorded_module& m) noexcept {
  const int e = errno;
  char path[4096], program[128], start[128], host[80], shim[96], module[96], pid[24], parent[24], user[24];
  program_path(path, sizeof path);
  std::snprintf(program, sizeof program, "%.80s", path[0] != 0 ? base_name(path) : "unknown");
  write_moment(start);
  gethostname(host, sizeof host);
  host[sizeof host - 1] = 0;
  object_name(shim, m.shim, "p11tape");
  object_name(module, m.path, "none");
  std::snprintf(pid, sizeof pid, "%d", getpid());
  std::snprintf(parent, sizeof parent, "%d", getppid());
  std::snprintf(user, sizeof user, "%u", geteuid());
  const struct {
    const char* word;
    const char* value;
  } words[] = {{"{program}", program}, {"{pid}", pid},  {"{ppid}", parent},   {"{start}", start},
               {"{host}", host},       {"{uid}", user}, {"{module}", module}, {"{shim}", shim}};
  std::size_t used = 0;
  while (*pattern != 0 && used + 1 < size) {
    const char* value = nullptr;
    for (const auto& w : words) {
      if (std::strncmp(pattern, w.word, std::strlen(w.word)) != 0) continue;
      value = w.value;
      pattern += std::strlen(w.word);
      break;
    }
    if (value == nullptr) {
      into[used++] = *pattern++;
      continue;
    }
    for (; *value != 0 && used + 1 < size; ++value) into[used++] = *value == '/' ? '_' : *value;
  }
  into[used] = 0;
  errno = e;
}

}  // namespace p11tape::capture
