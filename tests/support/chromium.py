"""Headless Chromium, driven by the DevTools protocol, and a page in it without scripts and network.

Needs no package: the browser talks JSON over two pipes. `chromium_tab.py` has pages with scripts.
`python tests/support/chromium.py PAGE OUT` writes screenshots in both colour
schemes, 400 and 1,400 pixels wide.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = (400, 1400)
SCHEMES = ("light", "dark")
NO_NETWORK = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
_SECONDS = 60.0


def executable() -> str | None:
    """Path of an installed Chromium or Chrome."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class View:
    """A page as the browser shows it.

    Attributes:
        requests: addresses that the page asked for, its own excluded.
        messages: lines of the console.
        sections: ids of the sections with a height, from the top.
        width: width of the content, which exceeds the window's where the page scrolls sideways.
        height: height of the content.
        background: colour of the page.
        screenshot: PNG file.
    """

    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0
    background: str = ""
    screenshot: bytes = b""


class Browser:
    """A running Chromium, and one tab of it.

    Attributes:
        session: id of the tab's session; each worker of the tab has another.
        events: events of all sessions, until the user of the class clears them.
        on_event: called with each event; it may `send`.
    """

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process, self._write, self._read = process, write, read
        self._number, self.session = 0, ""
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the tab and return its result; `on_event` gets events before it."""
        number = self.send(method, self.session, **params)
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._take_event(answer)

    def send(self, method: str, session: str, **params: Any) -> int:
        """Send a command to a session and return its number; the result is dropped."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        _write_all(self._write, json.dumps(message).encode() + b"\0")
        return self._number

    def wait_for(self, method: str) -> None:
        """Wait for an event."""
        while not any(event.get("method") == method for event in self.events):
            self._take_event(self._receive())

    def _take_event(self, message: dict[str, Any]) -> None:
        if "method" in message:  # a result that was not waited for has none
            self.events.append(message)
            if self.on_event is not None:
                self.on_event(message)

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser gave no answer")
            self._buffer += part
        text, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(text))


def _write_all(descriptor: int, values: bytes) -> None:
    """Write to a pipe, which may take a part only."""
    while values:
        values = values[os.write(descriptor, values) :]


@contextlib.contextmanager
def browser(*more_options: str) -> Iterator[Browser]:
    """Start Chromium with a profile of its own, and end it."""
    program = executable()
    if program is None:
        raise FileNotFoundError("no Chromium is installed")
    their_read, write = os.pipe()
    read, their_write = os.pipe()
    # The browser reads commands from descriptor 3 and writes to 4; a shell puts the pipes there.
    shell = f'exec "$0" "$@" 3<&{their_read} 4>&{their_write}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
        )
        process = subprocess.Popen(
            ["bash", "-c", shell, program, *options, *more_options],
            pass_fds=(their_read, their_write),
            stderr=subprocess.DEVNULL,
        )
        os.close(their_read)
        os.close(their_write)
        try:
            yield Browser(process, write, read)
        finally:
            process.terminate()
            process.wait()
            os.close(read)
            os.close(write)


def set_scheme(tab: Browser, scheme: str) -> None:
    """Prefer a colour scheme."""
    scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
    tab.call("Emulation.setEmulatedMedia", media="screen", features=[scheme_feature])


def set_size(tab: Browser, width: int, height: int) -> None:
    """Give the page this size in pixels."""
    size = {"width": width, "height": height}
    tab.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)


def view(tab: Browser, page: Path, *, width: int, scheme: str) -> View:
    """Open a page with scripts and network off, in a colour scheme and a width in pixels."""
    tab.events.clear()
    for domain in ("Page", "Network", "Log", "Runtime", "DOM", "CSS"):
        tab.call(f"{domain}.enable")
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.call("Network.emulateNetworkConditions", **NO_NETWORK)
    set_scheme(tab, scheme)
    set_size(tab, width, 900)
    address = page.resolve().as_uri()
    tab.events.clear()
    tab.call("Page.navigate", url=address)
    tab.wait_for("Page.loadEventFired")
    size = tab.call("Page.getLayoutMetrics")["cssContentSize"]
    seen = View(width=round(size["width"]), height=round(size["height"]))
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    for node in tab.call("DOM.querySelectorAll", nodeId=root, selector="section")["nodeIds"]:
        words = tab.call("DOM.getAttributes", nodeId=node)["attributes"]
        if tab.call("DOM.getBoxModel", nodeId=node)["model"]["height"] > 0:
            seen.sections.append(dict(zip(words[::2], words[1::2], strict=True))["id"])
    body = tab.call("DOM.querySelector", nodeId=root, selector="body")["nodeId"]
    style = tab.call("CSS.getComputedStyleForNode", nodeId=body)["computedStyle"]
    seen.background = next(each["value"] for each in style if each["name"] == "background-color")
    clip = {"x": 0, "y": 0, "width": width, "height": seen.height, "scale": 1}
    shot = tab.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    seen.screenshot = base64.b64decode(shot["data"])
    for event in tab.events:
        values = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            asked = values["request"]["url"]
            if asked != address and not asked.startswith("data:"):
                seen.requests.append(asked)
        elif event["method"] == "Log.entryAdded":
            seen.messages.append(values["entry"]["text"])
        elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            seen.messages.append(json.dumps(values))
    return seen


def main() -> None:
    """Write the screenshots of a page, and print anything that it should not do."""
    page, out = Path(sys.argv[1]), sys.argv[2]
    with browser() as tab:
        for scheme in SCHEMES:
            for width in WIDTHS:
                seen = view(tab, page, width=width, scheme=scheme)
                Path(f"{out}-{width}-{scheme}.png").write_bytes(seen.screenshot)
                sections = " ".join(seen.sections)
                print(f"{scheme} {width}: {seen.width} x {seen.height} {sections}")
                print(*seen.requests, *seen.messages, sep="\n", end="")


if __name__ == "__main__":
    main()
