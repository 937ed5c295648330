// SPDX-License-Identifier: Apache-2.0
// The function lists and interfaces, in memory that punishes whoever writes to it or reads past a list's end.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "call.hpp"
#include "mock.hpp"

namespace p11tape::mock {
namespace {

constexpr std::size_t list_size(std::size_t functions) {
  return offsetof(CK_FUNCTION_LIST, C_Initialize) + functions * sizeof(void*);
}
static_assert(list_size(cryptoki::function_count) == sizeof(CK_FUNCTION_LIST_3_2));
static_assert(list_size(cryptoki::functions_in(cryptoki::version::v2_40)) == sizeof(CK_FUNCTION_LIST));

// What a vendor's own interface may look like: no Cryptoki list at all.
struct vendor_list {
  CK_VERSION version;
  CK_RV (*C_MockVendor)(CK_ULONG);
};

char standard_name[] = "PKCS 11";
char vendor_name[] = "Vendor Mock";

CK_FUNCTION_LIST* function_list;
CK_INTERFACE* interfaces;

// A copy of `size` bytes that ends where an unreadable page begins, and cannot be written. It is never freed: callers
// of an earlier configuration may still hold it.
void* guarded_copy(const void* bytes, std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto pages = (size + page - 1) / page * page;
  auto* const base =
      static_cast<char*>(mmap(nullptr, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  void* const at = base + pages - size;
  if (size > 0) std::memcpy(at, bytes, size);
  mprotect(base, pages, PROT_READ);
  mprotect(base + pages, page, PROT_NONE);
  return at;
}

CK_RV vendor_function(CK_ULONG n) { return n + 1; }

cryptoki::version layout_of(CK_VERSION v) {
  if (v.major < 3) return cryptoki::version::v2_40;
  return v.major == 3 && v.minor < 2 ? cryptoki::version::v3_0 : cryptoki::version::v3_2;
}

CK_FUNCTION_LIST* make_list(CK_VERSION version, cryptoki::version layout) {
  // The exported names are taken through the GOT, so that they are whoever's names the loader bound: see control.hpp.
  CK_FUNCTION_LIST_3_2 all{};
  all.version = version;
#define FN(name, since, ...) P11TAPE_MOCK_##since(all.name = &::name;)
#include "cryptoki/functions.def"
#undef FN
  for (std::size_t i = 0; i < cryptoki::function_count; ++i)
    if (options.null_slot[i]) const_cast<void*&>(slot(&all, static_cast<function>(i))) = nullptr;
  return static_cast<CK_FUNCTION_LIST*>(guarded_copy(&all, list_size(cryptoki::functions_in(layout))));
}

bool same(CK_VERSION a, CK_VERSION b) { return a.major == b.major && a.minor == b.minor; }

}  // namespace

void build_lists() {
  function_list = make_list(options.list_version, cryptoki::version::v2_40);
  CK_INTERFACE built[std::size(options.interfaces)] = {};
  for (std::size_t i = 0; i < options.interface_count; ++i) {
    const auto version = options.interfaces[i];
    const bool vendor = version.major == 0;
    auto& made = built[i];
    made.pInterfaceName = reinterpret_cast<decltype(made.pInterfaceName)>(vendor ? vendor_name : standard_name);
    made.flags = options.fork_safe ? CKF_INTERFACE_FORK_SAFE : 0;
    if (vendor) {
      const vendor_list list = {{1, 0}, vendor_function};
      made.pFunctionList = guarded_copy(&list, sizeof list);
    } else if (version.major == 2 && same(version, options.list_version)) {
      made.pFunctionList = function_list;  // one table, found through both doors
    } else {
      made.pFunctionList = make_list(version, layout_of(version));
    }
  }
  interfaces = static_cast<CK_INTERFACE*>(guarded_copy(built, options.interface_count * sizeof(CK_INTERFACE)));
  if (options.list_is_first && options.interface_count > 0)
    function_list = static_cast<CK_FUNCTION_LIST*>(interfaces[0].pFunctionList);
}

CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = function_list;
  return CKR_OK;
}

CK_RV get_interface_list(CK_INTERFACE_PTR out, CK_ULONG_PTR count) {
  if (options.no_interface) return CKR_FUNCTION_NOT_SUPPORTED;
  if (count == nullptr) return CKR_ARGUMENTS_BAD;
  const auto capacity = *count;
  write_count(function::C_GetInterfaceList, count, options.interface_count);
  if (out == nullptr) return CKR_OK;
  if (capacity < options.interface_count) return CKR_BUFFER_TOO_SMALL;
  for (std::size_t i = 0; i < options.interface_count; ++i) out[i] = interfaces[i];
  return CKR_OK;
}

CK_RV get_interface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out, CK_FLAGS flags) {
  if (options.no_interface) return CKR_FUNCTION_NOT_SUPPORTED;
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  if (options.null_interface) {
    *out = nullptr;
    return CKR_OK;
  }
  const auto* const wanted = name == nullptr ? standard_name : reinterpret_cast<const char*>(name);
  for (std::size_t i = 0; i < options.interface_count; ++i) {
    const auto& offered = interfaces[i];
    if (std::strcmp(reinterpret_cast<const char*>(offered.pInterfaceName), wanted) != 0) continue;
    // Every list begins with its version, the vendor's too.
    if (version != nullptr && !same(*version, *static_cast<const CK_VERSION*>(offered.pFunctionList))) continue;
    if ((offered.flags & flags) != flags) continue;
    *out = interfaces + i;
    return CKR_OK;
  }
  return CKR_ARGUMENTS_BAD;
}

}  // namespace p11tape::mock
