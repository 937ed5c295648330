// SPDX-License-Identifier: Apache-2.0
#include "run/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace p11tape::run {

elf_file::elf_file(const char* path) noexcept {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return;
  struct stat st {};
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > static_cast<off_t>(sizeof(ElfW(Ehdr)))) {
    void* map = mmap(nullptr, static_cast<std::size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (map != MAP_FAILED) {
      bytes_ = static_cast<const unsigned char*>(map);
      size_ = static_cast<std::size_t>(st.st_size);
    }
  }
  close(fd);
  constexpr unsigned char word = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (bytes_ != nullptr && (std::memcmp(bytes_, ELFMAG, SELFMAG) != 0 || bytes_[EI_CLASS] != word)) {
    munmap(const_cast<unsigned char*>(bytes_), size_);
    bytes_ = nullptr;
  }
}

elf_file::~elf_file() {
  if (bytes_ != nullptr) munmap(const_cast<unsigned char*>(bytes_), size_);
}

template <class T>
const T* elf_file::at(unsigned long offset, unsigned long count) const noexcept {
  if (offset > size_ || count > (size_ - offset) / sizeof(T) || offset % alignof(T) != 0) return nullptr;
  return reinterpret_cast<const T*>(bytes_ + offset);
}

template <class Visit>
bool elf_file::any_segment(Visit visit) const noexcept {
  if (!ok()) return false;
  const auto* header = at<ElfW(Ehdr)>(0);
  const auto* segments = header != nullptr ? at<ElfW(Phdr)>(header->e_phoff, header->e_phnum) : nullptr;
  if (segments == nullptr || header->e_phentsize != sizeof(ElfW(Phdr))) return false;
  for (unsigned i = 0; i < header->e_phnum; ++i)
    if (visit(segments[i])) return true;
  return false;
}

bool elf_file::has_interpreter() const noexcept {
  return any_segment([](const ElfW(Phdr) & s) { return s.p_type == PT_INTERP; });
}

bool elf_file::is_shim() const noexcept {
  return any_segment([&](const ElfW(Phdr) & s) {
    if (s.p_type != PT_NOTE) return false;
    unsigned long offset = s.p_offset;
    const unsigned long end = s.p_offset + s.p_filesz;
    while (offset < end) {
      const auto* note = at<ElfW(Nhdr)>(offset);
      if (note == nullptr) return false;
      const auto* name = at<char>(offset + sizeof *note, note->n_namesz);
      if (name == nullptr) return false;
      if (note->n_namesz == sizeof "p11tape" && std::memcmp(name, "p11tape", sizeof "p11tape") == 0) return true;
      offset += sizeof *note + ((note->n_namesz + 3ul) & ~3ul) + ((note->n_descsz + 3ul) & ~3ul);
    }
    return false;
  });
}

// By the section headers: a module without them has been stripped of more than `strip` takes.
bool elf_file::exports(const char* name) const noexcept {
  if (!ok()) return false;
  const auto* header = at<ElfW(Ehdr)>(0);
  const auto* sections = at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
  if (sections == nullptr || header->e_shentsize != sizeof(ElfW(Shdr))) return false;
  const std::size_t length = std::strlen(name) + 1;
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto& table = sections[i];
    if (table.sh_type != SHT_DYNSYM || table.sh_link >= header->e_shnum) continue;
    const auto count = table.sh_size / sizeof(ElfW(Sym));
    const auto* symbols = at<ElfW(Sym)>(table.sh_offset, count);
    const auto& strings = sections[table.sh_link];
    const auto* text = at<char>(strings.sh_offset, strings.sh_size);
    if (symbols == nullptr || text == nullptr) continue;
    for (std::size_t k = 0; k < count; ++k) {
      const auto& s = symbols[k];
      if (s.st_shndx == SHN_UNDEF || s.st_name >= strings.sh_size || strings.sh_size - s.st_name < length) continue;
      if (std::memcmp(text + s.st_name, name, length) == 0) return true;
    }
  }
  return false;
}

}  // namespace p11tape::run
