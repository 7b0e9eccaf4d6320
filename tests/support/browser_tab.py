"""A tab of a real browser, the same for Chromium and Firefox, and the choice between the two."""

from __future__ import annotations

import abc
import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Point = tuple[float, float]

BROWSERS = ("chromium", "firefox")

# Protocols have other names for these keys; letters and digits are keys of their own names.
KEYS = (
    *("Tab", "Enter", "Escape", "Space", "Delete"),
    *("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"),
)


class Tab(abc.ABC):
    """A tab with scripts on and network off.

    Attributes:
        messages: lines of the console, and exceptions, of all pages and workers since the start.
        requests: addresses that pages and workers requested, except files, data and blobs.
    """

    def __init__(self) -> None:
        """Start without messages and requests."""
        self.messages: list[str] = []
        self.requests: list[str] = []

    @abc.abstractmethod
    def open(self, page: Path) -> None:
        """Open a file and wait until it is loaded."""

    @abc.abstractmethod
    def resize(self, width: int, height: int = 900) -> None:
        """Give the page this size in pixels."""

    @abc.abstractmethod
    def use_scheme(self, scheme: str) -> None:
        """Prefer the colour scheme "light" or "dark"."""

    @abc.abstractmethod
    def drag(self, points: Sequence[Point]) -> None:
        """Press the mouse at the first point, move it through the others, and release it."""

    @abc.abstractmethod
    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key, given by its name in `KEYS`, or a letter or digit."""

    @abc.abstractmethod
    def leave_by_pressing(self, key: str) -> None:
        """Press a key on which the page opens another one, and wait until that is loaded.

        After `press` alone, an expression may be lost with the page that it was sent to.
        """

    @abc.abstractmethod
    def screenshot(self) -> bytes:
        """The whole page as a PNG file."""

    @abc.abstractmethod
    def _evaluate(self, expression: str) -> str:
        """The string to which a promise resolves; RuntimeError if it is rejected."""

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may have `await`, as JSON has it."""
        text = self._evaluate(f"(async () => JSON.stringify([await ({expression})]))()")
        return json.loads(text)[0]

    def run(self, statements: str) -> Any:
        """What JavaScript statements return, which may have `await`."""
        return self.evaluate(f"(async () => {{ {statements} }})()")

    def wait_until(self, condition: str, seconds: float = 20) -> None:
        """Wait until a JavaScript expression is true."""
        self.run(
            f"const end = performance.now() + {1000 * seconds};"
            f"while (!({condition})) {{"
            "  if (performance.now() > end) throw new Error('waited in vain');"
            "  await new Promise((done) => setTimeout(done, 5));"
            "}"
        )

    def click(self, element: str) -> None:
        """Click the middle of an element, given as for `box`."""
        left, top, width, height = self.box(element)
        self.drag([(left + width / 2, top + height / 2)])

    def box(self, element: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, in the window once it rests there.

        `element` is a JavaScript expression. The window scrolls to it.
        """
        left, top, width, height = self.run(
            f"const element = {element};"
            "for (let before = '';;) {"
            "  element.scrollIntoView({block: 'center', behavior: 'instant'});"
            "  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 10)));"
            "  const {left, top, width, height} = element.getBoundingClientRect();"
            "  const place = [left, top, width, height];"
            "  if (String(place) === before) return place;"
            "  before = String(place);"
            "}"
        )
        return left, top, width, height

    def bytes_of(self, expression: str) -> bytes:
        """The bytes of a typed array, the value of a JavaScript expression."""
        text = self.run(
            f"const {{buffer, byteOffset, byteLength}} = await ({expression});"
            "let text = '';"
            "for (const each of new Uint8Array(buffer, byteOffset, byteLength)) {"
            "  text += String.fromCharCode(each);"
            "} return btoa(text);"
        )
        return base64.b64decode(text)

    def note_request(self, address: str) -> None:
        """Remember a request that leaves the page."""
        if not address.startswith(("file:", "data:", "blob:", "about:")):
            self.requests.append(address)


def in_javascript(values: bytes) -> str:
    """An expression for these bytes, a Uint8Array."""
    text = base64.b64encode(values).decode()
    return f"Uint8Array.from(atob('{text}'), (each) => each.charCodeAt(0))"


def installed(name: str) -> bool:
    """Whether "chromium" or "firefox" is installed."""
    import chromium
    import firefox

    modules = {"chromium": chromium, "firefox": firefox}
    return modules[name].executable() is not None


@contextlib.contextmanager
def open_tab(name: str, *, unlimited_frames: bool = False) -> Iterator[Tab]:
    """Start the browser "chromium" or "firefox" with a fresh profile, and end it.

    With `unlimited_frames` it paints whenever something changed, not 60 times a second.
    """
    import chromium_tab
    import firefox

    openers = {"chromium": chromium_tab.open_tab, "firefox": firefox.open_tab}
    with openers[name](unlimited_frames=unlimited_frames) as tab:
        yield tab
