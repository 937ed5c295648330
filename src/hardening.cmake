# SPDX-License-Identifier: Apache-2.0
# What makes a fault harder to exploit, in every file that is shipped; `tools/check abi` looks for each of these in the results.
#
# Only in builds with full optimisation: _FORTIFY_SOURCE needs it, and sanitizers bring checks of their own.

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
if("${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}" MATCHES "-O[23s]" AND NOT P11TAPE_SANITIZE)
  set(P11TAPE_HARDENED TRUE)
endif()

# Executables are linked as -fPIE code wants it.
include(CheckPIESupported)
check_pie_supported()

if(P11TAPE_HARDENED)
  target_compile_options(p11tape_options INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|i.86|AMD64)$")
    target_compile_options(p11tape_options INTERFACE -fcf-protection)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    target_compile_options(p11tape_options INTERFACE -mbranch-protection=standard)
  endif()
  target_link_options(p11tape_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

# p11tape_assert(TARGET): the checks of the C++ library. For code that runs in the program; a failed check would end a host.
function(p11tape_assert target)
  if(P11TAPE_HARDENED OR P11TAPE_SANITIZE)
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  endif()
endfunction()
