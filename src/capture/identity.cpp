#include "capture/identity.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

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
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t n = read(fd, into, size - 1);
  close(fd);
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
                                  const char* forked_from, const char* note) noexcept {
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
  const auto setting = [&](const char* name, const setting_text& value) {
    if (value.from[0] == 0) return;
    char key[64];
    std::snprintf(key, sizeof key, "setting.%s", name);
    w.line(key, value.value);
    std::snprintf(key, sizeof key, "setting.%s.from", name);
    w.line(key, value.from);
  };
  setting("module", s.module);
  setting("dir", s.folder);
  setting("profile", s.profile_text);
  w.number("setting.limit", s.limit);
  w.number("setting.keep", s.keep);
  w.line("setting.when_full", s.ring ? "ring" : "stop");
  errno = e;
  return w.result();
}

void write_tape_name(char* into, std::size_t size, const recorded_module& m) noexcept {
  const int e = errno;
  char program[4096], start[32], shim[256];
  program_path(program, sizeof program);
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  std::strftime(start, sizeof start, "%Y%m%dT%H%M%SZ", &utc);
  std::snprintf(shim, sizeof shim, "%.200s", m.shim != nullptr ? base_name(m.shim) : "p11tape");
  if (char* dot = std::strstr(shim, ".so"); dot != nullptr && dot != shim) *dot = 0;
  std::snprintf(into, size, "%.80s.%d.%s.%.80s", program[0] != 0 ? base_name(program) : "unknown", getpid(), start,
                shim);
  errno = e;
}

}  // namespace p11tape::capture
