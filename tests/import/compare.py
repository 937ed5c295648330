# SPDX-License-Identifier: Apache-2.0
"""The same calls twice: as another tool's log says, and on our own tape. For the tests beside it."""
import json, os, subprocess


def run(*command, **variables):
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, errors="replace", check=False)


def calls(program, tape):
    shown = run(program, "show", "--json", tape)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    return [line for line in lines if line.get("kind") == "call"]


def unknown(value):
    return isinstance(value, dict) and (value.get("missing") or value.get("unknown") or value == {"hex": "", "length": 0})


def differences(theirs, ours, where):
    """What `theirs` says and `ours` does not."""
    if unknown(theirs):
        return []
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs == {"given": True} and ours.get("given", True):
            return []
        # A log may not say whether the length is that of a value or what a value would need.
        if "needed" in ours and theirs.get("length") == ours["needed"]:
            return []
        found = []
        for key, value in theirs.items():
            if key == "recorded" or unknown(value):
                continue
            found += [f"{where}.{key}: {value}, ours has none"] if key not in ours else differences(value, ours[key], f"{where}.{key}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [d for i, (t, o) in enumerate(zip(theirs, ours)) for d in differences(t, o, f"{where}[{i}]")]
    return [] if theirs == ours else [f"{where}: {theirs}, ours: {ours}"]


def compare(theirs, ours, what):
    names = [c["function"] for c in theirs], [c["function"] for c in ours]
    assert names[0] == names[1], f"{what}: other calls: {names}"
    found = []
    for t, o in zip(theirs, ours):
        assert t["rv"]["value"] == o["rv"]["value"], f"{what}: {t['function']}: another result"
        for part in ("in", "out"):
            found += differences(t.get(part, {}), o.get(part, {}), f"{what}: {t['number']} {t['function']} {part}")
    assert not found, "\n".join(found)
    print(f"{what}: {len(theirs)} calls say the same")
