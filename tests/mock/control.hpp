// SPDX-License-Identifier: Apache-2.0
// The mock module's script: what a test tells it to do, and what it saw.
//
// p11tape-mock.so is a whole PKCS#11 3.2 module whose 104 functions come from functions.def. Each call first leaves its
// arguments here, word for word, then does what its script says, then answers from a small fixed token. A test scripts
// it in two ways: by the environment variable P11TAPE_MOCK, read when the module is first called, or by
// dlsym("mock_control") and the structure below, whose `configure` takes the same text. Options, separated by commas:
//
//   list=3.2                  version that the list of C_GetFunctionList claims (2.40); it holds 68 functions whatever
//   it says list=first                C_GetFunctionList gives the table of the first interface interfaces=3.2+vendor
//   what C_GetInterfaceList offers, in order (3.2+3.0+2.40); `none` for an empty list fork_safe                 all
//   interfaces carry CKF_INTERFACE_FORK_SAFE no_interface              C_GetInterface and C_GetInterfaceList answer
//   CKR_FUNCTION_NOT_SUPPORTED null_interface            C_GetInterface answers CKR_OK with NULL null=C_Sign+C_Login
//   these slots are NULL in every list forget_in_child           a child of fork has to call C_Initialize again
//   sessions                  unknown session handles are refused
//   C_Sign=CKR_DEVICE_ERROR   C_Sign answers so, and touches no output; a number will do; `*` stands for every function
//   C_Sign:WORD[=N]           C_Sign does WORD first:
//     delay=N       sleeps N ms                          segv          writes to address 8
//     abort         calls abort                          exit          calls _exit(7)
//     hang          sleeps until it is killed            throw         throws std::runtime_error
//     thread_exit   calls pthread_exit                   self          calls C_GetInfo by its exported name
//     loop          calls itself by the name that the whole process sees
//     notify        calls the session's Notify; CKR_CANCEL from there makes it answer CKR_FUNCTION_CANCELED
//     errno=N       leaves errno at N                    lie=N         adds N to each count that it writes
//     dirty         fills its outputs even where it answers an error
//
// All lists and interfaces lie in read-only pages, each list at the very end of its page with an unreadable one behind:
// who writes to them, or reads past the end, dies at once. The module is not linked with -Bsymbolic, so that a shim
// loaded RTLD_GLOBAL takes over its names, as happens to most real modules.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cryptoki/tables.hpp"

namespace p11tape::mock {

/// An argument as it was passed: a number, or a pointer's bits.
using word = std::uint64_t;

inline constexpr std::size_t most_arguments = 12;
inline constexpr std::size_t log_capacity = 1 << 16;

enum class action : std::uint32_t { none, segv, abort, exit, hang, throw_, thread_exit, self, loop, notify };

/// Bytes that a scripted call writes, as a module would.
struct output_write {
  void* at;
  const void* bytes;
  std::size_t size;
};

struct function_control {
  // The script.
  std::atomic<bool> scripted;  ///< answer `result` instead of the token's own answer
  std::atomic<bool> dirty;     ///< fill the outputs even so
  std::atomic<CK_RV> result;
  std::atomic<action> act;
  std::atomic<std::uint32_t> delay_ms;
  std::atomic<int> error_number;            ///< errno is left at this; 0: untouched
  std::atomic<CK_ULONG> lie;                ///< added to each count that the call writes
  std::atomic<const output_write*> writes;  ///< what a call with a scripted `result` writes
  std::atomic<std::size_t> write_count;
  std::atomic<std::size_t> output_size;  ///< bytes of `output` that every byte output consists of; 0: a default
  unsigned char output[4096];

  // What arrived.
  std::atomic<std::uint64_t> calls;
  std::atomic<word> words[most_arguments];  ///< of the last call
};

struct control {
  std::size_t size;                        ///< sizeof(control), so that a test notices another build's module
  void (*configure)(const char* options);  ///< forgets the script and what arrived, and takes these options
  function_control functions[cryptoki::function_count];
  std::atomic<std::uint64_t> log_count;          ///< calls that arrived, of all functions
  std::atomic<std::uint16_t> log[log_capacity];  ///< the function of each, in order of arrival

  function_control& operator[](cryptoki::function f) { return functions[static_cast<std::size_t>(f)]; }
};

/// The name to give to dlsym.
inline constexpr const char* control_name = "mock_control";

}  // namespace p11tape::mock
