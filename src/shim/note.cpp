// SPDX-License-Identifier: Apache-2.0
// The note by which a copy of p11tape.so is known, whatever its file is called: `p11tape settings --pid` and `p11tape
// ps` look for it in what a process has loaded.
#include <elf.h>

namespace {

struct shim_note {
  Elf64_Nhdr header;
  char name[8];
  char description[4];
};

__attribute__((section(".note.p11tape"), used, aligned(4)))
const shim_note note = {{sizeof shim_note::name, sizeof shim_note::description, 1}, "p11tape", "1.0"};

}  // namespace
