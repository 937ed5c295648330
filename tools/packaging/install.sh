#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: ./install.sh [--prefix DIRECTORY] [--uninstall]
#
# Installs p11tape @version@ (@arch@) into /opt/p11tape, or into DIRECTORY. Nothing has to be installed for the program to
# work: ./p11tape runs where it was unpacked.
#
#   /opt/p11tape/p11tape.so          the recorder, under a name that is short enough for IBM MQ
#   /opt/p11tape/p11tape             the program, and p11tape-ship; as root also in /usr/local/bin, with manual pages and
#                                    completion for bash, zsh and fish
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

# Where a shell of the system looks for completion: as NAME-HERE:NAME-THERE.
completions="p11tape.bash:bash-completion/completions/p11tape _p11tape:zsh/site-functions/_p11tape
  p11tape.fish:fish/vendor_completions.d/p11tape.fish"
names="p11tape p11tape-ship p11tape.so p11tape-player.so p11tape-run.so"
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
  if [ -n "$outside" ]; then
    for file in "$outside"/bin/p11tape "$outside"/bin/p11tape-ship "$outside"/share/man/man1/p11tape*.1; do unlink_ours "$file"; done
    for pair in $completions; do unlink_ours "$outside/share/${pair#*:}"; done
  fi
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
  mkdir -p "$outside/bin" "$outside/share/man/man1"
  for name in p11tape p11tape-ship; do link "$prefix/$name" "$outside/bin/$name"; done
  for page in "$target"/man/*.1; do link "$page" "$outside/share/man/man1/${page##*/}"; done
  for pair in $completions; do
    file=$outside/share/${pair#*:}
    mkdir -p "${file%/*}"
    link "$target/completion/${pair%%:*}" "$file"
  done
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
