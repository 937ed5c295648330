# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts that build for other architectures share: names, and a directory of that architecture's packages.
#
# An architecture is called as the kernel calls it (x86_64, aarch64, ppc64le, s390x, i386); Debian, GNU and the ELF header
# have names of their own for it.

architectures=(x86_64 aarch64 ppc64le s390x i386)
declare -A debian_of=([x86_64]=amd64 [aarch64]=arm64 [ppc64le]=ppc64el [s390x]=s390x [i386]=i386)
declare -A triplet_of=(
  [x86_64]=x86_64-linux-gnu [aarch64]=aarch64-linux-gnu [ppc64le]=powerpc64le-linux-gnu [s390x]=s390x-linux-gnu
  [i386]=i686-linux-gnu
)
# Debian's name of the folders of its libraries, which on i386 is not the compiler's.
declare -A multiarch_of=(
  [x86_64]=x86_64-linux-gnu [aarch64]=aarch64-linux-gnu [ppc64le]=powerpc64le-linux-gnu [s390x]=s390x-linux-gnu
  [i386]=i386-linux-gnu
)
native=$(uname -m)

# Where downloaded packages and unpacked directories are kept between runs.
cache=${P11TAPE_CACHE:-$root/build-foreign}

known_architecture() {
  [[ -n ${debian_of[$1]-} ]] || die "unknown architecture $1 (known: ${architectures[*]})"
}

# runs_here ARCH: whether this kernel runs programs of that architecture itself.
runs_here() {
  [[ $1 == "$native" ]] || { [[ $1 == i386 && $native == x86_64 ]] && "$(sysroot_of i386)/lib/ld-linux.so.2" --version >/dev/null 2>&1; }
}

# What comes over the network may be missing through no fault of ours: tests are skipped then.
cannot_be_had() {
  echo "${0##*/}: $*" >&2
  exit 77
}

# install_now PACKAGE...: as tools/install-packages does it.
install_now() { "$root/tools/install-packages" --only "$@"; }

# apt_of NAME DEBIAN_ARCH ARGUMENT...: apt-get with lists and a state of its own, so that the machine's own packages play
# no part. sources.list in its directory, if there is one, replaces the machine's sources.
apt_of() {
  local state=$cache/apt/$1 debian=$2 options
  shift 2
  mkdir -p "$state"/{lists/partial,archives/partial}
  touch "$state/status"
  options=(
    -q -o "APT::Architecture=$debian" -o "APT::Architectures=$debian" -o APT::Sandbox::User=root
    -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache::Archives=$state/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o Acquire::Retries=2 -o Acquire::http::Timeout=20
  )
  [[ ! -d $state/sources ]] || options+=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$state/sources")
  timeout 240 apt-get "${options[@]}" "$@"
}

