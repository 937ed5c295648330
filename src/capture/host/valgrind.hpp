// SPDX-License-Identifier: Apache-2.0
// What Valgrind's memcheck knows of a range of memory, where this process runs under it.
//
// Client requests are a sequence of instructions that does nothing on a processor, and that Valgrind answers. Outside
// of Valgrind they cost a few cycles, and the answer is the default.
#pragma once

#include <cstdint>

namespace p11tape::capture::valgrind {

/// The answer to a client request; 0 outside of Valgrind.
inline std::uint64_t ask(std::uint64_t request, std::uint64_t a = 0, std::uint64_t b = 0,
                         std::uint64_t c = 0) noexcept {
#if defined(__x86_64__)
  const volatile std::uint64_t arguments[6] = {request, a, b, c, 0, 0};
  std::uint64_t answer = 0;
  __asm__ volatile("rolq $3, %%rdi ; rolq $13, %%rdi\n\trolq $61, %%rdi ; rolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
                   : "=d"(answer)
                   : "a"(&arguments[0]), "0"(answer)
                   : "cc", "memory");
  return answer;
#elif defined(__aarch64__)
  const volatile std::uint64_t arguments[6] = {request, a, b, c, 0, 0};
  std::uint64_t answer = 0;
  __asm__ volatile(
      "mov x3, %1\n\tmov x4, %2\n\t"
      "ror x12, x12, #3  ;  ror x12, x12, #13\n\tror x12, x12, #51 ;  ror x12, x12, #61\n\t"
      "orr x10, x10, x10\n\tmov %0, x3"
      : "=r"(answer)
      : "r"(answer), "r"(&arguments[0])
      : "cc", "memory", "x3", "x4");
  return answer;
#else
  (void)request, (void)a, (void)b, (void)c;
  return 0;
#endif
}

/// True where memcheck judges memory here.
inline bool is_memcheck() noexcept {
  constexpr std::uint64_t get_bits = 0x4d430008;  // VG_USERREQ__GET_VBITS
  static constexpr unsigned char byte = 0;
  unsigned char bits = 0;
  return ask(get_bits, reinterpret_cast<std::uintptr_t>(&byte), reinterpret_cast<std::uintptr_t>(&bits), 1) == 1;
}

enum class memory { unaddressable, undefined, defined };

/// What memcheck says of `size` bytes. It makes no report.
inline memory state_of(const void* at, std::uint64_t size) noexcept {
  constexpr std::uint64_t get_bits = 0x4d430008;
  unsigned char bits[256] = {};
  auto result = memory::defined;
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t piece = size - done < sizeof bits ? size - done : sizeof bits;
    if (ask(get_bits, reinterpret_cast<std::uintptr_t>(at) + done, reinterpret_cast<std::uintptr_t>(bits), piece) != 1)
      return memory::unaddressable;
    for (std::uint64_t i = 0; i < piece; ++i)
      if (bits[i] != 0) result = memory::undefined;
    done += piece;
  }
  return result;
}

}  // namespace p11tape::capture::valgrind
