#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for commands of IBM MQ: strmqm NAME, and runmqsc NAME with commands on standard input.

A queue manager is the directory $HOME/qmgrs/NAME: qm.json has the string of SSLCRYP and the environment of strmqm, and
errors/AMQERR01.LOG what MQ says. START CHANNEL runs amqrmppa, which is a program that makes the calls of MQ's GSKit, in
the environment of strmqm, not of runmqsc. As MQ does, it uses a new string only after REFRESH SECURITY, and shows a mask
in place of the PIN.
"""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

program, name = pathlib.Path(sys.argv[0]).name, sys.argv[1]
home = pathlib.Path(os.environ["HOME"]) / "qmgrs" / name
state_file = home / "qm.json"
state = json.loads(state_file.read_text()) if state_file.exists() else {"sslcryp": "", "in_effect": ""}


def say(code, text):
    print(f"{code}: {text}")


def display():
    fields = state["sslcryp"].split(";")
    if len(fields) > 2:
        fields[2] = "xxxxxx"
    say("AMQ8408I", "Display Queue Manager details.")
    print(f"   QMNAME({name})")
    print(f"   SSLCRYP({';'.join(fields)})")


def alter(value):
    value = value.replace("''", "'")
    if len(value.encode()) > 256:
        return say("AMQ8143E", "The string is longer than 256 bytes.")
    state["sslcryp"] = value
    say("AMQ8005I", "IBM MQ queue manager changed.")


def start_channel():
    environment = dict(state["environment"], MQSSLCRYP=state["in_effect"])
    channel = subprocess.Popen(["amqrmppa", "--sslcryp"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    said = channel.communicate()[0]
    say("AMQ8018I", "Start IBM MQ channel accepted.")
    if channel.returncode == 0:
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    code = "AMQ9669E: The PKCS #11 token could not be found." if "CTGSK2137W" in said else said.strip() or "AMQ9999E: Channel ended abnormally."
    with open(home / "errors" / "AMQERR01.LOG", "a") as log:
        log.write(f"""----- amqrmppa.c : 1 -----------------------------------------------------------
{now:%m/%d/%y %H:%M:%S} - Process({channel.pid}.1) User(mqm) Program(amqrmppa)
                    Host(qm) Installation(Installation1)
                    VRMF(9.3.0.0) QMgr({name})
                    Time({now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z)

{code}
""")


def run(command):
    if command == "DISPLAY QMGR SSLCRYP":
        display()
    elif match := re.fullmatch(r"ALTER QMGR SSLCRYP\('((?:[^']|'')*)'\)", command):
        alter(match[1])
    elif command == "REFRESH SECURITY TYPE(SSL)":
        state["in_effect"] = state["sslcryp"]
        say("AMQ8560I", "IBM MQ security cache refreshed.")
    elif re.fullmatch(r"START CHANNEL\([A-Z0-9.]+\)", command):
        start_channel()
    else:
        say("AMQ8405E", "Syntax error detected at or near end of command segment.")
        return 10
    return 0


if program == "strmqm":
    (home / "errors").mkdir(parents=True, exist_ok=True)
    (home / "errors" / "AMQERR01.LOG").touch()
    state["environment"] = dict(os.environ)
    status = 0
    print(f"IBM MQ queue manager '{name}' started.")
else:
    status = max([run(line.strip()) for line in sys.stdin if line.strip()], default=0)
state_file.write_text(json.dumps(state))
sys.exit(status)
