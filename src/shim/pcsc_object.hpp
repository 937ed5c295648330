// SPDX-License-Identifier: Apache-2.0
// A loaded shared object as the tap needs to see it: what it imports, what it spells, and where its slots are.
//
// Everything is read from memory, as the loader left it. On x86-64 and aarch64 glibc turns the addresses in the dynamic
// section into pointers; an object where that is not so (the kernel's vdso) is left alone.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

namespace p11tape::shim {

struct span_of_memory {
  const char* at;
  std::size_t size;
};

struct object {
  static constexpr int most_segments = 8;

  std::uintptr_t base;
  std::uintptr_t begin, end;              ///< all that is mapped of it
  std::uintptr_t writable, writable_end;  ///< its data
  std::uintptr_t relro, relro_end;        ///< pages of it that the loader has made read-only after relocation
  const char* path;
  const char* soname;  ///< "" for none
  const ElfW(Dyn) * dynamic;
  const char* strings;
  const ElfW(Sym) * symbols;
  const ElfW(Rela) * slots[2];  ///< DT_JMPREL and DT_RELA
  std::size_t slot_count[2];
  bool has_rpath, has_runpath;
  span_of_memory constants[most_segments];
  int constant_count;
};

/// The object behind a handle of dlopen and all that it was linked with, that again, and so on. They stay loaded as
/// long as the handle is not closed. Returns how many there are, the one of the handle first; 0 where that cannot be
/// told.
int closure_of(void* handle, object* into, int most) noexcept;

/// The name of a file without its folder.
const char* file_name(const char* path) noexcept;

enum class spelt : std::uint8_t { no, yes, unknown };

/// Whether the object's constants contain the text. `budget`: bytes that may still be looked at; what lies beyond makes
/// the answer unknown.
spelt spells(const object& o, const char* text, std::size_t& budget) noexcept;

}  // namespace p11tape::shim
