#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The files of config/fleet: what can be checked without a cluster.
source "$(dirname "$0")/lib.sh"

cat >"$directory/yamllint" <<'YAML'
extends: default
rules:
  line-length: {max: 200}
  octal-values: {forbid-implicit-octal: false}
YAML
yamllint -s -c "$directory/yamllint" "$fleet"/*.yaml "$fleet"/kubernetes/*.yaml >"$directory/out" 2>&1 ||
  check yamllint "$(cat "$directory/out")" ''
python3 - "$fleet"/kubernetes/*.yaml <<'PY' || check 'manifests' 'see above' 'as Kubernetes has them'
import re, sys
# Volumes that are mounted are there, and the other way round. (No YAML library: these manifests are flat enough.)
for path in sys.argv[1:]:
    text = open(path).read()
    mounted = set(re.findall(r"- name: (\S+)\n\s+mountPath:", text))
    volumes = set(re.findall(r"- name: (\S+)\n\s+(?:hostPath|emptyDir|secret):", text))
    assert mounted == volumes, (path, mounted ^ volumes)
    assert "readOnlyRootFilesystem: true" in text and "runAsNonRoot: true" in text, path
PY
bash -n "$fleet/retention"
check 'retention wants a number' "$(status_of "$fleet/retention" week)" 64

# Every option that a unit or a manifest uses is one that p11tape-ship has.
"$p11tape" ship --help >"$directory/help"
for option in $(grep -rhoE -- '--[a-z][a-z-]+' "$fleet/systemd" "$fleet/kubernetes" | sort -u); do
  case $option in --from-file) continue ;; esac
  grep -qE -- "$option( |,|$)" "$directory/help" || check 'option' "$option" 'one that p11tape-ship has'
done
if command -v systemd-analyze >/dev/null; then
  mkdir "$directory/units"
  # The programs and users are not installed where this is tested.
  for unit in "$fleet"/systemd/*; do
    sed -e 's#^ExecStart=[^ ]*#ExecStart=/bin/true#; s#^User=.*#User=root#; s#^Group=.*#Group=root#' "$unit" >"$directory/units/${unit##*/}"
  done
  systemd-analyze verify --man=no "$directory"/units/* >"$directory/out" 2>&1 || check 'units' "$(cat "$directory/out")" ''
fi
finish
