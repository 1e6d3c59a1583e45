"""Drives a headless Chromium through its DevTools protocol, over a pair of pipes.

    this process ── fd 3: {"id":1,"method":…}\\0 ──► chromium
                 ◄─ fd 4: answers and events ────────┘

Uses only the standard library: the protocol is JSON between zero bytes, so an installed driver, which has to match the
browser's version, would add more failures than it avoids. The browser is the system's, or the one that `make viewers`
unpacks into build/deps/chromium.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[1]
UNPACKED = ROOT / "build" / "deps" / "chromium" / "usr"

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run --disable-extensions "
    "--disable-background-networking --disable-component-update --hide-scrollbars --force-color-profile=srgb "
    "--font-render-hinting=none"
)
_ANSWER_SECONDS = 300
_KEYS = {
    "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
    "ArrowDown": 40, "Tab": 9, "/": 191, "PageUp": 33, "PageDown": 34,
}  # fmt: skip


class BrowserError(Exception):
    """The browser reported an error, did not answer, or ended."""


def find() -> tuple[str, dict[str, str]] | None:
    """Return a Chromium and the environment it needs, or None if there is no Chromium."""
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return found, dict(os.environ)
    unpacked = UNPACKED / "lib" / "chromium" / "chromium-headless-shell"
    if not unpacked.exists():
        return None
    libraries = {str(file.parent) for file in (UNPACKED / "lib").glob("*-linux-gnu/**/*.so*")}
    return str(unpacked), {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(sorted(libraries))}


class Chromium:
    """One browser process. Pages' requests are answered in order; events are kept by session."""

    def __init__(self, program: str, environment: dict[str, str], folder: str) -> None:
        to_browser, self._writer = os.pipe()
        self._reader, from_browser = os.pipe()

        def as_3_and_4() -> None:
            copies = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 10) for pipe in (to_browser, from_browser)]
            for copy, wanted in zip(copies, (3, 4)):
                os.dup2(copy, wanted)

        command = [program, *_OPTIONS.split(), f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(
            command,
            env=environment,
            close_fds=False,  # our other descriptors are close-on-exec
            preexec_fn=as_3_and_4,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._received = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: Optional[str] = None, **parameters: Any) -> dict[str, Any]:
        """Send a request and return its answer. Raise BrowserError if the answer is an error, or if there is none."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            answer = self._receive(deadline)
            if answer.get("id") != self._last_id:
                self.events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']}")
            else:
                return dict(answer["result"])

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            if not select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise BrowserError("the browser did not answer")
            piece = os.read(self._reader, 1 << 20)
            if not piece:
                raise BrowserError("the browser has ended")
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return dict(json.loads(message))

    def close(self) -> None:
        """End the browser and wait for it."""
        os.close(self._writer)
        try:
            self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._reader)


class Tab:
    """One page of the browser."""

    def __init__(self, browser: Chromium, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        self._browser = browser
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        if phone:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a request to this page."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, address: str, ready: str) -> None:
        """Open an address and wait until the expression ``ready`` is true. Raise BrowserError if that fails."""
        answer = self.call("Page.navigate", url=address)
        if answer.get("errorText"):
            raise BrowserError(f"{address}: {answer['errorText']}")
        self.wait(ready)

    def wait(self, condition: str) -> None:
        """Wait until an expression is true, checking it once per frame."""
        self.run(
            "new Promise((done) => { const look = () => { let is = false; "
            f"try {{ is = !!({condition}); }} catch {{}} "
            "is ? done(true) : setTimeout(look, 5); }; look(); })"
        )

    def run(self, expression: str) -> Any:
        """Return the value of an expression, or the result of its promise. Raise BrowserError if it throws."""
        return self._value(self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True))

    @staticmethod
    def _value(answer: dict[str, Any]) -> Any:
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(str(details.get("exception", {}).get("description") or details["text"]))
        return answer["result"].get("value")

    def in_frame(self, expression: str) -> Any:
        """Return the value of an expression in the page's only frame."""
        main = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        contexts = [
            event["params"]["context"]
            for event in self._browser.events
            if event["method"] == "Runtime.executionContextCreated" and event.get("sessionId") == self._session
        ]
        frames = [one["id"] for one in contexts if one["auxData"]["isDefault"] and one["auxData"]["frameId"] != main]
        return self._value(
            self.call(
                "Runtime.evaluate", contextId=frames[-1], expression=expression, awaitPromise=True, returnByValue=True
            )
        )

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float) -> None:
        """Click at a position."""
        self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, drops: bool = True) -> None:
        """Drag from one position to another, through the midpoint. If ``drops``, release the button at the end."""
        self.move(*start)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        steps = [("mousePressed", start), ("mouseMoved", middle), ("mouseMoved", end)]
        for kind, (x, y) in steps + ([("mouseReleased", end)] if drops else []):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def click_on(self, selector: str) -> None:
        """Scroll an element into view and click on its centre."""
        box = self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)}); "
            "found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect(); "
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        self.click(*box)

    def press(self, key: str) -> None:
        """Press a key by its name."""
        named = {"key": key, "windowsVirtualKeyCode": _KEYS.get(key, 0)}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def type(self, text: str) -> None:
        """Type into the focused element."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG image of the visible part, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Return everything written to the console so far, including exceptions and policy violations."""
        found = []
        self.run("0")  # pending events arrive before the answer
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Log.entryAdded":
                found.append(str(event["params"]["entry"]["text"]))
            elif event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                found.append(json.dumps(event["params"]))
        return found

    def requests(self) -> list[str]:
        """Return the addresses that the page has requested, including its own."""
        return [
            str(event["params"]["request"]["url"])
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] == "Network.requestWillBeSent"
        ]

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@contextmanager
def started(program: str, environment: dict[str, str]) -> Iterator[Chromium]:
    """Start a browser that always ends when the block is left."""
    folder = tempfile.mkdtemp(prefix="chromium")
    try:
        browser = Chromium(program, environment, folder)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a process of the browser may not have ended yet
