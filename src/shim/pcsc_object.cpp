// SPDX-License-Identifier: Apache-2.0
#include "shim/pcsc_object.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

namespace p11tape::shim {
namespace {

void read_segments(const dl_phdr_info& info, object& o) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  bool plain_constants = false;  // a segment for constants alone; older linkers put them beside the code
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < info.dlpi_phnum; ++i) {
      const auto& s = info.dlpi_phdr[i];
      const std::uintptr_t at = o.base + s.p_vaddr;
      if (s.p_type == PT_GNU_RELRO) {  // the loader protects whole pages only
        o.relro = at & ~(page - 1);
        o.relro_end = (at + s.p_memsz) & ~(page - 1);
      }
      if (s.p_type == PT_DYNAMIC) o.dynamic = reinterpret_cast<const ElfW(Dyn)*>(at);
      if (s.p_type != PT_LOAD) continue;
      if (o.begin == 0 || at < o.begin) o.begin = at;
      if (at + s.p_memsz > o.end) o.end = at + s.p_memsz;
      if ((s.p_flags & PF_W) != 0) {
        if (o.writable == 0) o.writable = at;
        o.writable_end = at + s.p_memsz;
        continue;
      }
      if ((s.p_flags & PF_R) == 0) continue;
      const bool code = (s.p_flags & PF_X) != 0;
      if (pass == 0 && !code) plain_constants = true;
      if (pass == 1 && code != plain_constants && o.constant_count < object::most_segments)
        o.constants[o.constant_count++] = {reinterpret_cast<const char*>(at), s.p_filesz};
    }
  }
}

bool read_dynamic(object& o) noexcept {
  std::size_t soname = 0;
  bool rela = true;
  for (const auto* d = o.dynamic; d != nullptr && d->d_tag != DT_NULL; ++d) {
    const auto value = d->d_un.d_val;
    switch (d->d_tag) {
      case DT_STRTAB:
        o.strings = reinterpret_cast<const char*>(value);
        break;
      case DT_SYMTAB:
        o.symbols = reinterpret_cast<const ElfW(Sym)*>(value);
        break;
      case DT_JMPREL:
        o.slots[0] = reinterpret_cast<const ElfW(Rela)*>(value);
        break;
      case DT_PLTRELSZ:
        o.slot_count[0] = value / sizeof(ElfW(Rela));
        break;
      case DT_RELA:
        o.slots[1] = reinterpret_cast<const ElfW(Rela)*>(value);
        break;
      case DT_RELASZ:
        o.slot_count[1] = value / sizeof(ElfW(Rela));
        break;
      case DT_PLTREL:
        rela = value == DT_RELA;
        break;
      case DT_RPATH:
        o.has_rpath = true;
        break;
      case DT_RUNPATH:
        o.has_runpath = true;
        break;
      case DT_SONAME:
        soname = value;
        break;
      default:
        break;
    }
  }
  if (o.strings == nullptr || o.symbols == nullptr || reinterpret_cast<std::uintptr_t>(o.strings) < o.base)
    return false;
  o.soname = soname != 0 ? o.strings + soname : "";
  if (!rela) o.slot_count[0] = 0;
  return true;
}

bool needs(const object& o, const object& other) noexcept {
  for (const auto* d = o.dynamic; d->d_tag != DT_NULL; ++d) {
    if (d->d_tag != DT_NEEDED) continue;
    const char* const name = o.strings + d->d_un.d_val;
    if (std::strcmp(name, other.soname) == 0 || std::strcmp(file_name(name), file_name(other.path)) == 0) return true;
  }
  return false;
}

struct search {
  const void* root;  // the dynamic section of the first
  object* found;
  int count, most;
  bool grown;
};

// The loader's list is locked here, so nothing in this function may ask the loader for anything.
int visit(dl_phdr_info* info, std::size_t, void* data) noexcept {
  auto& s = *static_cast<search*>(data);
  object o{};
  o.base = info->dlpi_addr;
  o.path = info->dlpi_name;
  read_segments(*info, o);
  if (s.count == s.most || !read_dynamic(o)) return 0;
  for (int i = 0; i < s.count; ++i)
    if (s.found[i].dynamic == o.dynamic) return 0;
  bool wanted = s.count == 0 && o.dynamic == s.root;
  for (int i = 0; i < s.count && !wanted; ++i) wanted = needs(s.found[i], o);
  if (wanted) {
    s.found[s.count++] = o;
    s.grown = true;
  }
  return 0;
}

// A search of its own, because one that a sanitizer intercepts takes the red zones between constants for a mistake.
__attribute__((no_sanitize("address"))) bool contains(const char* at, std::size_t size, const char* text,
                                                      std::size_t length) noexcept {
  std::size_t skip[256];
  for (auto& s : skip) s = length;
  for (std::size_t i = 0; i + 1 < length; ++i) skip[static_cast<unsigned char>(text[i])] = length - 1 - i;
  for (std::size_t from = 0; size >= length && from <= size - length;) {
    std::size_t i = length;
    while (i > 0 && at[from + i - 1] == text[i - 1]) --i;
    if (i == 0) return true;
    from += skip[static_cast<unsigned char>(at[from + length - 1])];
  }
  return false;
}

}  // namespace

const char* file_name(const char* path) noexcept {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

int closure_of(void* handle, object* into, int most) noexcept {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return 0;
  search s{map->l_ld, into, 0, most, true};
  while (s.grown) {
    s.grown = false;
    dl_iterate_phdr(visit, &s);
  }
  return s.count;
}

spelt spells(const object& o, const char* text, std::size_t& budget) noexcept {
  for (int i = 0; i < o.constant_count; ++i) {
    const auto& c = o.constants[i];
    if (c.size > budget) {
      budget = 0;
      return spelt::unknown;
    }
    budget -= c.size;
    if (contains(c.at, c.size, text, std::strlen(text))) return spelt::yes;
  }
  return spelt::no;
}

}  // namespace p11tape::shim
