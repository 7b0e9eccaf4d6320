"""HTML and SVG elements as text, with everything else escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

_VOID = frozenset({"br", "hr", "img", "meta"})
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+%?")


class Markup(str):
    """Text that is markup already, so that `element` does not escape it."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | None"
Attribute: TypeAlias = "str | int | float | bool | None"


def element(tag: str, *children: Child, **attributes: Attribute) -> Markup:
    """One element. Children that are no `Markup` are escaped; None is left out.

    In names of attributes an underscore stands for a hyphen, and one at the end is dropped
    (`class_`). An attribute that is None or False is left out; True has no value.

    Example:
        >>> element("p", "3 < 4", element("b", "yes"), class_="note")
        '<p class="note">3 &lt; 4<b>yes</b></p>'
    """
    words = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        plain = name.rstrip("_").replace("_", "-")
        words.append(plain if value is True else f'{plain}="{html.escape(number_text(value))}"')
    head = f"<{' '.join(words)}>"
    return Markup(head) if tag in _VOID else Markup(f"{head}{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after the other, those that are no `Markup` escaped."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def number_text(value: str | int | float) -> str:
    """Text as it is; a number with at most two decimals, as lengths in a drawing need."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def table(
    header: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    caption: Child = None,
    names: Collection[str] = (),
) -> Markup:
    """A table whose columns of numbers are aligned to the right, scrolling where it is too wide.

    A column is one of numbers if all its cells are, such as ``1,234`` or ``97.3%``, or are None.

    Args:
        header: names of the columns.
        rows: rows of as many cells.
        caption: sentence above the table.
        names: columns of names, which are text even if all names are digits.
    """
    lines = [list(row) for row in rows]
    numeric = [
        column not in names and all(_is_number(line[k]) for line in lines)
        for k, column in enumerate(header)
    ]

    def cells(tag: str, line: Sequence[Child]) -> Markup:
        return joined(
            element(tag, cell, class_="number" if right else None)
            for cell, right in zip(line, numeric, strict=True)
        )

    body = joined(element("tr", cells("td", line)) for line in lines)
    return element(
        "div",
        element(
            "table",
            None if caption is None else element("caption", caption),
            element("thead", element("tr", cells("th", header))),
            element("tbody", body),
        ),
        class_="scroll",
    )


def _is_number(cell: Child) -> bool:
    if isinstance(cell, (int, float)) or cell is None:
        return True
    return not isinstance(cell, Markup) and _NUMBER.fullmatch(cell) is not None


def _escaped(child: str | int | float) -> str:
    return child if isinstance(child, Markup) else html.escape(str(child))
