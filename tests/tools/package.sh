#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# package.sh ROOT BUILD: packs a build, and uses the packages as an administrator would: unpack and run, install, upgrade
# under a running recorder, uninstall.
set -euo pipefail
root=$1 build=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/p11tape-package.XXXXXX")
user=
trap '[[ -z $user ]] || kill "$user" 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "package.sh: $*" >&2 && exit 1; }

arch=$(uname -m)
"$root/tools/package" --from "$build" --into "$work/packages" "$arch" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
"$root/tools/package" --from "$build" --formats tar --into "$work/again" "$arch" >"$work/log" 2>&1
for file in "$work"/again/*.tar.gz; do cmp "$file" "$work/packages/${file##*/}" || fail "packing again gives other bytes"; done

tar xzf "$work"/packages/p11tape-[0-9]*.tar.gz -C "$work"
plain=$(find "$work" -maxdepth 1 -name 'p11tape-*-linux-*')
[[ $(find "$plain" -perm /022 | wc -l) -eq 0 ]] || fail "files that others may write"

# recorder_of PROGRAM: the recorder that the program finds. (That no module is named is a finding.)
recorder_of() { { "$1" settings || [[ $? -eq 1 ]]; } | sed -n 's/^shim  *//p'; }
[[ $(recorder_of "$plain/p11tape") == "$plain/p11tape.so" ]] || fail "unpacked, the program does not find its recorder"
"$plain/p11tape" run --help >/dev/null
"$plain/p11tape-ship" --help >/dev/null
for file in man/p11tape.1 man/p11tape-show.1 completion/p11tape.bash config/INSTALL.md licenses/LIST; do
  [[ -s $plain/$file ]] || fail "the tarball has no $file"
done

# Unpacked, it records.
mkdir "$work/tokens" "$work/tapes"
echo "directories.tokendir = $work/tokens" >"$work/softhsm.conf"
export SOFTHSM2_CONF=$work/softhsm.conf P11TAPE_DIR=$work/tapes P11TAPE_MODULE=/usr/lib/softhsm/libsofthsm2.so
pkcs11-tool --module "$plain/p11tape.so" --show-info >/dev/null
"$plain/p11tape" show "$work/tapes" | grep -q 'C_GetInfo' || fail "the unpacked recorder has recorded no C_GetInfo"

# Installed; an upgrade while a process has the recorder loaded.
prefix=$work/opt
(cd "$plain" && ./install.sh --prefix "$prefix" >"$work/log")
[[ $(recorder_of "$prefix/p11tape") == "$prefix/p11tape.so" ]] || fail "installed, the program names a path that an upgrade changes"
first=$(readlink -f "$prefix/p11tape.so")
LD_PRELOAD=$prefix/p11tape.so sleep 300 &
user=$!
for _ in {1..100}; do grep -qF "$first" "/proc/$user/maps" && break || sleep 0.1; done
echo >>"$plain/README.md"
(cd "$plain" && ./install.sh --prefix "$prefix" >"$work/log" 2>&1) && fail "a changed file has been installed"
(cd "$plain" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)
(cd "$plain" && ./install.sh --prefix "$prefix" >"$work/log")
grep -q "^Kept .*process $user uses it" "$work/log" || { cat "$work/log" && fail "the upgrade does not see who uses the old version"; }
[[ -e $first && $(readlink -f "$prefix/p11tape.so") != "$first" ]] || fail "the upgrade has removed what is in use, or not moved the name"
kill "$user" && wait "$user" 2>/dev/null || true
user=
(cd "$plain" && ./install.sh --prefix "$prefix" >"$work/log")
[[ ! -e $first ]] || fail "the old version is still there, though nobody uses it"
echo "module: /x.so" >"$prefix/p11tape.yaml"
(cd "$plain" && ./install.sh --prefix "$prefix" --uninstall >"$work/log")
[[ $(ls "$prefix") == p11tape.yaml ]] || fail "uninstalling leaves $(ls "$prefix") instead of the user's settings alone"

# The distributions' packages.
dpkg-deb --extract "$work"/packages/*.deb "$work/deb"
[[ $(recorder_of "$work/deb/usr/bin/p11tape") == "$work"/deb/usr/lib/*/pkcs11/p11tape.so ]] || fail "the .deb's program does not find its recorder"
[[ $(dpkg-deb --field "$work"/packages/*.deb Depends) == "libc6 (>= 2.17)" ]] || fail "the .deb depends on something else"
if command -v rpm >/dev/null; then
  rpm --query --package --list "$work"/packages/*.rpm >"$work/list" 2>/dev/null
  grep -qx '/usr/lib64/pkcs11/p11tape.so' "$work/list" || fail "the .rpm has no recorder"
fi
