#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: page.py WORK PAGE CALLS FAILED

The page of p11tape report in a real browser, at three sizes: what its scripts draw is there, what stands on the tape is
text, nothing is loaded, nothing overflows, and the keyboard does what it says.
"""
import sys

from browser import Browser, Failure

work, path, calls, failed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
url = "file://" + path
ROWS = "document.querySelectorAll('.list .call').length"
COUNT = "document.querySelector('.count').textContent"
DETAIL = "document.querySelector('.detail').textContent"


def check(what, is_so):
    if not is_so:
        raise Failure(what)


def filled(page, field, value):
    page.evaluate(f"(() => {{ const f = document.querySelector('form').elements.{field}; f.value = {value!r}; "
                  "f.dispatchEvent(new Event('input', {bubbles: true})); })()")
    return page.evaluate(COUNT)


with Browser(work) as browser:
    for width, height, dark in ((1280, 900, False), (768, 1024, True), (400, 800, False)):
        page = browser.open(url, width, height, dark)
        size = f"at {width} x {height}"
        check(f"{size}, the page is wider than the window: {page.evaluate('document.documentElement.scrollWidth')}",
              page.evaluate("document.documentElement.scrollWidth") <= width)
        check(f"{size}, no calls are listed", page.evaluate(ROWS) > 5)
        check(f"{size}, the count is {page.evaluate(COUNT)}",
              page.evaluate(COUNT) == f"{calls} of {calls} calls, {failed} failed")
        drawn = page.evaluate("[...document.querySelectorAll('canvas')].map(c => new Set(new Uint32Array("
                              "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size)")
        check(f"{size}, a time line is blank: {drawn}", drawn and min(drawn) > 2)
        markup = page.evaluate("document.querySelectorAll('img, iframe, object, embed, main b, link, [onclick], [onerror], "
                               "[style*=url]').length")
        check(f"{size}, a text became markup", markup == 0)
        check(f"{size}, the policy does not hold",
              page.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.evil = 1'; "
                            "document.body.append(s); s.remove(); return window.evil === undefined; })()"))
        page.screenshot(f"{work}/{width}.png")

        # Filters.
        count = filled(page, "text", "c_login pin_incorrect")
        check(f"{size}, the search found {count}", count == f"{failed} of {calls} calls, {failed} failed")
        count = filled(page, "text", "onerror=")
        check(f"{size}, a hostile label is not found as text: {count}", not count.startswith("0 "))
        filled(page, "text", "")
        page.evaluate("document.querySelector('form').elements.failed.click()")
        check(f"{size}, failed calls: {page.evaluate(COUNT)}",
              page.evaluate(COUNT) == f"{failed} of {calls} calls, {failed} failed")
        check(f"{size}, a failed call is not marked", page.evaluate("document.querySelectorAll('.call.failed').length") == failed)
        page.evaluate("document.querySelector('form').elements.failed.click()")

        # A finding leads to its call, whatever the filter is.
        filled(page, "text", "nothing has this text")
        page.evaluate("document.querySelector('.finding a[href^=\"#call-\"]').click()")
        page.evaluate("new Promise(r => setTimeout(r, 0))")
        check(f"{size}, the finding's call is not shown: {page.evaluate(DETAIL)}",
              "C_Login" in page.evaluate(DETAIL) and "see finding P12" in page.evaluate(DETAIL))

        # The keyboard.
        page.evaluate("document.querySelector('.list').focus()")
        page.key("Home")
        before = page.evaluate(DETAIL)
        page.key("ArrowDown")
        check(f"{size}, the arrow does not move", page.evaluate(DETAIL) != before)
        page.key("n", "n")
        check(f"{size}, n does not find the failed call", "CKR_PIN_INCORRECT" in page.evaluate(DETAIL))
        check(f"{size}, the chosen row has no name for screen readers",
              page.evaluate("document.getElementById(document.querySelector('.list').getAttribute('aria-activedescendant'))"
                            ".getAttribute('aria-selected')") == "true")
        page.key("/", "/")
        check(f"{size}, / does not reach the search", page.evaluate("document.activeElement.name") == "text")
        page.evaluate("document.querySelector('canvas').focus()")
        page.key("+", "+")
        check(f"{size}, + does not zoom: {page.evaluate('document.querySelector(`.hint`).textContent')}",
              " to " in page.evaluate("document.querySelector('.hint').textContent"))

        # Names for screen readers.
        nameless = page.evaluate("[...document.querySelectorAll('canvas, [role], form')].filter(e => !e.getAttribute("
                                 "'aria-label') && !['status', 'rowgroup', 'row', 'gridcell'].includes(e.getAttribute('role'))).length")
        check(f"{size}, {nameless} parts have no name", nameless == 0)
        if width == 1280:
            check("the page cannot be printed", page.pdf_size() > 10000)
        complaints = [c for c in page.complaints() if "Refused to execute inline script" not in c and "Content Security Policy" not in c]
        check(f"{size}, the browser complained: {complaints}", not complaints)
print("the page works at three sizes")