# unpack_packages NAME DEBIAN_ARCH INTO PACKAGE...: these packages and all that they depend on, unpacked. Nothing is
# configured: what is unpacked is to compile against, and to run programs in. Done once for a list of packages.
unpack_packages() {
  local name=$1 debian=$2 into=$3 state=$cache/apt/$1 file
  shift 3
  [[ ! -f $into.packages || $(<"$into.packages") != "$*" ]] || return 0
  say "Unpacking Debian's packages for $name"
  # A source that does not have this architecture is an error for apt; whether the packages are there shows below.
  apt_of "$name" "$debian" update >/dev/null 2>&1 || true
  rm -f "$state"/archives/*.deb
  apt_of "$name" "$debian" install --yes --download-only --no-install-recommends "$@" >"$state/log" 2>&1 ||
    { tail -n 5 "$state/log" >&2 && cannot_be_had "Debian's packages for $name cannot be downloaded (whole message: $state/log)"; }
  rm -rf "$into"
  mkdir -p "$into"
  for file in "$state"/archives/*.deb; do dpkg-deb --extract "$file" "$into"; done
  # The loader is found through links, which must not lead to this machine's.
  while read -r file; do ln -srfn "$into$(readlink "$file")" "$file"; done < <(find "$into" -maxdepth 2 -type l -lname '/*')
  echo "$*" >"$into.packages"
}

# The emulator, unpacked and not installed: installing it would register it for the whole machine.
emulator_of() {
  local directory=$cache/emulator
  if [[ ! -x $directory/usr/bin/qemu-$1-static ]]; then
    mkdir -p "$directory"
    apt_of emulator "$(dpkg --print-architecture)" update >/dev/null 2>&1 || true
    (cd "$directory" && apt_of emulator "$(dpkg --print-architecture)" download qemu-user-static >/dev/null 2>&1) ||
      cannot_be_had "Debian's package qemu-user-static cannot be downloaded"
    dpkg-deb --fsys-tarfile "$directory"/qemu-user-static_*.deb |
      tar -x -C "$directory" "./usr/bin/qemu-$1-static" "./usr/lib/binfmt.d/qemu-$1.conf"
    rm -f "$directory"/*.deb
  fi
  echo "$directory/usr/bin/qemu-$1-static"
}

sysroot_of() { echo "$cache/sysroot-$1"; }

# make_sysroot ARCH: what compiling for it takes, and what its tests run.
make_sysroot() {
  local packages
  mapfile -t packages < <("$root/tools/install-packages" --list-target)
  unpack_packages "$1" "${debian_of[$1]}" "$(sysroot_of "$1")" "${packages[@]}"
  echo 'root:x:0:0:root:/root:/bin/bash' >"$(sysroot_of "$1")/etc/passwd"  # which configuring a package would have written
}

# runner_of ARCH: the command that runs a program with the libraries of its sysroot, a word in a line; nothing for this machine's
# own. Not with the emulator's option for that: it leads paths that a program opens into the sysroot, too, "/" among them.
runner_of() {
  local system loader
  [[ $1 != "$native" ]] || return 0
  system=$(sysroot_of "$1")
  runs_here "$1" || emulator_of "$1"
  loader=$(find "$system"/lib* -maxdepth 1 -name 'ld*.so.[12]' | sort | head -n 1)
  printf '%s\n' "$loader" --library-path "$system/lib/${multiarch_of[$1]}:$system/usr/lib/${multiarch_of[$1]}"
}

# configure_for ARCH BUILD_DIRECTORY [OPTION...]: cmake for another architecture (for this one, without a toolchain file).
configure_for() {
  local arch=$1 build=$2 compiler
  shift 2
  if [[ $arch != "$native" ]]; then
    compiler=${triplet_of[$arch]}-g++
    command -v "$compiler" >/dev/null || install_now "g++-${triplet_of[$arch]/_/-}"
    make_sysroot "$arch"
    set -- -DCMAKE_TOOLCHAIN_FILE="$root/tools/toolchain.cmake" -DP11TAPE_ARCH="$arch" -DP11TAPE_TRIPLET="${triplet_of[$arch]}" \
      -DP11TAPE_MULTIARCH="${multiarch_of[$arch]}" -DP11TAPE_SYSROOT="$(sysroot_of "$arch")" "$@"
  fi
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" >/dev/null
}

# shipped_targets ARCH: what packages consist of.
shipped_targets() {
  printf '%s\n' p11tape_shim p11tape_run
  [[ $1 == i386 ]] || printf '%s\n' p11tape_player_module p11tape p11tape-ship
}

# build_for ARCH BUILD TARGET...: builds them as they are shipped, with names of files that do not tell where that was. With
# `optimisation` set, otherwise optimised.
build_for() {
  local arch=$1 build=$2 flags runner options=()
  shift 2
  flags="${optimisation:--O2 -g1} -DNDEBUG -ffile-prefix-map=$root=. -ffile-prefix-map=$build=build"
  say "Building for $arch"
  # The program of another architecture writes its manual pages when it is built, and tests say then what they are.
  if [[ $arch != "$native" ]]; then
    make_sysroot "$arch"
    runs_here "$arch" || emulator_of "$arch" >/dev/null
    runner=$(runner_of "$arch" | paste -sd ';')
    options=(-DP11TAPE_EMULATOR="$runner")
  fi
  configure_for "$arch" "$build" "${options[@]}" -DP11TAPE_TOGETHER=ON -DP11TAPE_WERROR=OFF -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="$flags" \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO="$flags"
  make_in "$build" "$@"
}

# make_in BUILD TARGET...: what the compiler says is shown if it fails.
make_in() {
  local build=$1
  shift
  ninja -C "$build" -j "$(jobs)" "$@" >"$build/log" || { tail -n 40 "$build/log" >&2 && return 1; }
}
