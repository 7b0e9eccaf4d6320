"""Parts of an HTML page: its sections with their tables, charts, captions and images."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Part:
    """A section of a page.

    Attributes:
        tables: rows of cells of each table, the header first.
        charts: SVG texts.
        captions: captions of figures, with a line per line break.
        images: descriptions of the images.
        text: all text, charts included.
    """

    tables: list[list[list[str]]] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    captions: list[list[str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    text: str = ""


def sections(page: str) -> dict[str, Part]:
    """Sections of a page by their ids."""
    found = re.findall(r'<section id="([\w-]+)">(.*?)</section>', page, flags=re.DOTALL)
    return {name: _Reader(body).part for name, body in found}


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.part = Part(charts=re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
        self._in_cell = self._in_caption = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "table":
            self.part.tables.append([])
        elif tag == "tr":
            self.part.tables[-1].append([])
        elif tag in ("td", "th"):
            self.part.tables[-1][-1].append("")
            self._in_cell = True
        elif tag == "figcaption":
            self.part.captions.append([""])
            self._in_caption = True
        elif tag == "br" and self._in_caption:
            self.part.captions[-1].append("")
        elif tag == "img":
            self.part.images.append(values["alt"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False
        elif tag == "figcaption":
            self._in_caption = False

    def handle_data(self, data: str) -> None:
        self.part.text += data
        if self._in_cell:
            self.part.tables[-1][-1][-1] += data
        elif self._in_caption:
            self.part.captions[-1][-1] += data
