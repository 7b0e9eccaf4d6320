"""The page of findings: every finding has a section, with the pixels of its first images."""

from __future__ import annotations

import numpy as np
from cnnx.doctor import Finding
from cnnx.doctor.findings_page import findings_page
from cnnx.drawing.png import image
from numpy.typing import NDArray

PIXELS = {
    name: np.full((4, 4, 3), value, np.uint8) for name, value in (("a<b", 7), ("c", 8), ("d", 9))
}


def thumbnail(name: str) -> NDArray[np.uint8] | None:
    return PIXELS.get(name)


def test_images_of_groups_and_names_of_others() -> None:
    findings = [
        Finding("note", "dark", "1 image is dark", 1, ("d",), "brighten it"),
        Finding("error", "leak", "1 image", 1, ("a<b", "c"), "move it", (("a<b", "c"),)),
        Finding("error", "empty-class", "1 class", 1, ("cat",), "add images"),
    ]
    page = findings_page("Pets", findings, thumbnail)
    assert "2 errors, 1 note." in page
    for name, pixels in PIXELS.items():
        assert image(pixels, name, width=96) in page
    assert "<li>cat</li>" in page
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert page.index(">Empty class<") < page.index(">Leak<") < page.index(">Dark<")
    assert "Brighten it." in page
    assert page.count('class="row thumbnails group"') == 1


def test_long_lists_are_cut() -> None:
    finding = Finding("note", "dark", "100 images are dark", 100, tuple(map(str, range(100))))
    page = findings_page("Pets", [finding], lambda _: PIXELS["d"])
    assert page.count("<img") == 24
    assert "The first 24 of 100 images." in page
    page = findings_page("Pets", [finding], lambda _: None)
    assert page.count("<li>") == 25
    assert "and 76 more" in page


def test_a_page_without_findings() -> None:
    assert "no findings" in findings_page("Pets", [], thumbnail).lower()
