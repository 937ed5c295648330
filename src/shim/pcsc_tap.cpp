// SPDX-License-Identifier: Apache-2.0
#include "shim/pcsc_tap.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <ctime>

#include "shim/pcsc_lookup.hpp"
#include "shim/pcsc_object.hpp"
#include "shim/pcsc_wrappers.hpp"

namespace p11tape::shim {
namespace {

#if defined(__x86_64__)
constexpr unsigned jump_slot = R_X86_64_JUMP_SLOT, global_data = R_X86_64_GLOB_DAT, absolute = R_X86_64_64;
#elif defined(__aarch64__)
constexpr unsigned jump_slot = R_AARCH64_JUMP_SLOT, global_data = R_AARCH64_GLOB_DAT, absolute = R_AARCH64_ABS64;
#elif defined(__s390x__)
constexpr unsigned jump_slot = R_390_JMP_SLOT, global_data = R_390_GLOB_DAT, absolute = R_390_64;
#else
// Off. POWER: a call to another object cannot be a jump there, so that dlsym would take us for its caller. i386: its
// relocations have no addends, and what a slot means cannot be told from them alone.
constexpr unsigned jump_slot = ~0u, global_data = ~0u, absolute = ~0u;
#endif

constexpr int most_objects = 256;
constexpr std::size_t most_constants = std::size_t{16} << 20;
constexpr char its_name[] = "SCardTransmit";

bool starts_with(const char* text, const char* start) noexcept {
  return std::strncmp(text, start, std::strlen(start)) == 0;
}

bool is_excluded(const object& o) noexcept {
  const char* const name = file_name(o.path);
  for (const char* const start : {"libpcsclite", "libc.so", "ld-linux", "libc-"})
    if (starts_with(name, start) || starts_with(o.soname, start)) return true;
  return o.path[0] == 0;
}

// Calls `visit(name, slot)` for each slot of a function.
template <class Visit>
void each_slot(const object& o, Visit visit) noexcept {
  for (int table = 0; table < 2; ++table) {
    const auto* const entries = o.slots[table];
    for (std::size_t i = 0; entries != nullptr && i < o.slot_count[table]; ++i) {
      const auto& r = entries[i];
      const unsigned type = ELF64_R_TYPE(r.r_info);
      const auto symbol = ELF64_R_SYM(r.r_info);
      if (symbol == 0 || (type != jump_slot && type != global_data && type != absolute)) continue;
      if (type == absolute && r.r_addend != 0) continue;
      const std::uintptr_t at = o.base + r.r_offset;
      if (at % sizeof(void*) != 0 || at < o.writable || at + sizeof(void*) > o.writable_end) continue;
      visit(o.strings + o.symbols[symbol].st_name, reinterpret_cast<void**>(at));
    }
  }
}

struct imports {
  bool pcsc, lookup, loading;
};

imports imports_of(const object& o) noexcept {
  imports i{};
  each_slot(o, [&](const char* name, void**) noexcept {
    i.pcsc |= std::strcmp(name, its_name) == 0;
    i.lookup |= std::strcmp(name, "dlsym") == 0 || std::strcmp(name, "dlvsym") == 0;
    i.loading |= std::strcmp(name, "dlopen") == 0;
  });
  return i;
}

// Pages are made writable and read-only again by one thread at a time; nothing is asked of the loader meanwhile. A lock
// that a fork has left behind is given up on: then that slot stays as it is.
constinit std::atomic<bool> writing{false};

void write_slot(const object& o, void** slot, void* value) noexcept {
  for (int waits = 0; writing.exchange(true, std::memory_order_acquire); ++waits) {
    if (waits == 1000) return;
    const timespec pause{0, 100000};
    nanosleep(&pause, nullptr);
  }
  const auto at = reinterpret_cast<std::uintptr_t>(slot);
  const auto page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const page = reinterpret_cast<void*>(at & ~(page_size - 1));
  const bool read_only = at >= o.relro && at < o.relro_end;
  if (!read_only || mprotect(page, page_size, PROT_READ | PROT_WRITE) == 0) {
    std::atomic_ref<void*>(*slot).store(value, std::memory_order_release);
    if (read_only) mprotect(page, page_size, PROT_READ);
  }
  writing.store(false, std::memory_order_release);
}

// What a slot leads to. One that has not been bound yet leads back into its own object: then the loader is asked,
// because a call through the old value would bind the slot again.
void* target_of(const object& o, const char* name, void* value) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(value);
  if (address != 0 && (address < o.begin || address >= o.end)) return value;
  void* const handle = dlopen(o.path, RTLD_NOLOAD | RTLD_LAZY);
  if (handle == nullptr) return nullptr;
  void* const found = dlsym(handle, name);
  dlclose(handle);
  return found;
}

void tap_object(const object& o, bool names_pcsc, bool loading) noexcept {
  each_slot(o, [&](const char* name, void** slot) noexcept {
    void* const old = std::atomic_ref<void*>(*slot).load(std::memory_order_acquire);
    void* instead = nullptr;
    if (std::strcmp(name, "dlopen") == 0) {
      if (loading) instead = reinterpret_cast<void*>(&lookup_dlopen);
    } else if (names_pcsc && std::strcmp(name, "dlsym") == 0) {
      instead = reinterpret_cast<void*>(&lookup_dlsym);
    } else if (names_pcsc && std::strcmp(name, "dlvsym") == 0) {
      instead = reinterpret_cast<void*>(&lookup_dlvsym);
    } else if (names_pcsc && starts_with(name, "SCard")) {
      void* const real = target_of(o, name, old);
      if (real != nullptr) instead = pcsc_wrapper(name, real);
    }
    if (instead != nullptr && instead != old) write_slot(o, slot, instead);
  });
}

pcsc_use tap(void* handle, object* objects) noexcept {
  const int count = closure_of(handle, objects, most_objects);
  if (count == 0) return pcsc_use::unknown;
  auto use = count == most_objects ? pcsc_use::unknown : pcsc_use::unused;
  bool inherited_path = false;
  for (int i = 0; i < count; ++i) inherited_path |= objects[i].has_rpath;
  std::size_t budget = most_constants;
  for (int i = 0; i < count; ++i) {
    const object& o = objects[i];
    if (is_excluded(o)) continue;
    const imports has = imports_of(o);
    auto named = has.pcsc ? spelt::yes : spelt::no;
    if (named == spelt::no && has.lookup) named = spells(o, its_name, budget);
    const bool watched = i == 0 || named == spelt::yes;
    const bool loading = has.loading && watched && !o.has_runpath && !inherited_path;
    if (named == spelt::yes) {
      use = pcsc_use::used;
    } else if (use == pcsc_use::unused && (named == spelt::unknown || (has.loading && watched))) {
      use = pcsc_use::unknown;
    }
    if (named == spelt::yes || loading) tap_object(o, named == spelt::yes, loading);
  }
  return use;
}

}  // namespace

pcsc_use tap_module(void* handle) noexcept {
  if constexpr (jump_slot == ~0u) return pcsc_use::unknown;
  remember_loader();
  // Too large for the stack of a thread that may be small.
  constexpr std::size_t size = most_objects * sizeof(object);
  void* const room = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return pcsc_use::unknown;
  const auto use = tap(handle, static_cast<object*>(room));
  munmap(room, size);
  return use;
}

void tap_opened(void* handle) noexcept { tap_module(handle); }

}  // namespace p11tape::shim
