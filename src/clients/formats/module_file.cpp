// SPDX-License-Identifier: Apache-2.0
// Nothing is executed here: loading a library runs its constructors, and a wrong one may do anything.
#include "clients/formats/module_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "clients/files.hpp"
#include "clients/swap/shim_copy.hpp"
#include "label/token_label.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view entry_point = "C_GetFunctionList";

// The file in memory, read only.
class mapping {
 public:
  explicit mapping(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
      size_ = static_cast<std::size_t>(st.st_size);
      at_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0) close(fd);
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping() {
    if (at_ != MAP_FAILED) munmap(at_, size_);
  }
  std::string_view view() const noexcept {
    return at_ == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(at_), size_);
  }

 private:
  void* at_ = MAP_FAILED;
  std::size_t size_ = 0;
};

// Type and machine stand at the same places in files of both word sizes.
struct elf_kind {
  bool is_elf = false;
  int bits = 0;
  bool little_endian = true;
  unsigned type = 0;
  unsigned machine = 0;
};

elf_kind kind_of(std::string_view bytes) noexcept {
  elf_kind k;
  if (bytes.size() < sizeof(Elf32_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) return k;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i])); };
  k.is_elf = true;
  k.bits = byte(EI_CLASS) == ELFCLASS64 ? 64 : 32;
  k.little_endian = byte(EI_DATA) == ELFDATA2LSB;
  const auto word = [&](std::size_t i) {
    return k.little_endian ? byte(i) | byte(i + 1) << 8 : byte(i) << 8 | byte(i + 1);
  };
  k.type = word(16);
  k.machine = word(18);
  return k;
}

// The 32-bit relative of a 64-bit machine: a program of that size can use it here.
bool is_small_sister(unsigned machine, unsigned here) noexcept {
  return (here == EM_X86_64 && machine == EM_386) || (here == EM_AARCH64 && machine == EM_ARM) ||
         (here == EM_PPC64 && machine == EM_PPC) || (here == EM_S390 && machine == EM_S390);
}

bool allowed(const struct stat& st, const file_user& user, unsigned bit) noexcept {
  if (user.uid == 0) return true;
  unsigned mode = st.st_mode & 7;
  if (st.st_uid == user.uid)
    mode = st.st_mode >> 6 & 7;
  else if (std::find(user.groups.begin(), user.groups.end(), st.st_gid) != user.groups.end())
    mode = st.st_mode >> 3 & 7;
  return (mode & bit) != 0;
}

// Each folder from the root down.
void check_folders(findings& out, const std::string& path, const file_user& user) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, std::max<std::size_t>(slash, 1));
    struct stat st {};
    if (stat(folder.c_str(), &st) != 0) return;
    if (!allowed(st, user, 1)) {
      out.add(code::CFG508, "User " + user.name + ", directory " + folder + ".");
      return;
    }
    const bool open_to_all = (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0;
    if (open_to_all && !out.has(code::CFG510)) out.add(code::CFG510, "All users can write to " + folder + ".");
  }
}

void check_place(findings& out, std::string_view real) {
  for (const std::string_view folder : {"/home/", "/root/", "/tmp/", "/var/tmp/"})
    if (real.starts_with(folder)) out.add(code::CFG511, std::string(real));
  if (file_of(real).starts_with("p11-kit-proxy.")) out.add(code::CFG512);
}

void check_content(module_file& m) {
  const mapping file(m.real_path);
  const elf_kind kind = kind_of(file.view());
  const mapping self("/proc/self/exe");
  const elf_kind here = kind_of(self.view());
  if (!kind.is_elf) {
    m.found.add(code::CFG503);
    return;
  }
  if (kind.machine != here.machine || kind.bits != here.bits) {
    const bool small = kind.bits == 32 && is_small_sister(kind.machine, here.machine);
    m.found.add(small ? code::CFG504 : code::CFG505, std::to_string(kind.bits) + "-bit, machine number " +
                                                         std::to_string(kind.machine) + "; this program is " +
                                                         std::to_string(here.bits) + "-bit, machine number " +
                                                         std::to_string(here.machine) + ".");
    return;
  }
  if (kind.type != ET_DYN) {
    m.found.add(code::CFG506);
    return;
  }
  if (file.view().find(entry_point) == std::string_view::npos) {
    m.found.add(code::CFG507);
    return;
  }
  m.loadable = true;
}

}  // namespace

file_user current_user() {
  file_user u;
  u.uid = geteuid();
  const passwd* entry = getpwuid(u.uid);
  u.name = entry != nullptr ? entry->pw_name : std::to_string(u.uid);
  u.groups.push_back(getegid());
  const int count = getgroups(0, nullptr);
  std::vector<gid_t> more(static_cast<std::size_t>(std::max(count, 0)));
  const int got = getgroups(static_cast<int>(more.size()), more.data());
  if (got > 0) u.groups.insert(u.groups.end(), more.begin(), more.begin() + got);
  return u;
}

std::optional<file_user> user_named(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) {
    uid_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    if (id == geteuid()) return current_user();
    entry = getpwuid(id);
    if (entry == nullptr) return file_user{name, id, {}};
  }
  file_user u{entry->pw_name, entry->pw_uid, {}};
  int count = 64;
  u.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(u.name.c_str(), entry->pw_gid, u.groups.data(), &count) < 0) {
    u.groups.resize(static_cast<std::size_t>(count));
    getgrouplist(u.name.c_str(), entry->pw_gid, u.groups.data(), &count);
  }
  u.groups.resize(static_cast<std::size_t>(count));
  return u;
}

std::optional<gid_t> group_named(const std::string& name) {
  const group* entry = getgrnam(name.c_str());
  return entry != nullptr ? std::optional(entry->gr_gid) : std::nullopt;
}

bool may_read(const std::string& path, const file_user& user) {
  struct stat st {};
  findings directories;
  check_folders(directories, path, user);
  return stat(path.c_str(), &st) == 0 && allowed(st, user, 4) && !directories.has(code::CFG508);
}

module_file inspect_module(const std::string& path, const file_user& user) {
  module_file m;
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) {
    m.found.add(errno == EACCES ? code::CFG508 : code::CFG501, label::quoted(path));
    return m;
  }
  m.real_path = real_path(path);
  if (!S_ISREG(st.st_mode)) {
    m.found.add(code::CFG502, label::quoted(path));
    return m;
  }
  if (path.starts_with('/')) check_folders(m.found, path, user);
  if (m.real_path != path && !m.found.has(code::CFG508)) check_folders(m.found, m.real_path, user);
  if (!allowed(st, user, 4)) m.found.add(code::CFG509, "User " + user.name + ", file " + m.real_path + ".");
  if ((st.st_mode & S_IWOTH) != 0) m.found.add(code::CFG510, "All users can write to " + m.real_path + ".");
  check_place(m.found, m.real_path);
  check_content(m);
  if (m.loadable && is_recorder(m.real_path)) {
    m.recorder = true;
    const auto settings = read_copy_settings(settings_beside(path));
    if (settings) m.recorded = settings->module;
    m.found.add(settings ? code::CFG513 : code::CFG514,
                settings ? "It records " + settings->module + "." : settings_beside(path));
  }
  return m;
}

void check_readers(findings& out, const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0) out.add(code::CFG305, path);
}

}  // namespace p11tape::clients
