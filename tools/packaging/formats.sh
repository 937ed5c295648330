# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The formats of packages, each made from the staged directory (stage.sh).

description="Recorder for PKCS#11: what an application asks of its token, and what it is told"
long_description="p11tape.so stands in for a PKCS#11 module: it forwards every call and records it on a tape, without
 PINs and keys. The program p11tape shows tapes, says what went wrong, finds
 where the time goes, and checks the configuration of the clients of a token."

# pack_directory DIRECTORY NAME FILE: a tar.gz whose bytes depend on the contents alone.
pack_directory() {
  tar --create --directory "$1" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
    --mtime="@$SOURCE_DATE_EPOCH" --transform "s,^\.,$2," . | gzip -9 --no-name >"$3"
}

make_tarballs() {
  local arch=$1 work=$2 into=$3 name=p11tape-$version-linux-$1
  pack_directory "$work/plain" "$name" "$into/$name.tar.gz"
  pack_directory "$work/debug" "usr/lib/debug" "$into/p11tape-debug-$version-linux-$arch.tar.gz"
}

# place WORK ROOT LIBRARY_DIRECTORY DOCUMENTATION: the staged files where a distribution's packages have them.
place() {
  local plain=$1/plain root_directory=$2 libraries=$3 documentation=$4 file
  mkdir -p "$root_directory/$libraries/pkcs11" "$root_directory/$documentation"
  for file in "$plain"/*.so; do install -m 644 "$file" "$root_directory/$libraries/pkcs11/"; done
  if [[ -f $plain/p11tape ]]; then
    install -D -m 755 "$plain/p11tape" "$root_directory/usr/bin/p11tape"
    mkdir -p "$root_directory/usr/include"
    cp -r "$plain/include/p11tape" "$root_directory/usr/include/"
    cp -r "$plain/examples" "$plain/README.md" "$plain/INSTALL.md" "$root_directory/$documentation/"
    if [[ -d $plain/man ]]; then
      for file in "$plain"/man/*.1; do
        mkdir -p "$root_directory/usr/share/man/man1"
        gzip -9 --no-name <"$file" >"$root_directory/usr/share/man/man1/${file##*/}.gz"
      done
    fi
    if [[ -f $plain/completion/p11tape.bash ]]; then
      install -D -m 644 "$plain/completion/p11tape.bash" "$root_directory/usr/share/bash-completion/completions/p11tape"
    fi
  fi
}

make_deb() {
  local arch=$1 work=$2 into=$3 tree=$2/deb architecture=${debian_of[$1]} date
  local documentation=usr/share/doc/p11tape
  place "$work" "$tree" "usr/lib/${multiarch_of[$arch]}" "$documentation"
  {
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    echo
    echo "Files: *"
    echo "Copyright: the authors of p11tape"
    echo "License: Apache-2.0"
    echo " On Debian systems, see /usr/share/common-licenses/Apache-2.0."
    echo
    sed 's/^/Comment: /;2,$s/^Comment:/ /' "$work/plain/licenses/LIST" | sed 's/^  */ /;1s/^ *//'
  } >"$tree/$documentation/copyright"
  mkdir -p "$tree/$documentation/licenses"
  cp "$work"/plain/licenses/* "$tree/$documentation/licenses/"
  date=$(date -u -R -d "@$SOURCE_DATE_EPOCH")
  printf 'p11tape (%s) unstable; urgency=medium\n\n  * See README.md.\n\n -- p11tape <p11tape@localhost>  %s\n' "$version" "$date" |
    gzip -9 --no-name >"$tree/$documentation/changelog.gz"
  if [[ $arch != i386 ]]; then
    mkdir -p "$tree/usr/share/lintian/overrides"
    cp "$root/tools/packaging/lintian-overrides" "$tree/usr/share/lintian/overrides/p11tape"
  fi
  mkdir "$tree/DEBIAN"
  (cd "$tree" && find usr -type f | sort | xargs -d '\n' md5sum) >"$tree/DEBIAN/md5sums"
  cat >"$tree/DEBIAN/control" <<EOF
Package: p11tape
Version: $version
Architecture: $architecture
Maintainer: p11tape <p11tape@localhost>
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f 1)
Depends: libc6 (>= $floor)
Section: utils
Priority: optional
Description: recorder for PKCS#11
 $long_description
EOF
  find "$tree" -type d -exec chmod 755 {} +
  find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$tree" "$into/p11tape_${version}_$architecture.deb" >/dev/null
}

make_rpm() {
  local arch=$1 work=$2 into=$3 tree=$2/rpm libraries=usr/lib64 listed target=$1
  [[ $arch != i386 ]] || { libraries=usr/lib && target=i686; }
  command -v rpmbuild >/dev/null || { echo "no rpmbuild here: no .rpm for $arch" && return; }
  place "$work" "$tree/root" "$libraries" usr/share/doc/p11tape
  mkdir -p "$tree/root/usr/share/licenses/p11tape"
  cp "$work"/plain/LICENSE "$work"/plain/licenses/* "$tree/root/usr/share/licenses/p11tape/"
  listed=$(cd "$tree/root" && find usr \( -type f -o -type d -name '*p11tape*' \) | sort |
    sed -e '/^usr\/share\/doc\/p11tape/s/^/%doc /' -e '/^usr\/share\/licenses/s/^/%license /' |
    sed -e 's#^\(%[a-z]* \)\{0,1\}usr#\1/usr#' | while read -r kind file; do
      [[ -n $file ]] || { file=$kind && kind=''; }
      [[ -d $tree/root$file ]] && kind='%dir'
      echo "$kind $file"
    done)
  cat >"$tree/p11tape.spec" <<EOF
Name: p11tape
Version: $version
Release: 1
Summary: $description
License: Apache-2.0
URL: https://p11tape.invalid
AutoReqProv: no
Requires: glibc >= $floor
%description
$(sed 's/^ //' <<<"$long_description")
%install
cp -a $tree/root/. %{buildroot}/
%files
$listed
%changelog
* $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y') p11tape <p11tape@localhost> - $version-1
- See README.md.
EOF
  find "$tree/root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
  rpmbuild -bb --target "$target-linux" --define "_topdir $tree/top" --define "_buildhost localhost" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_binary_payload w9.gzdio" --define "debug_package %{nil}" --define "__os_install_post %{nil}" \
    --define "_build_id_links none" --define "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm" \
    "$tree/p11tape.spec" >"$tree/log" 2>&1 || { tail -n 20 "$tree/log" >&2 && return 1; }
  cp "$tree"/top/RPMS/*.rpm "$into/"
}
