"""A check of the built site: links, their anchors, and files that a page loads."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TIMEOUT = 20.0
_LOADS = {"link", "script", "img", "iframe", "source", "video", "audio", "object", "embed"}


class Page(HTMLParser):
    """The links of a page, the files that it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        for name in ("href", "src", "data"):
            if name in values:
                (self.loads if tag in _LOADS else self.links).append(values[name])


def findings(site: Path, *, external: bool) -> list[str]:
    """Sentences about broken links, and about files that pages load from other hosts."""
    files = {str(path) for path in site.rglob("*") if path.is_file()}
    pages = {name: Page(Path(name)) for name in sorted(files) if name.endswith(".html")}
    found, elsewhere = [], defaultdict(list)
    for path, page in ((Path(name), page) for name, page in pages.items()):
        name = path.relative_to(site).as_posix()
        for address in dict.fromkeys(page.loads + page.links):
            parts = urlsplit(address)
            if parts.scheme in ("mailto", "data", "javascript"):
                continue
            if parts.scheme or parts.netloc:
                elsewhere[address.partition("#")[0]].append(name)
                if address in page.loads:
                    found.append(f"{name}: loads {address}, expected a file of the site")
            elif reason := _broken(parts.path, unquote(parts.fragment), path, files, pages):
                found.append(f"{name}: {address}: {reason}")
    if external:
        for address, names in elsewhere.items():
            if reason := _refused(address):
                found.append(f"{names[0]}: {address}: {reason}")
    return found


def _broken(
    target: str, fragment: str, path: Path, files: set[str], pages: dict[str, Page]
) -> str | None:
    """Why a link of the site leads nowhere."""
    file = os.path.normpath(path.parent / unquote(target)) if target else str(path)
    if file not in files:
        return "no such file"
    page = pages.get(file)
    if fragment and page is not None and fragment not in page.anchors:
        return "no such anchor"
    return None


def _refused(address: str) -> str | None:
    """Why an address of another site cannot be opened."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        # Sites that refuse programs answer browsers.
        return None if error.code in (403, 429) else f"status {error.code}"
    except OSError as error:
        return str(error)
