// SPDX-License-Identifier: Apache-2.0
// What the mock's own files share. Tests include control.hpp instead.
#pragma once

#include "control.hpp"

// Wraps what only versions of the interface that this build of the mock exports may have: the 2.40 build has 68
// functions.
#define P11TAPE_MOCK_v2_40(...) __VA_ARGS__
#ifdef P11TAPE_MOCK_2_40_ONLY
#define P11TAPE_MOCK_v3_0(...)
#define P11TAPE_MOCK_v3_2(...)
#else
#define P11TAPE_MOCK_v3_0(...) __VA_ARGS__
#define P11TAPE_MOCK_v3_2(...) __VA_ARGS__
#endif

// Protected: a dependency of ours that is a mock too must not share it.
extern "C" __attribute__((visibility("protected"))) p11tape::mock::control mock_control;

namespace p11tape::mock {

using cryptoki::function;

/// What the options say that is not about one function.
struct settings {
  CK_VERSION list_version = {2, 40};
  bool list_is_first = false;
  bool fork_safe = false;
  bool no_interface = false;
  bool null_interface = false;
  bool forget_in_child = false;
  bool check_sessions = false;
  std::size_t interface_count = 3;
  CK_VERSION interfaces[8] = {{3, 2}, {3, 0}, {2, 40}};  ///< {0, 0}: the vendor's
  bool null_slot[cryptoki::function_count] = {};
};
extern settings options;

/// Reads P11TAPE_MOCK at the first call of all.
void configure_once();
void configure(const char* text);

/// Builds the lists and interfaces that `options` asks for.
void build_lists();
CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR out);
CK_RV get_interface_list(CK_INTERFACE_PTR out, CK_ULONG_PTR count);
CK_RV get_interface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR out, CK_FLAGS flags);

/// Notes a call and does what its script says. True: `result` is the answer, and `again` says that it comes from a call
/// by the name which the whole process sees, if that is not the module's own.
struct verdict {
  bool done = false;
  bool again = false;
  CK_RV result = CKR_OK;
};
verdict arrive(function f, const word* words, std::size_t count);
/// The end of a call: errno, and outputs of a call that answers an error dirtily.
CK_RV leave(function f, CK_RV result);

/// The token's answers.
CK_RV answer(function f, const word* words);
void reset_token();
/// Calls the session's Notify, as real modules do for CKN_SURRENDER.
CK_RV notify();

/// Any function's outputs by its row: sizes, size queries, handles, bytes.
CK_RV fill_outputs(function f, const word* words);
void reset_handles();
/// Writes a count, with the lie of the script.
void write_count(function f, CK_ULONG* at, CK_ULONG value);

CK_RV find_init(const CK_ATTRIBUTE* pattern, CK_ULONG count);
CK_RV find_next(CK_OBJECT_HANDLE* out, CK_ULONG capacity, CK_ULONG* found);
CK_RV find_final();
CK_RV get_attributes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes, CK_ULONG count);
void reset_objects();

template <class T>
T* pointer(word w) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(w));
}

}  // namespace p11tape::mock
