# SPDX-License-Identifier: Apache-2.0
# Debian's cross compilers, and libraries of the other architecture unpacked beside them. tools/architectures.sh names both.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES P11TAPE_ARCH P11TAPE_TRIPLET P11TAPE_MULTIARCH P11TAPE_SYSROOT)
set(CMAKE_SYSTEM_PROCESSOR ${P11TAPE_ARCH})
set(CMAKE_C_COMPILER ${P11TAPE_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${P11TAPE_TRIPLET}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${P11TAPE_MULTIARCH})

# The compiler has headers and the C library of its own; the rest is found behind them.
foreach(language C CXX)
  set(CMAKE_${language}_FLAGS_INIT
      "-idirafter ${P11TAPE_SYSROOT}/usr/include -idirafter ${P11TAPE_SYSROOT}/usr/include/${P11TAPE_MULTIARCH}")
endforeach()
set(CMAKE_FIND_ROOT_PATH ${P11TAPE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Tests run inside the directory of packages (tools/foreign), not from here.
set(CMAKE_CROSSCOMPILING_EMULATOR ${P11TAPE_EMULATOR})
