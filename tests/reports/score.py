#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: score.py P11TAPE [CASE...]

Imports the logs of cases.tsv and held_out.tsv, lets diagnose look at the tapes, and counts for each group: is the true cause
first, among the first three, not told, or is a wrong cause stated with confidence? A finding is confident if it is an error or a
warning and names whose fault it is. Exit status 0 if the counts are at least those of FLOOR.
"""
import json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Of the cases whose log can show the cause: first, among the first three (parts of 1). Of all cases: confident and wrong.
FLOOR = {"first": 0.6, "three": 0.8, "wrong": 2, "wrong_controls": 0}
GROUPS = [("cases.tsv", "logs"), ("held_out.tsv", "held_out")]


def findings(p11tape, log, folder):
    made = subprocess.run([p11tape, "import", "-o", folder, log], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return None, made.stderr.strip()
    told = subprocess.run([p11tape, "diagnose", "--json", folder], capture_output=True, text=True, check=False)
    if told.returncode not in (0, 1):
        return None, told.stderr.strip()
    return json.loads(told.stdout)["findings"], ""


def confident(finding):
    return finding["severity"] in ("error", "warning") and finding.get("fault", "client") != "undecidable"


def score(p11tape, table, logs, wanted):
    count = {"shows": 0, "first": 0, "three": 0, "cannot": 0, "wrong": 0, "wrong_controls": 0, "unread": 0}
    for row in open(os.path.join(HERE, table), encoding="utf-8"):
        if row.startswith("#") or not row.strip():
            continue
        name, report, shows, right = row.rstrip("\n").split("\t")[:4]
        if wanted and name not in wanted:
            continue
        right = [r for r in right.split("|") if r]
        with tempfile.TemporaryDirectory() as folder:
            found, trouble = findings(p11tape, os.path.join(HERE, logs, name + ".log"), folder)
        if found is None:
            count["unread"] += 1
            print(f"UNREAD   {name}: {trouble}")
            continue
        told = [f for f in found if f["severity"] in ("error", "warning")]
        ids = [f["id"] for f in told]
        first = bool(ids) and ids[0] in right
        three = any(i in right for i in ids[:3])
        sure = [f for f in told[:1] if confident(f) and f["id"] not in right]
        verdict = "first" if first else "three" if three else "WRONG" if sure else "cannot"
        if shows == "yes":
            count["shows"] += 1
            count["first"] += first
            count["three"] += first or three
            count["cannot"] += verdict == "cannot"
        count["wrong"] += bool(sure) and not three
        count["wrong_controls"] += shows == "control" and bool(sure)
        print(f"{verdict:8} {shows:8} {name} ({report}): {' '.join(ids[:4]) or '-'}; right: {' '.join(right) or '-'}")
    shows = count["shows"] or 1
    print(f"{table}: {count['shows']} logs can show the cause: first in {count['first']} ({count['first'] / shows:.0%}), among the first "
          f"three in {count['three']} ({count['three'] / shows:.0%}), not told in {count['cannot']}; confident and wrong in "
          f"{count['wrong']} of all logs, in {count['wrong_controls']} controls")
    return (count["unread"] == 0 and count["first"] / shows >= FLOOR["first"] and count["three"] / shows >= FLOOR["three"]
            and count["wrong"] <= FLOOR["wrong"] and count["wrong_controls"] <= FLOOR["wrong_controls"])


def main():
    wanted = sys.argv[2:]
    good = [score(sys.argv[1], table, logs, wanted) for table, logs in GROUPS]
    return 0 if wanted or all(good) else 1


sys.exit(main())
