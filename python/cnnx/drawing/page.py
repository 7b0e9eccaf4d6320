"""Whole HTML pages, and fragments of them that a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnnx.drawing.markup import Child, Markup, element, joined

# Nothing outside the file is loaded, and no script runs.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_MOST_LINKS = 12  # of contents that are not folded


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading that the page's contents link to.

    Attributes:
        name: anchor, a word of letters and hyphens.
        title: heading.
        body: markup below the heading.
    """

    name: str
    title: str
    body: Markup


def page(title: str, introduction: Child, sections: Sequence[Section]) -> str:
    """A self-contained HTML document: no network, no script, light and dark, printable.

    Args:
        title: title, and first heading.
        introduction: paragraph below it.
        sections: parts, in order.
    """
    parts = joined(
        element("section", element("h2", section.title), section.body, id=section.name)
        for section in sections
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        _style(),
    )
    body = element(
        "body",
        element(
            "main",
            element("h1", title),
            element("p", introduction, class_="introduction"),
            _contents(sections),
            parts,
            class_="cnnx page",
        ),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def fragment(*children: Child) -> str:
    """Markup with its style for a notebook, which follows the notebook's light or dark theme."""
    return element("div", _style(), *children, class_="cnnx")


def figure(body: Markup, caption: Child) -> Markup:
    """A drawing with a caption."""
    return element("figure", body, element("figcaption", caption))


def _contents(sections: Sequence[Section]) -> Markup:
    """Links to the sections, to unfold where there are many."""
    links = joined(element("a", section.title, href=f"#{section.name}") for section in sections)
    contents = element("nav", links, aria_label="Contents")
    if len(sections) <= _MOST_LINKS:
        return contents
    return element("details", element("summary", "Contents"), contents)


@cache
def style_sheet() -> str:
    """The style of pages and fragments."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _style() -> Markup:
    return element("style", Markup(style_sheet()))
