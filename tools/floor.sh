# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a file of ours asks of the system that it runs on: glibc 2.17 and no other library, whatever the architecture.

floor=2.17

# Symbols of the C library that are newer than the floor.
newer_symbols() {
  local symbol version
  readelf --dyn-syms --wide "$1" | grep -oE '[A-Za-z_0-9]+@GLIBC_[0-9.]+' | sort -u | while IFS=@ read -r symbol version; do
    [[ $(printf '%s\n' "${version#GLIBC_}" "$floor" | sort -V | tail -n 1) == "$floor" ]] || echo "$symbol@$version"
  done
}

needed_libraries() { readelf --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# The libraries that are not parts of glibc.
foreign_libraries() { needed_libraries "$1" | sed -E '/^(lib(c|m)\.so\.6|libdl\.so\.2|libpthread\.so\.0|ld(64|-linux[a-z0-9-]*)\.so\.[12])$/d'; }

# meets_floor FILE: says what the file asks for, and fails where that is too much.
meets_floor() {
  local newer libraries failed=0
  newer=$(newer_symbols "$1" | paste -sd ' ')
  libraries=$(foreign_libraries "$1" | paste -sd ' ')
  [[ -z $newer ]] || { echo "${1#"$root/"}: needs symbols newer than glibc $floor: $newer" >&2 && failed=1; }
  [[ -z $libraries ]] || { echo "${1#"$root/"}: needs libraries besides glibc's: $libraries" >&2 && failed=1; }
  if readelf --dynamic "$1" | grep -qE '\((RPATH|RUNPATH)\)'; then
    echo "${1#"$root/"}: has a path of the build in it" >&2
    failed=1
  fi
  [[ $failed -eq 1 ]] || echo "${1#"$root/"}: runs on glibc $floor; needs $(needed_libraries "$1" | paste -sd ' ')"
  return "$failed"
}

# shipped_files BUILD: what a build directory has of what is shipped.
shipped_files() {
  local file
  for file in "$1"/lib/p11tape{,-player,-run}.so "$1"/bin/p11tape{,-ship}; do [[ ! -f $file ]] || echo "$file"; done
}
