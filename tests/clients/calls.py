# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of `p11tape show --json` and prints each call's function and return value, or what became of it."""
import json
import sys

for line in sys.stdin:
    entry = json.loads(line)
    if entry["kind"] == "call":
        print(entry["function"], entry["rv"]["name"] if entry["state"] == "returned" else entry["state"])
