# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Another architecture's programs, run in a small Debian of that architecture: a directory of unpacked packages, entered
# with a user and mount namespace of its own, in which the kernel hands their programs to qemu. Nothing of it is seen
# outside. i386 runs on an x86-64 kernel without an emulator.

# The emulator, unpacked and not installed: installing it would register it for the whole machine.
emulator_of() {
  local directory=$cache/emulator
  if [[ ! -x $directory/usr/bin/qemu-$1-static ]]; then
    mkdir -p "$directory"
    apt_of emulator "$(dpkg --print-architecture)" update >/dev/null 2>&1 || true
    (cd "$directory" && apt_of emulator "$(dpkg --print-architecture)" download qemu-user-static >/dev/null) ||
      die "Debian's package qemu-user-static cannot be had"
    dpkg-deb --extract "$directory"/qemu-user-static_*.deb "$directory"
    rm -f "$directory"/*.deb
  fi
  echo "$directory/usr/bin/qemu-$1-static"
}

# enter ARCH SYSTEM COMMAND...: runs the command with SYSTEM as its root directory. The project's files are at the same
# place in it, /tmp is empty and goes away with the command.
enter() {
  local arch=$1 system=$2 registration=''
  shift 2
  if ! runs_here "$arch"; then
    emulator_of "$arch" >/dev/null
    registration=$(<"$cache/emulator/usr/lib/binfmt.d/qemu-$arch.conf")
    registration=${registration%:*:*}:$(emulator_of "$arch"):OPF
  fi
  mkdir -p "$system"/{proc,dev,tmp} "$system$root" "$system$cache"
  # shellcheck disable=SC2016
  unshare --map-root-user --mount --pid --fork --kill-child bash -euc '
    system=$1 registration=$2 root=$3 cache=$4
    shift 4
    mount --rbind /dev "$system/dev"
    mount -t proc proc "$system/proc"
    mount -t tmpfs tmpfs "$system/tmp"
    mount --bind "$root" "$system$root"
    mount --bind "$cache" "$system$cache"
    if [[ -n $registration ]]; then
      if ! mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || ! echo "$registration" >/proc/sys/fs/binfmt_misc/register; then
        echo "this kernel has no binfmt_misc of its own in a namespace (Linux 6.7 has)" >&2
        exit 77
      fi
    fi
    exec chroot "$system" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C TZ=UTC "$@"' \
    enter "$system" "$registration" "$root" "$cache" "$@"
}

# What is built and run there. The program takes longest to compile: `quick` leaves it out, and then only the program of
# this machine reads the tapes that are recorded there.
foreign_targets() {
  local all=(p11tape_shim p11tape_contract_tests unit-tape unit-cryptoki)
  [[ $1 == i386 || $quick == yes ]] || all+=(p11tape golden-tapes)
  printf '%s\n' "${all[@]}"
}

check_foreign() {
  local arch=$1 build=$cache/test-$1 system tapes=$cache/tapes-$1 targets file emulator=''
  make_sysroot "$arch"
  system=$(sysroot_of "$arch")
  if ! runs_here "$arch"; then emulator="$(emulator_of "$arch");-L;$system"; fi
  say "Building for $arch"
  mapfile -t targets < <(foreign_targets "$arch")
  configure_for "$arch" "$build" -DP11TAPE_EMULATOR="$emulator" -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g0 -DNDEBUG" \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O1 -g0 -DNDEBUG"
  ninja -C "$build" -j "$(jobs)" "${targets[@]}" >"$build/log" || { tail -n 40 "$build/log" >&2 && return 1; }
  for file in $(shipped_files "$build"); do meets_floor "$file"; done

  say "Testing on $arch"
  rm -rf "$tapes"
  mkdir -p "$tapes/here" "$tapes/there"
  [[ ! -x $root/build/bin/golden-tapes ]] || "$root/build/bin/golden-tapes" "$tapes/here"
  enter "$arch" "$system" /bin/bash "$root/tests/foreign/inside" "$root" "$build" "$tapes" "$emulator"

  # Both programs read both kinds of tapes, and print the same bytes.
  local program=$root/build/bin/p11tape place name alike=yes
  [[ $arch != i386 && $quick == no ]] || alike=no
  [[ -x $program ]] || { echo "no program for this machine in build/: tapes are not read across" && return 0; }
  for place in here there; do
    for file in "$tapes/$place"/*.p11tape; do
      name=$tapes/$place/$(basename "$file").txt
      LC_ALL=C TZ=UTC "$program" show "$file" >"$name.here" 2>&1 || [[ $? -le 2 ]]
      [[ -s $name.here ]] || die "$file: nothing to show"
      [[ $alike == no ]] || cmp "$name.here" "$name.there" || die "$file is not shown alike here and on $arch"
    done
  done
  grep -q 'C_Sign(' "$tapes"/there/*.here || die "the tape from $arch has no C_Sign"
  echo "$(find "$tapes" -name '*.here' | wc -l) tapes from here and from $arch are read here$([[ $alike == no ]] || echo " and there, alike")."
}
