"""A tab of headless Chromium with scripts on, driven by the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import chromium
from browser_tab import Point, Tab

_KEY_CODES = {
    **{"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "Delete": 46},
    **{"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40},
}
_TEXTS = {"Enter": "\r", "Space": " "}
_SHIFT = 8
_UNLIMITED_FRAMES = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
_ATTACHING = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}


class ChromiumTab(Tab):
    """A tab of a running Chromium."""

    def __init__(self, browser: chromium.Browser) -> None:
        """Observe the browser's tab, and every worker that it starts."""
        super().__init__()
        self._browser = browser
        browser.call("Page.enable")
        browser.on_event = self._note
        self._observe(browser.session)

    def open(self, page: Path) -> None:
        self._browser.events.clear()
        self._browser.call("Page.navigate", url=page.resolve().as_uri())
        self._browser.wait_for("Page.loadEventFired")

    def resize(self, width: int, height: int = 900) -> None:
        chromium.set_size(self._browser, width, height)

    def use_scheme(self, scheme: str) -> None:
        chromium.set_scheme(self._browser, scheme)

    def drag(self, points: Sequence[Point]) -> None:
        def event(kind: str, point: Point, buttons: int) -> None:
            self._browser.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=point[0],
                y=point[1],
                button="left" if buttons or kind == "mouseReleased" else "none",
                buttons=buttons,
                clickCount=1,
            )

        event("mouseMoved", points[0], 0)
        event("mousePressed", points[0], 1)
        for point in points[1:]:
            event("mouseMoved", point, 1)
        event("mouseReleased", points[-1], 0)

    def press(self, key: str, *, shift: bool = False) -> None:
        named = key in _KEY_CODES
        code = _KEY_CODES[key] if named else ord(key.upper())
        stroke = {
            "key": " " if key == "Space" else key,
            "code": key if named else f"Key{key.upper()}",
            "windowsVirtualKeyCode": code,
            "modifiers": _SHIFT if shift else 0,
        }
        text = _TEXTS.get(key, "" if named else key)
        texts = {"text": text} if text else {}
        self._browser.call("Input.dispatchKeyEvent", type="keyDown", **stroke, **texts)
        self._browser.call("Input.dispatchKeyEvent", type="keyUp", **stroke)

    def leave_by_pressing(self, key: str) -> None:
        self._browser.events.clear()
        self.press(key)
        self._browser.wait_for("Page.loadEventFired")

    def screenshot(self) -> bytes:
        size = self._browser.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self._browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def _evaluate(self, expression: str) -> str:
        answer = self._browser.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return str(answer["result"]["value"])

    def _observe(self, session: str) -> None:
        """Turn the network off and the console on in the page or a worker."""
        send = self._browser.send
        for domain in ("Network", "Log", "Runtime"):
            send(f"{domain}.enable", session)
        send("Network.emulateNetworkConditions", session, **chromium.NO_NETWORK)
        send("Target.setAutoAttach", session, **_ATTACHING)
        send("Runtime.runIfWaitingForDebugger", session)

    def _note(self, event: dict[str, Any]) -> None:
        params = event["params"]
        if event["method"] == "Target.attachedToTarget":
            self._observe(params["sessionId"])
        elif event["method"] == "Page.javascriptDialogOpening":  # a page that asks before it closes
            self._browser.send("Page.handleJavaScriptDialog", self._browser.session, accept=True)
        elif event["method"] == "Network.requestWillBeSent":
            self.note_request(params["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            self.messages.append(f"{params['entry']['level']}: {params['entry']['text']}")
        elif event["method"] == "Runtime.consoleAPICalled":
            texts = (str(each.get("value", each.get("description"))) for each in params["args"])
            self.messages.append(f"{params['type']}: {' '.join(texts)}")
        elif event["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            self.messages.append(f"error: {text}")


@contextlib.contextmanager
def open_tab(*, unlimited_frames: bool) -> Iterator[ChromiumTab]:
    """Start Chromium with a profile of its own, and end it."""
    with chromium.browser(*_UNLIMITED_FRAMES * unlimited_frames) as browser:
        yield ChromiumTab(browser)
