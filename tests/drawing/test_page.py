"""Pages: every section is linked, and nothing comes from outside the file."""

from __future__ import annotations

import re

from cnnx.drawing.markup import Markup, element
from cnnx.drawing.page import Section, figure, fragment, page

SECTIONS = [
    Section("first", "First <part>", element("p", "one")),
    Section("second", "Second", figure(element("svg"), "a figure")),
]


def test_contents_link_to_every_section() -> None:
    written = page("Title & more", "A sentence.", SECTIONS)
    assert written.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert re.findall(r'href="#([\w-]+)"', written) == ["first", "second"]
    assert re.findall(r'<section id="([\w-]+)"', written) == ["first", "second"]
    assert "<h2>First &lt;part&gt;</h2>" in written
    assert "<title>Title &amp; more</title>" in written


def test_many_contents_are_folded() -> None:
    many = [Section(f"s-{k}", f"Section {k}", element("p")) for k in range(13)]
    assert "<details><summary>Contents</summary><nav" in page("T", "I", many)
    assert "<details>" not in page("T", "I", many[1:])


def test_a_page_needs_nothing_from_outside() -> None:
    written = page("T", "I", SECTIONS)
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|url\(|@import|<script", written)
    assert "default-src &#x27;none&#x27;" in written


def test_a_fragment_brings_its_style() -> None:
    written = fragment("a < b", Markup("<b>c</b>"))
    assert written.startswith('<div class="cnnx"><style>')
    assert written.endswith("a &lt; b<b>c</b></div>")
