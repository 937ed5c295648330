# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Another architecture's programs, run in a small Debian of that architecture: a directory of unpacked packages, entered
# with a user and mount namespace of its own, in which the kernel hands their programs to qemu. Nothing of it is seen
# outside. i386 runs on an x86-64 kernel without an emulator.

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

# check_old: what was built for this machine, on Debian 11's C library (glibc 2.31): records a client, and shows the tapes.
check_old() {
  local system=$cache/debian-11 tapes=$cache/tapes-debian-11 runner file
  [[ $native == x86_64 ]] || die "old: only on x86-64"
  build release lib/p11tape.so lib/p11tape-run.so bin/p11tape bin/p11tape-ship
  mkdir -p "$cache/apt/debian-11/sources"
  echo 'deb http://deb.debian.org/debian bullseye main' >"$cache/apt/debian-11/sources/bullseye.list"
  unpack_packages debian-11 amd64 "$system" libc6 libstdc++6 softhsm2 opensc
  runner=("$system/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$system/lib/x86_64-linux-gnu:$system/usr/lib/x86_64-linux-gnu")
  "${runner[@]}" "$system/lib/x86_64-linux-gnu/libc.so.6" | sed -n 1p
  rm -rf "$tapes"
  make_token "$tapes/tokens"
  "$root/tests/foreign/record" "$root/build/lib/p11tape.so" "$tapes/tokens" "$tapes/there" "$system" "${runner[@]}"
  for file in "$tapes"/there/*.p11tape; do
    "${runner[@]}" "$root/build/bin/p11tape" show "$file" >"$file.there"
    "$root/build/bin/p11tape" show "$file" | cmp - "$file.there" || die "$file is not shown alike on Debian 11"
    [[ $(wc -l <"$file.there") -gt 100 ]] || die "$file: nothing to show"
    "${runner[@]}" "$root/build/bin/p11tape" diagnose "$file" >"$file.diagnosis" || [[ $? -eq 1 ]]
  done
  "${runner[@]}" "$root/build/bin/p11tape-ship" --help >/dev/null
  echo "The recorder, the program and p11tape-ship work on Debian 11's C library."
}

# make_token DIRECTORY: a SoftHSM token with a key, for all recordings: its files are the same for every architecture.
make_token() {
  mkdir -p "$1"
  (
    export SOFTHSM2_CONF=$1.conf
    echo "directories.tokendir = $1" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label there --pin 1234 --so-pin 5678
    pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label there --login --pin 1234 --keypairgen \
      --key-type EC:prime256v1 --label signer --id 01
  ) >"$1.log" 2>&1 || { cat "$1.log" >&2 && return 1; }
}

# record_here RECORDER TAPES: a token in TAPES/tokens, and a client of this machine on it, recorded into TAPES/here.
record_here() {
  rm -rf "$2"
  make_token "$2/tokens"
  "$root/tests/foreign/record" "$1" "$2/tokens" "$2/here" ""
}

# record_there ARCH RECORDER TAPES: the same client of that architecture on the same token, recorded into TAPES/there.
record_there() {
  local arch=$1 recorder=$2 tapes=$3 system='' runner temporary=${TMPDIR:-/tmp}
  [[ $arch == "$native" ]] || system=$(sysroot_of "$arch")
  mapfile -t runner < <(runner_of "$arch")
  # (32-bit programs cannot list directories of some file systems under an emulator.)
  [[ ! -w /dev/shm ]] || temporary=/dev/shm
  TMPDIR=$temporary "$root/tests/foreign/record" "$recorder" "$tapes/tokens" "$tapes/there" "$system" "${runner[@]}"
}

# compare_recordings ARCH PROGRAM TAPES: the same client on the same token is recorded in the same way there and here.
compare_recordings() {
  local arch=$1 program=$2 tapes=$3 name
  for name in keygen sign mechanisms; do
    "$program" diff "$tapes/here/$name.p11tape" "$tapes/there/$name.p11tape" >"$tapes/$name.diff" 2>&1 ||
      { cat "$tapes/$name.diff" >&2 && die "$name: the tape from $arch differs from that from here"; }
  done
  echo "recorded on $arch: read here, and like the recording from here ($(sed -n 's/^Alike: \([0-9]* calls\).*/\1/p' "$tapes"/*.diff | paste -sd ' '))"
}

