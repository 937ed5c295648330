// SPDX-License-Identifier: Apache-2.0
// What an ELF file says of itself, without loading it. Trusts nothing in the file; no exceptions, no allocation: the
// audit library uses it inside the host, too.
#pragma once

#include <cstddef>

namespace p11tape::run {

class elf_file {
 public:
  /// Maps the file; ok() is false where it is no ELF file of this machine's word size.
  explicit elf_file(const char* path) noexcept;
  ~elf_file();
  elf_file(const elf_file&) = delete;
  elf_file& operator=(const elf_file&) = delete;

  bool ok() const noexcept { return bytes_ != nullptr; }

  /// True if it defines a dynamic symbol of that name.
  bool exports(const char* name) const noexcept;

  /// True if it is started by a dynamic loader; false for a static program.
  bool has_interpreter() const noexcept;

  /// True if it carries the note by which a copy of p11tape.so is known, whatever its file is called.
  bool is_shim() const noexcept;

 private:
  template <class T>
  const T* at(unsigned long offset, unsigned long count = 1) const noexcept;
  template <class Visit>
  bool any_segment(Visit visit) const noexcept;

  const unsigned char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace p11tape::run
