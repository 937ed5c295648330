# SPDX-License-Identifier: Apache-2.0
# What it takes to run on a C library that is older than the one that we are built with.
#
# A symbol of the C library has versions, and a linker takes the newest. Two kinds are in the way:
# - Functions that glibc 2.34 moved from libpthread and libdl into libc, where they have a new version beside the old
#   one. They are linked from libraries made here, that have the names and versions of glibc 2.17's and no code: nothing
#   stands between a call and the function.
# - Functions that are new, or mean something else now. Hidden definitions of this directory stand in for them.

set(P11TAPE_FLOOR_GLIBC 2.17)

# Lists in `into` the symbols of a library of the target as NAME@VERSION, and NAME@@VERSION where it is the default.
function(p11tape_symbols_of file into)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${file} OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${CMAKE_READELF} --dyn-syms --wide ${path} OUTPUT_VARIABLE text ERROR_QUIET RESULT_VARIABLE failed)
  set(symbols "")
  if(failed EQUAL 0)
    string(REGEX MATCHALL "[A-Za-z_0-9]+@@?GLIBC_[0-9.]+" symbols "${text}")
  endif()
  set(${into} "${symbols}" PARENT_SCOPE)
endfunction()

# Sets old_NAME to the newest version of each symbol that the floor has, and new_NAME to what is linked by default.
macro(p11tape_sort_versions)
  foreach(symbol ${ARGN})
    string(REGEX MATCH "^([^@]+)(@@?)GLIBC_(.*)$" symbol "${symbol}")
    set(name ${CMAKE_MATCH_1})
    set(version ${CMAKE_MATCH_3})
    if(CMAKE_MATCH_2 STREQUAL "@@")
      set(new_${name} ${version})
    endif()
    if(version VERSION_LESS_EQUAL P11TAPE_FLOOR_GLIBC AND (NOT old_${name} OR old_${name} VERSION_LESS version))
      set(old_${name} ${version})
    endif()
    list(APPEND names ${name})
  endforeach()
endmacro()

# A library without code that has the soname and, by `pattern`, the moved functions of one of glibc 2.17's.
function(p11tape_old_library soname pattern into)
  set(code "")
  set(versions "")
  foreach(name ${names})
    if(name MATCHES "${pattern}" AND old_${name} AND new_${name} VERSION_GREATER P11TAPE_FLOOR_GLIBC)
      string(APPEND code "void ${name}(void) {}\n")
      list(APPEND versions ${old_${name}})
      string(APPEND symbols_${old_${name}} " ${name};")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES versions)
  set(map "")
  foreach(version ${versions})
    string(APPEND map "GLIBC_${version} { global:${symbols_${version}} };\n")
  endforeach()
  set(stem ${CMAKE_CURRENT_BINARY_DIR}/${soname})
  file(WRITE ${stem}.c "${code}")
  file(WRITE ${stem}.map "${map}")
  # Under another name than its own, so that no program finds it when it runs.
  execute_process(
    COMMAND ${CMAKE_C_COMPILER} -shared -nostdlib -fPIC -w -fno-builtin -fvisibility=default -Wl,-soname,${soname}
            -Wl,--version-script=${stem}.map -o ${stem}.link-only ${stem}.c COMMAND_ERROR_IS_FATAL ANY)
  set(${into} ${stem}.link-only PARENT_SCOPE)
endfunction()

# old_versions.h: the version that each symbol named by OLD() in a stand-in has on the floor.
function(p11tape_write_old_versions)
  set(text "")
  foreach(file ${ARGN})
    file(STRINGS ${file} uses REGEX "^OLD\\(")
    foreach(use ${uses})
      string(REGEX REPLACE "^OLD\\((.*)\\);.*$" "\\1" name "${use}")
      if(old_${name})
        string(APPEND text "#define P11TAPE_OLD_${name} \"GLIBC_${old_${name}}\"\n")
      else()
        message(FATAL_ERROR "${file}: the C library has no ${name} that is as old as glibc ${P11TAPE_FLOOR_GLIBC}")
      endif()
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT old_versions.h CONTENT "// Made by floor.cmake.\n${text}" @ONLY)
endfunction()

# A linker script for -lc, in front of the C library's own: first the stand-ins, then the old libraries where they are
# needed, then the C library.
function(p11tape_write_libc_script directory stand_ins)
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libc.so OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(READ ${path} script)
  list(JOIN ARGN " " old)
  string(REGEX REPLACE "GROUP *\\(" "GROUP ( ${stand_ins} AS_NEEDED ( ${old} )" script "${script}")
  file(WRITE ${directory}/libc.so "${script}")
endfunction()
