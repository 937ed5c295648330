# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Puts together the directory that a package consists of. All formats are made from it.
#
# WORK/plain: the directory of the tarball. WORK/debug: debug symbols, by build id.

# Which package's copyright file holds for an archive that is linked into what we ship.
declare -A package_of_archive=(
  [crypto]=libssl-dev [yaml-cpp]=libyaml-cpp-dev [sqlite3]=libsqlite3-dev [zstd]=libzstd-dev [z]=zlib1g-dev
)
# Of headers alone, and what every program of GCC's has in it.
packages_of_headers=(libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libstdc++-12-dev libc6-dev)

copyright_of() {
  local file
  for file in /usr/share/doc/"$1"/copyright "$cache"/sysroot-*/usr/share/doc/"$1"/copyright; do
    [[ -e $file ]] && echo "$file" && return
  done
  die "no copyright file of $1"
}

stage_licenses() {
  local build=$1 into=$2 archive package
  mkdir -p "$into"
  {
    echo "p11tape itself: Apache-2.0 (LICENSE). Inside its files are, with their licences in this directory:"
    while read -r archive; do
      package=${package_of_archive[$archive]-}
      [[ -n $package ]] || die "lib$archive.a is linked in: say in tools/packaging/stage.sh whose licence holds"
      cp -L "$(copyright_of "$package")" "$into/$package"
      echo "  lib$archive.a ($package)"
    done < <(sed -n 's/^P11TAPE_ARCHIVE_\([A-Za-z0-9_+-]*\):FILEPATH=.*/\1/p' "$build/CMakeCache.txt")
    for package in "${packages_of_headers[@]}"; do
      cp -L "$(copyright_of "$package")" "$into/$package"
      echo "  $package"
    done
  } >"$into/LIST"
}

# stage_binary ARCH FILE INTO DEBUG: a copy without symbols, which go where debuggers look for them.
stage_binary() {
  local arch=$1 file=$2 into=$3 debug=$4 prefix=${triplet_of[$1]}- id
  [[ $arch != "$native" ]] || prefix=
  id=$(readelf --notes "$file" 2>/dev/null | sed -n 's/.*Build ID: //p')
  [[ -n $id ]] || die "$file has no build id"
  mkdir -p "$debug/.build-id/${id:0:2}"
  "${prefix}objcopy" --only-keep-debug --compress-debug-sections "$file" "$debug/.build-id/${id:0:2}/${id:2}.debug"
  "${prefix}strip" --strip-unneeded --remove-section=.comment -o "$into/${file##*/}" "$file"
}

stage() {
  local arch=$1 build=$2 work=$3 plain=$3/plain file
  mkdir -p "$plain" "$work/debug"
  while read -r file; do stage_binary "$arch" "$file" "$plain" "$work/debug"; done < <(shipped_files "$build")
  cp "$root/LICENSE" "$root/README.md" "$plain/"
  stage_licenses "$build" "$plain/licenses"
  if [[ $arch == i386 ]]; then
    mkdir "$plain/config"
    cp "$root/config/INSTALL.md" "$plain/config/"
  else
    cp -r "$root/config" "$plain/config"
    mkdir -p "$plain/include/p11tape" "$plain/man" "$plain/completion"
    cp "$root"/include/p11tape/* "$plain/include/p11tape/"
    # The program wrote them when it was built.
    cp "$build"/man/*.1 "$plain/man/"
    cp "$build"/man/{p11tape.bash,_p11tape,p11tape.fish} "$plain/completion/"
  fi
  sed -e "s/@version@/$version/g" -e "s/@arch@/$arch/g" "$root/tools/packaging/install.sh" >"$plain/install.sh"
  find "$work" -type d -exec chmod 755 {} +
  find "$work" -type f -exec chmod 644 {} +
  find "$plain" -maxdepth 1 \( -name '*.so' -o -name p11tape -o -name p11tape-ship -o -name install.sh \) -type f -exec chmod 755 {} +
  (cd "$plain" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum) >"$work/sums"
  mv "$work/sums" "$plain/SHA256SUMS"
  chmod 644 "$plain/SHA256SUMS"
}
