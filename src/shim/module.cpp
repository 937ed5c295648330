// SPDX-License-Identifier: Apache-2.0
#include "shim/module.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "capture/encode/exchange.hpp"
#include "capture/host/message.hpp"
#include "capture/host/signals_deferred.hpp"
#include "capture/recorder.hpp"
#include "shim/lists.hpp"
#include "shim/pcsc_tap.hpp"

// Where this shared object begins and ends: the linker's own names.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((visibility("hidden"))) const char __ehdr_start, _end;

namespace p11tape::shim {

constinit target_set targets[set_count]{};
constinit std::atomic<bool> ready{false};

namespace {

using cryptoki::function;

// One of these, or who is loading: its process in the upper half, its thread in the lower. Both in one word, since
// whoever comes upon it must find them whole.
enum stage : std::uint64_t { unloaded, loaded, failed };

constinit std::atomic<std::uint64_t> state{unloaded};
constinit void* handle = nullptr;
constinit CK_FUNCTION_LIST_PTR first_list = nullptr;
constinit capture::settings settings{};
constinit capture::recorded_module about{};
constinit char shim_path[PATH_MAX] = {};
constinit char resolved[PATH_MAX] = {};
constinit char reason[1024] = {};
constinit CK_RV failure = CKR_GENERAL_ERROR;  // what the host is told where there is no module to ask

const void* object_of(const void* address) noexcept {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

bool is_ours(const void* address) noexcept { return address >= &__ehdr_start && address < &_end; }

bool same_file(const char* a, const char* b) noexcept {
  struct stat x {
  }, y{};
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

__attribute__((format(printf, 1, 2))) bool fail(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  return false;
}

// A symbol of the module, and not of a library that it depends on: dlsym searches those too. Where C_GetFunctionList
// itself comes from a dependency (a thin wrapper), its interface functions may as well.
any_function symbol(const char* name, const void* also_in) noexcept {
  void* found = dlsym(handle, name);
  if (found == nullptr) return nullptr;
  const void* object = object_of(found);
  link_map* map = nullptr;
  const bool known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr;
  const bool own = known && reinterpret_cast<const void*>(map->l_addr) == object;
  return own || object == also_in ? reinterpret_cast<any_function>(found) : nullptr;
}

// Where a settings file was found, or else where one would have been looked for.
bool no_module() noexcept {
  if (settings.module_unclear) {
    std::size_t first_line = std::strcspn(settings.problems, "\n");
    if (first_line != 0 && settings.problems[first_line - 1] == '.') --first_line;
    return fail("cannot load a PKCS#11 module because a setting is wrong: %.*s",
                static_cast<int>(first_line < 600 ? first_line : 600), settings.problems);
  }
  if (settings.file[0] != 0)
    return fail("no PKCS#11 module is named (add a line such as `module: /usr/lib/softhsm/libsofthsm2.so` to %s)",
                settings.file);
  return fail(
      "no PKCS#11 module is named (set P11TAPE_MODULE to the path of the real module, for example "
      "P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so, or write `module: PATH` to the file named like %.400s, with "
      ".yaml instead of .so)",
      shim_path);
}

// Puts the PC/SC tap into the module. The answer is the tape's property `apdu`.
const char* watch_card() noexcept {
  using capture::exchanges;
  const auto which = static_cast<exchanges>(settings.number(capture::setting::apdu));
  const bool may_record =
      settings.number(capture::setting::record) != 0 || settings.text(capture::setting::control)[0] != 0;
  if (which == exchanges::off || !may_record) return "off";
  const auto use = tap_module(handle);
  if (use == pcsc_use::unused) return "not used by this module";
  capture::record_exchanges(which);
  // OpenSC's debug output has every PIN in clear; whoever looks at a tape should not have to find out from a log.
  const char* const debug = std::getenv("OPENSC_DEBUG");
  if (use == pcsc_use::used && debug != nullptr && std::strcmp(debug, "0") != 0)
    capture::say(
        "OPENSC_DEBUG is set: OpenSC writes PINs in clear text to its debug output. Unset it: the tape contains the "
        "exchanges with the card, without the PINs.");
  if (use == pcsc_use::unknown) return "unknown";
  return which == exchanges::all ? "on" : "errors";
}

bool open_module() noexcept {
  Dl_info me{};
  if (dladdr(reinterpret_cast<const void*>(&load_module), &me) != 0 && me.dli_fname != nullptr)
    std::snprintf(shim_path, sizeof shim_path, "%s", me.dli_fname);
  capture::read_settings(settings, capture::own_surroundings(shim_path));
  about.shim = shim_path;
  about.shim_base = me.dli_fbase;
  about.path = settings.module_path;
  capture::introduce(settings, about);
  capture::say_problems(settings);

  const char* path = settings.module_path;
  if (path[0] == 0) return no_module();
  const char* from = settings[capture::setting::module].from;
  if (same_file(path, shim_path))
    return fail("%s names %s, which is p11tape itself (set it to the path of the real module)", from, path);
  if (realpath(path, resolved) != nullptr) about.resolved = resolved;
  dlerror();
  handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return fail("cannot load the PKCS#11 module %s (%s): %s", path, from, why != nullptr ? why : "no reason given");
  }
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr)
    about.module_base = object_of(reinterpret_cast<const void*>(map->l_ld));
  if (about.module_base == me.dli_fbase)
    return fail("%s names %s, which is p11tape itself (set it to the path of the real module)", from, path);

  about.apdu = watch_card();

  void* get_list = dlsym(handle, "C_GetFunctionList");
  if (get_list == nullptr)
    return fail("%s (%s) is not a PKCS#11 module: it does not export C_GetFunctionList", path, from);
  auto& set = targets[0].function;
  set[static_cast<int>(function::C_GetFunctionList)] = reinterpret_cast<any_function>(get_list);
  // A name that a host's RTLD_GLOBAL has led back to us is not the module's; dlsym on its handle never is.
  const void* list_object = object_of(get_list);
  for (std::size_t i = cryptoki::functions_in(cryptoki::version::v2_40); i < cryptoki::function_count; ++i)
    set[i] = symbol(cryptoki::functions[i].name.data(), list_object);

  CK_FUNCTION_LIST_PTR list = nullptr;
  const CK_RV rv = reinterpret_cast<CK_C_GetFunctionList>(get_list)(&list);
  if (rv != CKR_OK) failure = rv;  // the host gets what it would have got without us
  if (rv != CKR_OK || list == nullptr)
    return fail("C_GetFunctionList of the PKCS#11 module %s (%s) returned 0x%lx and no list", path, from, rv);
  first_list = list;
  adopt_list(list, cryptoki::version::v2_40);
  return true;
}

void load() noexcept {
  const bool ok = open_module();
  dlerror();  // what our look-ups left behind is not the host's business
  if (ok) {
    state.store(loaded, std::memory_order_release);
    ready.store(true, std::memory_order_release);
    return;
  }
  about.error = reason;
  const auto name = cryptoki::name_of("return_value", failure);
  capture::say("%s. C_GetFunctionList returns %.*s (0x%lx).", reason, static_cast<int>(name.size()), name.data(),
               failure);
  capture::make_tape();
  state.store(failed, std::memory_order_release);
}

}  // namespace

CK_RV load_module() noexcept {
  const capture::cancellation_held guard;
  for (;;) {
    auto seen = state.load(std::memory_order_acquire);
    if (seen == loaded || seen == failed) return seen == loaded ? CKR_OK : failure;
    const auto process = static_cast<std::uint64_t>(getpid());
    const auto me = process << 32 | static_cast<std::uint64_t>(syscall(SYS_gettid));
    if (seen != unloaded) {
      // The module's own constructor calls back, or leads back, into this shim: there is nothing to forward to yet.
      if (seen == me) return CKR_GENERAL_ERROR;
      if (seen >> 32 != process) {  // the parent was loading when this process was forked
        state.compare_exchange_strong(seen, unloaded);
        continue;
      }
      const timespec pause{0, 100000};
      nanosleep(&pause, nullptr);
      continue;
    }
    if (state.compare_exchange_strong(seen, me)) load();
  }
}

CK_FUNCTION_LIST_PTR module_list() noexcept { return first_list; }

owner owner_of(any_function f, const char* name) noexcept {
  const void* const address = reinterpret_cast<const void*>(f);
  if (is_ours(address)) return owner::shim;
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fbase == about.module_base) return owner::module;
  const bool exported =
      info.dli_saddr == address && info.dli_sname != nullptr && std::strcmp(info.dli_sname, name) == 0;
  return exported ? owner::stranger : owner::module;
}

any_function own_function(const char* name) noexcept {
  void* found = dlsym(handle, name);
  dlerror();
  return found != nullptr && !is_ours(found) ? reinterpret_cast<any_function>(found) : nullptr;
}

}  // namespace p11tape::shim
