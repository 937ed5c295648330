#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: speed.py WORK PAGE: milliseconds from the request for the page until its calls are listed."""
import sys

from browser import Browser

with Browser(sys.argv[1]) as browser:
    page = browser.open("file://" + sys.argv[2])
    print(round(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd || performance.now()")),
          page.evaluate("document.querySelector('.count').textContent"))
