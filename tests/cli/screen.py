#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""screen.py WIDTH ROWS COMMAND...: runs the command in a terminal of that size, and prints what it says without colours.

The first line of the output is "status N". Rows are as the terminal shows them: a line that is too long goes on in the next.
In front of each stands "| " if the line is longer than the terminal, "+ " if it goes on in this row, otherwise "  ".
"""
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import unicodedata

width, rows = int(sys.argv[1]), int(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, width, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
said = b""
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        break
    if not piece:
        break
    said += piece
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode()).replace("\r\n", "\n")
print("status", status)
for line in text.split("\n"):
    line = line.rsplit("\r", 1)[-1]  # a bar of progress is drawn over
    columns = sum(not unicodedata.combining(c) for c in line)
    for start in range(0, max(columns, 1), width):
        print(("+ " if start else "| " if columns > width else "  ") + line[start:start + width])
