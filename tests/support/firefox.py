"""A tab of headless Firefox, driven by WebDriver BiDi, which Firefox itself speaks.

Needs no package. Firefox writes the port of its WebSocket to a file of its profile.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from browser_tab import Point, Tab
from web_socket import WebSocket

NAMES = ("firefox-esr", "firefox")
_SECONDS = 60.0
_KEYS = {
    **{"Tab": "\ue004", "Enter": "\ue006", "Escape": "\ue00c", "Space": " ", "Delete": "\ue017"},
    **{"ArrowLeft": "\ue012", "ArrowUp": "\ue013"},
    **{"ArrowRight": "\ue014", "ArrowDown": "\ue015"},
}
_SHIFT = "\ue008"
_SCHEME_PREFERENCE = "layout.css.prefers-color-scheme.content-override"
_SCHEMES = {"dark": 0, "light": 1}
# Without these, a new profile asks servers for updates, experiments and a start page.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}
_UNLIMITED_FRAMES = {"layout.frame_rate": 0, "privacy.reduceTimerPrecision": False}


def executable() -> str | None:
    """Path of an installed Firefox."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class FirefoxTab(Tab):
    """A tab of a running Firefox."""

    def __init__(self, socket: WebSocket) -> None:
        """Start a session with one new tab."""
        super().__init__()
        self._socket, self._number, self._loads = socket, 0, 0
        self._tab = ""
        self._call("session.new", capabilities={})
        self._tab = self._call("browsingContext.create", type="tab")["context"]
        events = ["log.entryAdded", "network.beforeRequestSent", "browsingContext.load"]
        self._call("session.subscribe", events=events)
        offline = {"type": "offline"}
        self._call(
            "emulation.setNetworkConditions", contexts=[self._tab], networkConditions=offline
        )

    def open(self, page: Path) -> None:
        address = page.resolve().as_uri()
        self._call("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def resize(self, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height}
        self._call("browsingContext.setViewport", context=self._tab, viewport=size)

    def use_scheme(self, scheme: str) -> None:
        tree = self._call("browsingContext.getTree", **{"moz:scope": "chrome"})
        setting = f"Services.prefs.setIntPref('{_SCHEME_PREFERENCE}', {_SCHEMES[scheme]})"
        self._in(tree["contexts"][0]["context"], f"Promise.resolve(String({setting}))")
        # The page's process learns of it later.
        query = f"matchMedia('(prefers-color-scheme: {scheme})')"
        self.run(f"while (!{query}.matches) await new Promise((done) => setTimeout(done, 5))")

    def drag(self, points: Sequence[Point]) -> None:
        def move(point: Point) -> dict[str, Any]:
            x, y = point
            return {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}

        button = {"button": 0}
        actions = [move(points[0]), {"type": "pointerDown", **button}, *map(move, points[1:])]
        self._perform("pointer", [*actions, {"type": "pointerUp", **button}])

    def press(self, key: str, *, shift: bool = False) -> None:
        value = _KEYS.get(key, key)
        strokes = [("keyDown", value), ("keyUp", value)]
        if shift:
            strokes = [("keyDown", _SHIFT), *strokes, ("keyUp", _SHIFT)]
        self._perform("key", [{"type": kind, "value": each} for kind, each in strokes])

    def leave_by_pressing(self, key: str) -> None:
        loads = self._loads
        self.press(key)
        while self._loads == loads:
            self._receive()

    def screenshot(self) -> bytes:
        shot = self._call("browsingContext.captureScreenshot", context=self._tab, origin="document")
        return base64.b64decode(shot["data"])

    def _evaluate(self, expression: str) -> str:
        return self._in(self._tab, expression)

    def _in(self, context: str, expression: str) -> str:
        target = {"context": context}
        answer = self._call(
            "script.evaluate", expression=expression, target=target, awaitPromise=True
        )
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return str(answer["result"]["value"])

    def _perform(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._call("input.performActions", context=self._tab, actions=[source])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come before it are noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        """The next message of the browser; an event is noted."""
        message = dict(json.loads(self._socket.receive()))
        if message.get("type") == "event":
            self._note(message["method"], message["params"])
        return message

    def _note(self, event: str, params: dict[str, Any]) -> None:
        """Remember an event of the tab; Firefox's own windows have other contexts."""
        if event == "network.beforeRequestSent" and params["context"] == self._tab:
            self.note_request(params["request"]["url"])
        elif event == "log.entryAdded" and params["source"].get("context") == self._tab:
            self.messages.append(f"{params['level']}: {params['text']}")
        elif event == "browsingContext.load" and params["context"] == self._tab:
            self._loads += 1


@contextlib.contextmanager
def open_tab(*, unlimited_frames: bool) -> Iterator[FirefoxTab]:
    """Start Firefox with a profile of its own, and end it."""
    program = executable()
    if program is None:
        raise FileNotFoundError("no Firefox is installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        preferences = _PREFERENCES | _UNLIMITED_FRAMES if unlimited_frames else _PREFERENCES
        lines = (
            f'user_pref("{name}", {json.dumps(value)});' for name, value in preferences.items()
        )
        Path(folder, "user.js").write_text("\n".join(lines), encoding="utf-8")
        options = ("--headless", "--no-remote", "--profile", folder)
        remote = ("--remote-debugging-port=0", "--remote-allow-system-access")
        process = subprocess.Popen(
            [program, *options, *remote], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            socket = WebSocket(_port(process, Path(folder)), "/session", seconds=_SECONDS)
            try:
                yield FirefoxTab(socket)
            finally:
                socket.close()
        finally:
            process.terminate()
            process.wait()


def _port(process: subprocess.Popen[bytes], profile: Path) -> int:
    """The port that Firefox listens on, once it does."""
    server = profile / "WebDriverBiDiServer.json"
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return int(json.loads(server.read_text(encoding="utf-8"))["ws_port"])
        time.sleep(0.05)
    raise RuntimeError(f"Firefox opened no port in {_SECONDS:.0f} s, or ended")
