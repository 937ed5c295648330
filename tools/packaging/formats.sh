# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The formats of packages, each made from the staged directory (stage.sh).

summary='recorder for PKCS#11'
description='p11tape.so stands in for a PKCS#11 module: it forwards every call and
records it on a tape, without PINs and keys. The program p11tape shows tapes,
finds what went wrong and where the time goes, and checks the configuration of
the clients of a token.'
packager=${DEBEMAIL:-p11tape@localhost}
packager="${DEBFULLNAME:-p11tape} <$packager>"

# package_name ARCH: the 32-bit recorder can be installed beside the package of a 64-bit system.
package_name() { [[ $1 == i386 ]] && echo p11tape-i386 || echo p11tape; }

# pack_directory DIRECTORY NAME FILE: a tar.gz whose bytes depend on the contents alone.
pack_directory() {
  tar --create --directory "$1" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
    --mtime="@$SOURCE_DATE_EPOCH" --transform "s,^\.,$2," . | gzip -6 --no-name >"$3"
}

make_tarballs() {
  local arch=$1 work=$2 into=$3 name=p11tape-$version-linux-$1
  pack_directory "$work/plain" "$name" "$into/$name.tar.gz"
  pack_directory "$work/debug" "usr/lib/debug" "$into/p11tape-debug-$version-linux-$arch.tar.gz"
}

# place WORK ROOT LIBRARY_DIRECTORY DOCUMENTATION ZSH_DIRECTORY: the staged files where a distribution's packages have them.
place() {
  local plain=$1/plain tree=$2 libraries=$3 documentation=$4 zsh=$5 file
  mkdir -p "$tree/$libraries/pkcs11" "$tree/$documentation"
  install -m 644 "$plain"/*.so "$tree/$libraries/pkcs11/"
  cp -r "$plain/config" "$plain/README.md" "$tree/$documentation/"
  [[ -f $plain/p11tape ]] || return 0
  install -D -m 755 -t "$tree/usr/bin" "$plain/p11tape" "$plain/p11tape-ship"
  mkdir -p "$tree/usr/include" "$tree/usr/share/man/man1"
  cp -r "$plain/include/p11tape" "$tree/usr/include/"
  for file in "$plain"/man/*.1; do gzip -9 --no-name <"$file" >"$tree/usr/share/man/man1/${file##*/}.gz"; done
  install -D -m 644 "$plain/completion/p11tape.bash" "$tree/usr/share/bash-completion/completions/p11tape"
  install -D -m 644 "$plain/completion/_p11tape" "$tree/usr/share/zsh/$zsh/_p11tape"
  install -D -m 644 "$plain/completion/p11tape.fish" "$tree/usr/share/fish/vendor_completions.d/p11tape.fish"
}

make_deb() {
  local arch=$1 work=$2 into=$3 tree=$2/deb architecture=${debian_of[$1]} name date
  name=$(package_name "$arch")
  local documentation=usr/share/doc/$name
  place "$work" "$tree" "usr/lib/${multiarch_of[$arch]}" "$documentation" vendor-completions
  {
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    echo
    echo "Files: *"
    echo "Copyright: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y) the authors of p11tape"
    echo "License: Apache-2.0"
    echo " On Debian systems, see /usr/share/common-licenses/Apache-2.0."
    echo
    sed 's/^/Comment: /;2,$s/^Comment:/ /' "$work/plain/licenses/LIST" | sed 's/^  */ /;1s/^ *//'
  } >"$tree/$documentation/copyright"
  mkdir -p "$tree/$documentation/licenses"
  cp "$work"/plain/licenses/* "$tree/$documentation/licenses/"
  date=$(date -u -R -d "@$SOURCE_DATE_EPOCH")
  printf '%s (%s) unstable; urgency=medium\n\n  * See README.md.\n\n -- %s  %s\n' "$name" "$version" "$packager" "$date" |
    gzip -9 --no-name >"$tree/$documentation/changelog.gz"
  mkdir -p "$tree/usr/share/lintian/overrides"
  sed "s/^p11tape:/$name:/" "$root/tools/packaging/lintian-overrides" >"$tree/usr/share/lintian/overrides/$name"
  mkdir "$tree/DEBIAN"
  (cd "$tree" && find usr -type f | sort | xargs -d '\n' md5sum) >"$tree/DEBIAN/md5sums"
  cat >"$tree/DEBIAN/control" <<EOF
Package: $name
Version: $version
Architecture: $architecture
Maintainer: $packager
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f 1)
Depends: libc6 (>= $floor)
Section: utils
Priority: optional
Description: $summary
$(sed 's/^/ /' <<<"$description")
EOF
  find "$tree" -type d -exec chmod 755 {} +
  find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$tree" "$into/${name}_${version}_$architecture.deb" >/dev/null
}

make_rpm() {
  local arch=$1 work=$2 into=$3 tree=$2/rpm libraries=usr/lib64 listed target=$1 name
  [[ $arch != i386 ]] || { libraries=usr/lib && target=i686; }
  command -v rpmbuild >/dev/null || { echo "no rpmbuild here: no .rpm for $arch" && return; }
  name=$(package_name "$arch")
  place "$work" "$tree/root" "$libraries" "usr/share/doc/$name" site-functions
  mkdir -p "$tree/root/usr/share/licenses/$name"
  cp "$work"/plain/LICENSE "$work"/plain/licenses/* "$tree/root/usr/share/licenses/$name/"
  listed=$(cd "$tree/root" && find usr \( -type f -o -type d -name '*p11tape*' \) | sort |
    sed -e '/^usr\/share\/doc\/p11tape/s/^/%doc /' -e '/^usr\/share\/licenses/s/^/%license /' |
    sed -e 's#^\(%[a-z]* \)\{0,1\}usr#\1/usr#' | while read -r kind file; do
      [[ -n $file ]] || { file=$kind && kind=''; }
      [[ -d $tree/root$file ]] && kind='%dir'
      echo "$kind $file"
    done)
  cat >"$tree/p11tape.spec" <<EOF
Name: $name
Version: $version
Release: 1
Summary: ${summary^}
License: Apache-2.0
Packager: $packager
AutoReqProv: no
Requires: glibc >= $floor
%description
$description
%install
cp -a $tree/root/. %{buildroot}/
%files
$listed
%changelog
* $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y') $packager - $version-1
- See README.md.
EOF
  find "$tree/root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
  rpmbuild -bb --target "$target-linux" --define "_topdir $tree/top" --define "_buildhost localhost" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_binary_payload w6.gzdio" --define "debug_package %{nil}" --define "__os_install_post %{nil}" \
    --define "_build_id_links none" --define "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm" \
    "$tree/p11tape.spec" >"$tree/log" 2>&1 || { tail -n 20 "$tree/log" >&2 && return 1; }
  cp "$tree"/top/RPMS/*.rpm "$into/"
}

# lint_packages ARCH INTO: what lintian and rpmlint find besides what tools/packaging explains is an error.
lint_packages() {
  local name file found
  name=$(package_name "$1")
  for file in "$2/${name}_${version}_${debian_of[$1]}.deb"; do
    [[ ! -f $file ]] || lintian --allow-root --fail-on error,warning "$file" || die "$file: lintian found faults"
  done
  for file in "$2/$name-$version-1".*.rpm; do
    [[ -f $file && $file == *."${1/i386/i686}".rpm ]] || continue
    found=$(rpmlint --config "$root/tools/packaging/rpmlint.toml" "$file" 2>/dev/null | grep -E ': [EW]: ' || true)
    [[ -z $found ]] || die "$file: rpmlint found faults"$'\n'"$found"
  done
}
