"""Elements: what is escaped, how attributes are written, which columns hold numbers."""

from __future__ import annotations

import html.parser

import pytest
from cnnx.drawing.markup import Markup, element, joined, number_text, table


class Reader(html.parser.HTMLParser):
    """Collects the tags with their attributes and the text of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", ["<script>x</script>", 'a "b" & c', "3 < 4 > 2", "ümlaut 你好"])
def test_text_is_read_back_as_it_was(text: str) -> None:
    read = Reader(element("p", text, title=text))
    assert read.text == text
    assert read.tags == [("p", {"title": text})]


def test_markup_is_not_escaped_twice() -> None:
    inner = element("b", "a & b")
    assert element("p", inner, "<") == "<p><b>a &amp; b</b>&lt;</p>"
    assert joined([inner, None, 3]) == "<b>a &amp; b</b>3"


def test_attributes_follow_their_values() -> None:
    written = element("rect", x=1.5, width=2.0, class_="a", stroke_width=1, hidden=True, id=None)
    assert written == '<rect x="1.5" width="2" class="a" stroke-width="1" hidden></rect>'
    assert element("img", alt=False, src="a") == '<img src="a">'


def test_numbers_have_two_decimals() -> None:
    values = (0.333333, 10.0, 100, -2.50)
    assert [number_text(value) for value in values] == ["0.33", "10", "100", "-2.5"]


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    rows = [["cat", 12, "97.3%", Markup("7")], ["dog", None, "0.5", Markup("8")]]
    written = table(["class", "count", "accuracy", "markup"], rows, caption="a < b")
    cells = [attributes for tag, attributes in Reader(written).tags if tag in ("th", "td")]
    aligned = [attributes.get("class") == "number" for attributes in cells]
    assert aligned == [False, True, True, False] * 3
    assert "a &lt; b" in written


def test_names_that_are_digits_are_text() -> None:
    written = table(["class", "count"], [["7", 12], ["8", 13]], names=["class"])
    assert written.count('<td class="number">') == written.count("<td>") == 2
    assert "<td>7</td>" in written
