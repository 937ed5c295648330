// SPDX-License-Identifier: Apache-2.0
// The unwinder inside libgcc.a asks glibc 2.35's _dl_find_object which loaded object a code address belongs to. The
// same is found by walking the list of loaded objects, as the unwinder itself did before. It is asked once a frame,
// and only while an exception is thrown.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "old_version.h"

struct search {
  uintptr_t code;
  struct dl_find_object* found;
};

static int visit(struct dl_phdr_info* object, size_t size, void* data) {
  struct search* search = data;
  uintptr_t begin = UINTPTR_MAX, end = 0, frames = 0;
  const ElfW(Dyn)* dynamic = NULL;
  int hit = 0;
  (void)size;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &object->dlpi_phdr[i];
    const uintptr_t at = object->dlpi_addr + segment->p_vaddr;
    if (segment->p_type == PT_GNU_EH_FRAME) frames = at;
    if (segment->p_type == PT_DYNAMIC) dynamic = (const ElfW(Dyn)*)at;
    if (segment->p_type != PT_LOAD) continue;
    if (at < begin) begin = at;
    if (at + segment->p_memsz > end) end = at + segment->p_memsz;
    if (search->code >= at && search->code < at + segment->p_memsz) hit = 1;
  }
  if (!hit || frames == 0) return 0;
  memset(search->found, 0, sizeof *search->found);
  search->found->dlfo_map_start = (void*)begin;
  search->found->dlfo_map_end = (void*)end;
  search->found->dlfo_eh_frame = (void*)frames;
#if DLFO_STRUCT_HAS_EH_DBASE
  // What data-relative addresses in the tables are relative to: the global offset table.
  for (; dynamic != NULL && dynamic->d_tag != DT_NULL; ++dynamic)
    if (dynamic->d_tag == DT_PLTGOT) search->found->dlfo_eh_dbase = (void*)dynamic->d_un.d_ptr;
#else
  (void)dynamic;
#endif
  return 1;
}

STAND_IN int _dl_find_object(void* code, struct dl_find_object* found) {
  struct search search = {(uintptr_t)code, found};
  return dl_iterate_phdr(visit, &search) != 0 ? 0 : -1;
}
