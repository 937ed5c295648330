# SPDX-License-Identifier: Apache-2.0
"""Calls from `p11tape show --json` (json) or from a text log (text), a line each as the driver prints them."""

import json
import re
import sys


def from_json(lines):
    for line in lines:
        call = json.loads(line)
        if call.get("kind") != "call" or call.get("state") != "returned":
            continue
        yield call["thread"], call["function"], int(call["rv"]["value"])


def from_text(lines):
    """A block begins with a heading, has indented lines, and ends with the return value and an empty line."""
    heading = re.compile(r"(\d+): (C_\w+) +\S+\[\d+\]  thread \d+ \(tid (\d+)\)   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}   \S+ \S+$")
    returned = re.compile(r"  Returned: (\S+) \S+$")
    numbers = set()
    current = None
    for n, line in enumerate(lines, 1):
        line = line.rstrip("\n")
        if current is None:
            match = heading.match(line)
            if not match:
                sys.exit(f"line {n} is no heading: {line}")
            number, function, thread = match.groups()
            if number in numbers:
                sys.exit(f"line {n}: call {number} is there twice")
            numbers.add(number)
            current = [int(thread), function, None]
        elif line == "":
            if current[2] is None:
                sys.exit(f"line {n}: a call ends without a return value")
            yield tuple(current)
            current = None
        elif match := returned.match(line):
            current[2] = int(match.group(1), 0)
        elif not line.startswith("  "):
            sys.exit(f"line {n} does not belong into a call: {line}")
    if current is not None:
        sys.exit("the log ends in the middle of a call")


parse = {"json": from_json, "text": from_text}[sys.argv[1]]
for thread, function, value in parse(sys.stdin):
    print(f"{thread} {function} 0x{value:X}")
