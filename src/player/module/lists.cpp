// SPDX-License-Identifier: Apache-2.0
#include "player/module/lists.hpp"

#include <cstring>
#include <memory>
#include <vector>

#include "player/module/module.hpp"

namespace p11tape::player {
namespace {

CK_UTF8CHAR standard_name[] = "PKCS 11";

// Made once, at the first question, and kept for ever: callers hold pointers into it.
struct tables {
  std::vector<std::unique_ptr<CK_FUNCTION_LIST_3_2>> lists;
  std::vector<CK_INTERFACE> interfaces;

  tables() {
    for (const auto& seen : the_player().interfaces()) {
      auto& list = lists.emplace_back(std::make_unique<CK_FUNCTION_LIST_3_2>());
      list->version = seen.version;
      // All 104, whatever the version: a caller who believes in a newer one finds functions, not the end of the memory.
      constexpr std::size_t first = offsetof(CK_FUNCTION_LIST, C_Initialize);
      for (std::size_t i = 0; i < cryptoki::function_count; ++i) {
        const auto f = own_function(i);
        std::memcpy(reinterpret_cast<char*>(list.get()) + first + i * sizeof f, &f, sizeof f);
      }
      interfaces.push_back({standard_name, list.get(), seen.flags});
    }
  }
};

tables& all() {
  static auto* const t = new tables;
  return *t;
}

}  // namespace

CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR out) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  *out = reinterpret_cast<CK_FUNCTION_LIST_PTR>(all().lists.front().get());
  return CKR_OK;
}

CK_RV get_interface_list(CK_INTERFACE_PTR out, CK_ULONG_PTR count) {
  if (count == nullptr) return CKR_ARGUMENTS_BAD;
  const auto& have = all().interfaces;
  const CK_ULONG room = *count;
  *count = static_cast<CK_ULONG>(have.size());
  if (out == nullptr) return CKR_OK;
  if (room < have.size()) return CKR_BUFFER_TOO_SMALL;
  for (std::size_t i = 0; i < have.size(); ++i) out[i] = have[i];
  return CKR_OK;
}

// Without a version: the newest.
CK_RV get_interface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out, CK_FLAGS flags) {
  if (out == nullptr) return CKR_ARGUMENTS_BAD;
  if (name != nullptr && std::strcmp(reinterpret_cast<const char*>(name), "PKCS 11") != 0) return CKR_ARGUMENTS_BAD;
  auto& have = all().interfaces;
  for (std::size_t i = have.size(); i-- > 0;) {
    const auto* list = static_cast<const CK_FUNCTION_LIST*>(have[i].pFunctionList);
    if (version != nullptr && (version->major != list->version.major || version->minor != list->version.minor))
      continue;
    if ((have[i].flags & flags) != flags) continue;
    *out = &have[i];
    return CKR_OK;
  }
  return CKR_ARGUMENTS_BAD;
}

}  // namespace p11tape::player
