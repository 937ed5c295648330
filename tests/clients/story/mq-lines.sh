#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every block of config/MQ.md can be pasted: shells parse the commands, p11tape has the commands and options, systemd
# understands the drop-in, and what is said twice is the same. queue-manager-page.sh runs the story itself.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
mkdir "$work/blocks"
awk -v folder="$work/blocks" '/^```/ { inside = !inside; n += inside; next } inside { print > (folder "/" n) }' "$config/MQ.md"
[[ $(find "$work/blocks" -type f | wc -l) -ge 8 ]] || fail "config/MQ.md has only these blocks: $(ls "$work/blocks")"
known=' . amqsputc cat echo endmqm export install ls p11tape restorecon runmqsc semanage strmqm systemctl '

# understood FILE: as a unit.
understood() {
  { cat "$1" && echo ExecStart=/bin/true; } >"$work/p11tape-test.service"
  command -v systemd-analyze >/dev/null || fail "systemd-analyze is not installed, see tools/install-packages"
  systemd-analyze verify "$work/p11tape-test.service" >"$work/said" 2>&1 || true
  ! grep -E 'p11tape-test\.service:[0-9]+:' "$work/said" || fail "systemd does not understand the lines above of $(cat "$1")"
}

# commands_exist FILE: the programs are those that the page is about, and p11tape has the commands and options.
commands_exist() {
  local line word
  while IFS= read -r line; do
    line=${line%%  #*}
    word=${line%% *}
    [[ $known == *" $word "* ]] || fail "config/MQ.md: who knows the command \"$line\"?"
    while read -ra words; do
      [[ ${words[0]} == p11tape ]] || continue
      p11tape "${words[1]}" --help >"$work/help" || fail "config/MQ.md: p11tape has no command ${words[1]}"
      for word in "${words[@]:2}"; do
        [[ $word != --* ]] || grep -qE -e "^ .*$word( |,|\$)" "$work/help" || fail "config/MQ.md: p11tape ${words[1]} has no option $word"
      done
    done < <(tr '|' '\n' <<<"$line")
  done < <(sed '/<<.END.$/,/^END$/{/<<.END.$/!d}' "$1")
}

units=0 shells=0
for block in "$work"/blocks/*; do
  case $(head -n 1 "$block") in
    GSK_PKCS11=*) ;;
    '[Service]'*)
      understood "$block"
      first_unit=${first_unit-$block}
      units=$((units + 1))
      ;;
    /*) ! grep -vE '^/[^ ]+ [mrwk]+,$' "$block" || fail 'config/MQ.md: these are no lines of an AppArmor profile' ;;
    *)
      bash -n "$block" 2>"$work/said" || fail "config/MQ.md: no shell understands $(cat "$block" "$work/said")"
      commands_exist "$block"
      shells=$((shells + 1))
      ;;
  esac
done
[[ $units -ge 1 && $shells -ge 5 ]] || fail "only $units units and $shells blocks of commands"

# The drop-in that is written without an editor.
dropin=$(grep -l '<<.END.$' "$work"/blocks/*)
mkdir -p "$work/etc"
(
  systemctl() { printf 'systemctl %s\n' "$*"; }
  # shellcheck disable=SC1090
  source <(sed "s|/etc/systemd|$work/etc|g" "$dropin")
) >"$work/said"
[[ $(cat "$work/said") == 'systemctl daemon-reload'$'\n''systemctl restart mq@QM1' ]] || fail "the commands do something else: $(cat "$work/said")"
cmp "$first_unit" "$work/etc/system/mq@QM1.service.d/p11tape.conf" || fail 'config/MQ.md: the two forms of the drop-in differ'
