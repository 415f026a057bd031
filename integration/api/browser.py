"""A headless Chromium, driven by its DevTools protocol over a pipe: messages of JSON, each with a NUL
at its end (Chrome DevTools Protocol, "Remote debugging pipe")."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time

PATIENCE = 60


class Browser:
    """One page. `requests` has the URLs of all that it asked for, `errors` what its console said."""

    def __init__(self, width=1280, height=900):
        self.profile = tempfile.TemporaryDirectory(
            prefix="localefs-browser-", ignore_cleanup_errors=True
        )
        ours, theirs = os.pipe(), os.pipe()
        command = [
            "chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            f"--user-data-dir={self.profile.name}", "--remote-debugging-pipe", "about:blank",
        ]
        # The browser reads 3 and writes 4.
        script = f'exec "$@" 3<&{ours[0]} 4>&{theirs[1]}'
        with open(os.path.join(self.profile.name, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", script, "bash", *command],
                pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        os.close(ours[0])
        os.close(theirs[1])
        self.out, self.into = ours[1], theirs[0]
        self.buffered = b""
        self.number = 0
        self.session = None
        self.requests, self.errors = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        self.profile.cleanup()

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]
            self.note(answer)

    def message(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffered:
            readable = select.select([self.into], [], [], max(0, end - time.monotonic()))[0]
            data = os.read(self.into, 1 << 16) if readable else b""
            assert data, f"the browser says nothing: {self.log()}"
            self.buffered += data
        one, self.buffered = self.buffered.split(b"\0", 1)
        return json.loads(one)

    def log(self):
        with open(os.path.join(self.profile.name, "log"), errors="replace") as log:
            return log.read()[-2000:]

    def note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(parameters["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.errors.append(parameters["args"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def size(self, width, height, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, script):
        """What an expression gives in the page, as JSON."""
        given = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                          returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in given, f"{script}: {given}"
        return given["result"].get("value")

    def until(self, script, patience=PATIENCE):
        """Waits until an expression is true in the page; what it asks for may not be there yet."""
        end = time.monotonic() + patience
        asked = f"(() => {{ try {{ return Boolean({script}); }} catch {{ return false; }} }})()"
        while not self.run(asked):
            assert time.monotonic() < end, f"it does not come: {script}\n{self.text()}"
            time.sleep(0.05)

    def text(self, selector="body"):
        """What people read of an element."""
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector):
        all_of = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return self.run(f"{all_of}.map((one) => one.innerText)")

    def click(self, selector):
        """With the mouse, in the middle of it; it must be what lies there."""
        place = self.run(f"""(() => {{
            const one = document.querySelector({json.dumps(selector)});
            one.scrollIntoView({{block: "center", inline: "center"}});
            const box = one.getBoundingClientRect();
            const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
            const hit = document.elementFromPoint(x, y);
            return hit && one.contains(hit) ? [x, y] : null;
        }})()""")
        assert place, f"something covers {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                      button="left", clickCount=1)

    def press(self, key, code=0):
        text = {"Enter": "\r", " ": " "}.get(key)
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key,
                  windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key,
                  windowsVirtualKeyCode=code)

    def picture(self, path, whole=True):
        import base64

        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(data["data"]))
