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
        (_severity(each), element("a", each.check, href=f"#{_anchor(k, each)}"), f"{each.count:,}")
        for k, each in enumerate(ordered)
    ]
    overview = Section("overview", "Overview", table(("Severity", "Check", "Count"), rows))
    return [
        overview,
        *(
            Section(_anchor(k, each), each.check, _body(each, thumbnail))
            for k, each in enumerate(ordered)
        ),
    ]


def _anchor(place: int, finding: Finding) -> str:
    return f"{finding.check}-{place + 1}"


def _severity(finding: Finding) -> Markup:
    return element("span", finding.severity, class_=finding.severity)


def _body(finding: Finding, thumbnail: Thumbnail) -> Markup:
    advice = f" {finding.advice[0].upper()}{finding.advice[1:]}." if finding.advice else ""
    parts = [element("p", _severity(finding), f" {finding.message}.{advice}")]
    groups = finding.groups or tuple((name,) for name in finding.examples)
    figures: list[Markup] = []
    shown = 0
    for group in groups:
        if shown >= _IMAGES_SHOWN:
            break
        images = [_figure(name, thumbnail) for name in group[: _IMAGES_SHOWN - shown]]
        found = [each for each in images if each is not None]
        shown += len(found)
        if found:
            figures.append(element("div", *found, class_="row group"))
    if figures:
        parts.append(element("div", *figures, class_="row"))
    else:
        parts += [_names(finding)] if finding.examples else []
    return joined(parts)


def _figure(name: str, thumbnail: Thumbnail) -> Markup | None:
    pixels = thumbnail(name)
    if pixels is None:
        return None
    return figure(image(as_rgb(pixels), name, width=_IMAGE_WIDTH), name)


def _names(finding: Finding) -> Markup:
    more = len(finding.examples) - _NAMES_SHOWN
    items = [element("li", name) for name in finding.examples[:_NAMES_SHOWN]]
    return element("ul", *items, element("li", f"and {more:,} more") if more > 0 else None)
