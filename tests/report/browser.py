# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium on a pipe (--remote-debugging-pipe): no port, no time limits of its own, no package.

with Browser(work) as browser:
    page = browser.open("file:///...", width=1280, height=900)
    page.evaluate("document.title")
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile

LIMIT = 120  # seconds that Chromium may take for one answer on a busy machine


class Failure(Exception):
    pass


class Browser:
    def __init__(self, work):
        program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        if program is None:
            raise Failure("no chromium is installed, see tools/install-packages")
        self.profile = tempfile.mkdtemp(dir=work)
        to_child, self.write_end = os.pipe()
        self.read_end, from_child = os.pipe()

        def place():
            # Chromium reads commands from 3 and writes answers to 4. Copies above 4 first: a pipe may be 3 or 4 itself.
            reads, writes = os.dup(to_child), os.dup(from_child)
            high = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
            reads, writes = os.dup(reads), os.dup(writes)
            del high
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.said = open(os.path.join(self.profile, "said"), "wb")
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
             "--no-first-run", "--user-data-dir=" + self.profile, "about:blank"],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said,
            env={**os.environ, "HOME": self.profile})
        os.close(to_child)
        os.close(from_child)
        self.buffer, self.last, self.events = b"", 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)
        self.said.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def message(self):
        import select
        while b"\0" not in self.buffer:
            if not select.select([self.read_end], [], [], LIMIT)[0]:
                raise Failure("Chromium does not answer")
            piece = os.read(self.read_end, 1 << 20)
            if not piece:
                raise Failure("Chromium ended")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **parameters):
        self.last += 1
        request = {"id": self.last, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.write_end, data):]
        while True:
            answer = self.message()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url, width=1280, height=900, dark=False):
        return Page(self, url, width, height, dark)


class Page:
    def __init__(self, browser, url, width, height, dark):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        if dark:
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def wait(self, method):
        while True:
            for i, e in enumerate(self.browser.events):
                if e.get("sessionId") == self.session and e.get("method") == method:
                    return self.browser.events.pop(i)
            self.browser.events.append(self.browser.message())

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def key(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **({"text": text} if text and kind == "keyDown" else {}))

    def complaints(self):
        """What the page logged, and what its policy refused; a request for anything but the page itself."""
        found = []
        for e in self.browser.events:
            if e.get("sessionId") != self.session:
                continue
            if e["method"] == "Log.entryAdded":
                found.append(e["params"]["entry"]["text"])
            elif e["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                found.append(json.dumps(e["params"]))
            elif e["method"] == "Network.requestWillBeSent":
                url = e["params"]["request"]["url"]
                if e["params"].get("type") != "Document":
                    found.append("asked for " + url)
        return found

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def pdf_size(self):
        return len(self.call("Page.printToPDF")["data"])