# compare_readers ARCH PROGRAM PROGRAM_THERE TAPES: both programs read both kinds of tapes, and print the same bytes.
compare_readers() {
  local arch=$1 program=$2 there=$3 tapes=$4 runner place file
  mapfile -t runner < <(runner_of "$arch")
  for place in here there; do
    for file in "$tapes/$place"/*.p11tape; do
      LC_ALL=C TZ=UTC "$program" show "$file" >"$file.here"
      LC_ALL=C TZ=UTC "${runner[@]}" "$there" show "$file" >"$file.there"
      [[ $(wc -l <"$file.here") -gt 20 ]] || die "$file: nothing to show"
      cmp "$file.here" "$file.there" || die "$file is not shown alike here and on $arch"
    done
  done
  echo "$(find "$tapes" -name '*.here' | wc -l) tapes from here and from $arch are shown alike here and there."
}

# try_foreign ARCH RECORDER PROGRAM TAPES RECORDER_HERE PROGRAM_HERE: what was built for that architecture, run from outside: a
# client is recorded, and tapes are read across (not on i386, for which there is no program).
try_foreign() {
  local arch=$1 recorder=$2 program=$3 tapes=$4
  record_here "$5" "$tapes"
  record_there "$arch" "$recorder" "$tapes"
  compare_recordings "$arch" "$6" "$tapes"
  [[ $arch == i386 ]] || compare_readers "$arch" "$6" "$program" "$tapes"
}

# test_foreign ARCH BUILD_THERE BUILD: the recorder, the program and unit tests of the table that both are made from. BUILD is this
# machine's.
test_foreign() {
  local arch=$1 build=$2 here=$3 runner file
  for file in $(shipped_files "$build"); do meets_floor "$file"; done
  mapfile -t runner < <(runner_of "$arch")
  say "Testing on $arch (${runner[0]##*/})"
  "${runner[@]}" "$build/bin/unit-cryptoki" || [[ $? -eq 77 ]] || die "unit-cryptoki failed on $arch"
  try_foreign "$arch" "$build"/{lib/p11tape.so,bin/p11tape} "$cache/tapes-$arch" "$here"/{lib/p11tape.so,bin/p11tape}
}

# quick_foreign ARCH BUILD: what every run of the tests does. The compiler has most of the work: less optimisation makes it a
# quarter less, in a directory that nobody takes for what is shipped.
quick_foreign() {
  local arch=$1 here=$2 build=$cache/quick-$1 targets=(p11tape_shim unit-cryptoki)
  [[ $arch == i386 ]] || targets+=(p11tape)
  optimisation='-O1 -g0' build_for "$arch" "$build" "${targets[@]}"
  test_foreign "$arch" "$build" "$here"
}

# whole_foreign ARCH BUILD: all that is shipped, and more tests, which run in a system of that architecture.
whole_foreign() {
  local arch=$1 here=$2 build=$cache/build-$1 targets emulator=''
  mapfile -t targets < <(shipped_targets "$arch")
  targets+=(p11tape_contract_tests unit-cryptoki unit-tape)
  [[ $arch == i386 ]] || targets+=(golden-tapes)
  build_for "$arch" "$build" "${targets[@]}"
  test_foreign "$arch" "$build" "$here"
  runs_here "$arch" || emulator=$(emulator_of "$arch")
  enter "$arch" "$(sysroot_of "$arch")" /bin/bash "$root/tests/foreign/inside" "$root" "$build" "$cache/tapes-$arch" "$emulator"
  compare_recordings "$arch" "$here/bin/p11tape" "$cache/tapes-$arch"
}

# check_foreign [quick] ARCH
check_foreign() {
  local how=whole
  if [[ $1 == quick ]]; then how=quick && shift; fi
  build release lib/p11tape.so bin/p11tape
  "${how}_foreign" "$1" "$root/build"
}
