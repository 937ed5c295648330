#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: ./install.sh [--prefix DIRECTORY] [--uninstall]
#
# Installs p11tape @version@ (@arch@) into /opt/p11tape, or into DIRECTORY. Nothing has to be installed for the program to
# work: ./p11tape runs where it was unpacked.
#
#   /opt/p11tape/p11tape.so          the recorder, under a name that is short enough for IBM MQ
#   /opt/p11tape/p11tape             the program; as root also /usr/local/bin/p11tape, with manual page and completion
#   /opt/p11tape/versions/...        the files themselves, each version in a directory of its own
#
# An upgrade writes new files and then moves the names over: a process that has an older recorder loaded keeps it. A version
# that no name means is removed by the next upgrade, unless a process still uses it. --uninstall removes all of it but the
# settings files (*.yaml) that you have put beside the recorder.
set -eu

version=@version@-@arch@
prefix=/opt/p11tape
[ @arch@ != i386 ] || prefix=/opt/p11tape/32
uninstall=no
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix)
      [ $# -gt 1 ] || { echo "install.sh: --prefix needs a directory" >&2 && exit 64; }
      prefix=$2
      shift
      ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
      sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
      exit 0
      ;;
    *)
      echo "install.sh: unknown option $1 (--help explains)" >&2
      exit 64
      ;;
  esac
  shift
done
case "$prefix" in
  /*) ;;
  *) prefix=$(pwd)/$prefix ;;
esac

names="p11tape p11tape.so p11tape-player.so p11tape-run.so"
outside=
if [ "$(id -u)" -eq 0 ] && [ "$prefix" = /opt/p11tape ]; then outside=/usr/local; fi

# A name that leads to a file of ours is moved over in one step; anything else of that name is left alone.
link() {
  if [ -e "$2" ] && [ ! -L "$2" ]; then
    echo "install.sh: $2: exists and is not a link of ours (move it away)" >&2
    exit 2
  fi
  ln -s "$1" "$2.new.$$"
  mv -f "$2.new.$$" "$2"
}

unlink_ours() {
  case "$(readlink "$1" 2>/dev/null || true)" in
    versions/* | "$prefix"/*) rm -f "$1" ;;
  esac
}

# A process that has a file of this directory loaded.
user_of() { grep -lsF "$1/" /proc/[0-9]*/maps 2>/dev/null | head -n 1 | cut -d / -f 3; }

if [ "$uninstall" = yes ]; then
  for name in $names; do unlink_ours "$prefix/$name"; done
  for file in /usr/local/bin/p11tape /usr/local/share/man/man1/p11tape*.1 \
    /usr/local/share/bash-completion/completions/p11tape; do
    [ -z "$outside" ] || unlink_ours "$file"
  done
  rm -rf "$prefix/versions"
  rmdir "$prefix" 2>/dev/null || [ ! -d "$prefix" ] || { echo "Left in $prefix:" && ls "$prefix"; }
  echo "p11tape is uninstalled. Processes that have a recorder loaded keep it until they end."
  exit 0
fi

cd "$(dirname "$0")"
sha256sum --check --quiet SHA256SUMS || { echo "install.sh: the files are not those of the package (unpack it again)" >&2 && exit 2; }
sum=$(sha256sum SHA256SUMS | cut -c 1-8)
target=$prefix/versions/$version-$sum
if [ ! -d "$target" ]; then
  mkdir -p "$prefix/versions"
  rm -rf "$target.new"
  mkdir "$target.new"
  cp -R . "$target.new/"
  chmod -R go-w "$target.new"
  mv "$target.new" "$target"
fi
for name in $names; do
  if [ -e "$target/$name" ]; then link "versions/$version-$sum/$name" "$prefix/$name"; fi
done
if [ -n "$outside" ] && [ -e "$target/p11tape" ]; then
  mkdir -p /usr/local/bin /usr/local/share/man/man1 /usr/local/share/bash-completion/completions
  link "$prefix/p11tape" /usr/local/bin/p11tape
  for page in "$target"/man/*.1; do
    [ ! -e "$page" ] || link "$page" "/usr/local/share/man/man1/${page##*/}"
  done
  [ ! -e "$target/completion/p11tape.bash" ] ||
    link "$target/completion/p11tape.bash" /usr/local/share/bash-completion/completions/p11tape
fi
for old in "$prefix"/versions/*; do
  [ "$old" != "$target" ] || continue
  user=$(user_of "$old")
  if [ -n "$user" ]; then
    echo "Kept $old: process $user uses it."
  else
    rm -rf "$old"
  fi
done
echo "Installed in $prefix: the recorder is $prefix/p11tape.so"
