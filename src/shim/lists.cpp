// SPDX-License-Identifier: Apache-2.0
#include "shim/lists.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstring>

#include "capture/host/message.hpp"
#include "shim/module.hpp"
#include "shim/stubs.hpp"

namespace p11tape::shim {
namespace {

using cryptoki::version;

struct adopted_list {
  const void* real;
  int set;
  std::size_t functions;  // how many of the module's list have been read
  CK_FUNCTION_LIST_3_2 ours;
};

struct adopted_interface {
  CK_INTERFACE* real;
  CK_INTERFACE seen;  // what it said when it was adopted: a module may answer every question with one struct
  CK_INTERFACE ours;
};

constexpr int most_lists = 16;
constexpr int most_interfaces = 32;
constinit adopted_list lists[most_lists]{};
constinit int list_count = 0;
constinit adopted_interface interfaces[most_interfaces]{};
constinit int interface_count = 0;
constinit int sets_used = 1;
constinit CK_INTERFACE single{};

// Short, and never held while the module runs. It names its process, so that a child of fork does not wait for a thread
// that it does not have.
constinit std::atomic<pid_t> holder{0};

class list_lock {
 public:
  list_lock() noexcept {
    const pid_t me = getpid();
    for (;;) {
      pid_t seen = 0;
      if (holder.compare_exchange_strong(seen, me, std::memory_order_acquire)) return;
      if (seen != me && holder.compare_exchange_strong(seen, me, std::memory_order_acquire)) return;
      sched_yield();
    }
  }
  ~list_lock() noexcept { holder.store(0, std::memory_order_release); }
  list_lock(const list_lock&) = delete;
  list_lock& operator=(const list_lock&) = delete;
};

// The functions of a list lie behind its version, in the order of the rows.
constexpr std::size_t first_entry = offsetof(CK_FUNCTION_LIST, C_Initialize);

any_function real_entry(const void* list, std::size_t i) noexcept {
  any_function f = nullptr;
  std::memcpy(&f, static_cast<const char*>(list) + first_entry + i * sizeof f, sizeof f);
  if (f == nullptr) return f;
  const char* const name = cryptoki::functions[i].name.data();
  const auto whose = owner_of(f, name);
  if (whose == owner::module) return f;
  const any_function own = own_function(name);
  return own != nullptr || whose == owner::shim ? own : f;
}

void set_entry(CK_FUNCTION_LIST_3_2& list, std::size_t i, any_function f) noexcept {
  std::memcpy(reinterpret_cast<char*>(&list) + first_entry + i * sizeof f, &f, sizeof f);
}

// A module's exports and its lists often differ in these; either will do, because we answer in their place.
constexpr bool hands_out_lists(std::size_t i) noexcept {
  using cryptoki::function;
  const auto f = static_cast<function>(i);
  return f == function::C_GetFunctionList || f == function::C_GetInterfaceList || f == function::C_GetInterface;
}

// The set whose functions are those of this list, as far as both have them; a new one where they differ; -1 for none.
int choose_set(const void* list, std::size_t count) noexcept {
  for (int s = 0; s < sets_used; ++s) {
    bool same = true;
    for (std::size_t i = 0; i < count && same; ++i) {
      if (hands_out_lists(i)) continue;
      const auto known = targets[s].function[i].load(std::memory_order_relaxed);
      const auto wanted = real_entry(list, i);
      same = known == nullptr || wanted == nullptr || known == wanted;
    }
    if (same) return s;
  }
  return sets_used < set_count ? sets_used++ : -1;
}

// Reads entries [from, to) of the module's list into the set, and puts our stubs into our list.
void fill(adopted_list& l, std::size_t from, std::size_t to) noexcept {
  for (std::size_t i = from; i < to; ++i) {
    const auto real = real_entry(l.real, i);
    auto& target = targets[l.set].function[i];
    if (real != nullptr && target.load(std::memory_order_relaxed) == nullptr)
      target.store(real, std::memory_order_release);
    set_entry(l.ours, i, real != nullptr ? stub(l.set, i) : nullptr);
  }
  l.functions = to;
}

CK_FUNCTION_LIST_3_2* adopt_locked(const void* list, version layout) noexcept {
  const std::size_t count = cryptoki::functions_in(layout);
  for (int i = 0; i < list_count; ++i)
    if (lists[i].real == list) {
      if (lists[i].functions < count) fill(lists[i], lists[i].functions, count);
      return &lists[i].ours;
    }
  if (list_count == most_lists) return nullptr;
  const int set = choose_set(list, count);
  if (set < 0) return nullptr;
  auto& l = lists[list_count++];
  l.real = list;
  l.set = set;
  std::memcpy(&l.ours.version, list, sizeof l.ours.version);
  fill(l, 0, count);
  for (std::size_t i = count; i < cryptoki::function_count; ++i) set_entry(l.ours, i, stub(set, i));
  return &l.ours;
}

bool same(const CK_INTERFACE& a, const CK_INTERFACE& b) noexcept {
  return a.pInterfaceName == b.pInterfaceName && a.pFunctionList == b.pFunctionList && a.flags == b.flags;
}

}  // namespace

CK_FUNCTION_LIST_3_2* adopt_list(const void* list, version layout) noexcept {
  const list_lock guard;
  return adopt_locked(list, layout);
}

void* adopt_interface_list(const CK_INTERFACE& interface) noexcept {
  void* const real = interface.pFunctionList;
  if (real == nullptr || interface.pInterfaceName == nullptr) return real;
  const char* name = reinterpret_cast<const char*>(interface.pInterfaceName);
  CK_VERSION v{};
  std::memcpy(&v, real, sizeof v);
  if (std::strcmp(name, "PKCS 11") != 0 || v.major < 2) {
    capture::say("the module's interface \"%s\" is not recorded: only the functions of \"PKCS 11\" are known.", name);
    return real;
  }
  const auto layout = v.major == 2 ? version::v2_40 : v.major == 3 && v.minor < 2 ? version::v3_0 : version::v3_2;
  void* ours = adopt_list(real, layout);
  if (ours == nullptr) {
    capture::say("the module has too many function lists: one of version %u.%u is not recorded.", v.major, v.minor);
    return real;
  }
  return ours;
}

CK_INTERFACE* adopt_interface(CK_INTERFACE* interface) noexcept {
  void* const list = adopt_interface_list(*interface);
  if (list == interface->pFunctionList) return interface;
  const list_lock guard;
  for (int i = 0; i < interface_count; ++i)
    if (interfaces[i].real == interface && same(interfaces[i].seen, *interface)) return &interfaces[i].ours;
  if (interface_count == most_interfaces) return interface;
  auto& a = interfaces[interface_count++];
  a.real = interface;
  a.seen = *interface;
  a.ours = {interface->pInterfaceName, list, interface->flags};
  return &a.ours;
}

CK_INTERFACE* only_interface() noexcept {
  static constinit CK_UTF8CHAR name[] = "PKCS 11";
  CK_FUNCTION_LIST_3_2* list = adopt_list(module_list(), version::v2_40);
  const list_lock guard;
  if (single.pFunctionList != list) single = {name, list, 0};  // others may be reading it already
  return &single;
}

}  // namespace p11tape::shim
