"""Findings of the doctor as a self-contained HTML page, with the images that they concern."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cnnx.doctor.finding import Finding, by_severity, severity_counts
from cnnx.drawing.colours import as_rgb
from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.page import Section, figure, page
from cnnx.drawing.png import image

Thumbnail = Callable[[str], "NDArray[np.uint8] | None"]

_IMAGES_SHOWN = 24  # of one finding
_NAMES_SHOWN = 24
_IMAGE_WIDTH = 96


def findings_page(title: str, findings: Sequence[Finding], thumbnail: Thumbnail) -> str:
    """A page with a table of the findings and a section for each.

    Args:
        title: title of the page.
        findings: the findings.
        thumbnail: returns the pixels of an example by its name, or None if it is no image.
    """
    ordered = by_severity(findings)
    return page(title, f"{severity_counts(ordered)}.", findings_sections(ordered, thumbnail))


def findings_sections(findings: Sequence[Finding], thumbnail: Thumbnail) -> list[Section]:
    """Sections of a page: an overview, and one for each finding."""
    ordered = by_severity(findings)
    if not ordered:
        return []
    rows = [
        (
            element("span", each.severity, class_=each.severity),
            element("a", _title(each), href=f"#{_anchor(place, each)}"),
            each.message,
        )
        for place, each in enumerate(ordered)
    ]
    overview = table(("Severity", "Check", "Finding"), rows)
    return [
        Section("overview", "Overview", overview),
        *(
            Section(_anchor(place, each), _title(each), _body(each, thumbnail))
            for place, each in enumerate(ordered)
        ),
    ]


def _title(finding: Finding) -> str:
    """Name of the check in words, such as ``Exact duplicates``."""
    words = finding.check.replace("-", " ")
    return f"{words[0].upper()}{words[1:]}"


def _anchor(place: int, finding: Finding) -> str:
    return f"{finding.check}-{place + 1}"


def _body(finding: Finding, thumbnail: Thumbnail) -> Markup:
    """Message, advice, and the first examples as images, or as names if they are none."""
    advice = f" {finding.advice[0].upper()}{finding.advice[1:]}." if finding.advice else ""
    severity = element("span", finding.severity, class_=finding.severity)
    message = element("p", severity, f": {finding.message}.{advice}")
    rows: list[Markup] = []
    left = _IMAGES_SHOWN
    captions = finding.captions
    for group in finding.groups or (finding.examples,):
        found = [_figure(name, captions.get(name, name), thumbnail) for name in group[:left]]
        figures = [each for each in found if each is not None]
        left -= len(figures)
        if figures:
            kind = "row thumbnails group" if finding.groups else "row thumbnails"
            rows.append(element("div", *figures, class_=kind))
    if not rows:
        return joined((message, _names(finding) if finding.examples else None))
    shown = _IMAGES_SHOWN - left
    total = len(finding.examples)
    rest = f"The first {shown} of {total:,} images." if shown < total else None
    return joined((message, *rows, None if rest is None else element("p", rest, class_="faint")))


def _figure(name: str, caption: str, thumbnail: Thumbnail) -> Markup | None:
    pixels = thumbnail(name)
    if pixels is None:
        return None
    return figure(image(as_rgb(pixels), name, width=_IMAGE_WIDTH), caption)


def _names(finding: Finding) -> Markup:
    more = len(finding.examples) - _NAMES_SHOWN
    captions = [*finding.captions.values()][:_NAMES_SHOWN]
    items = [element("li", caption) for caption in captions]
    return element("ul", *items, element("li", f"and {more:,} more") if more > 0 else None)
