"""Names of the classes of masks and their colours: from a file beside the masks, or given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.arguments import is_integer, shown
from cnnx.data.mask_labels import IGNORED

Colour: TypeAlias = tuple[int, int, int]

MOST_CLASSES = IGNORED
# Names of the files with a table: by hand, of CVAT, of CamVid, of LabelMe, of fastai's CamVid.
_FILES = (
    *("classes.json", "classes.txt", "labelmap.txt", "label_colors.txt"),
    *("class_names.txt", "codes.txt"),
)
# Classes of pixels to ignore; the first is LabelMe's.
_IGNORED_NAMES = frozenset({"__ignore__", "ignore"})
_LINES = tuple(
    re.compile(line)
    for line in (
        r"(?P<name>[^:]+):(?P<red>\d+),(?P<green>\d+),(?P<blue>\d+):.*",  # CVAT
        r"(?P<red>\d+)[\s,]+(?P<green>\d+)[\s,]+(?P<blue>\d+)[\s,]+(?P<name>.+)",  # CamVid
        r"(?P<name>.+?)[\s,:]+(?P<red>\d+)[\s,]+(?P<green>\d+)[\s,]+(?P<blue>\d+)",
        r"(?P<name>[^:]+):::?",  # CVAT without a colour
        r"(?P<name>.+)",
    )
)
_UNKNOWN = -1


@dataclass(frozen=True)
class ClassTable:
    """Classes of masks.

    Attributes:
        names: class names in the order of the labels.
        source: file or argument with the table, for messages.
        colours: a colour for each class, or None if masks hold labels.
        ignored: colours of pixels that belong to no class.
    """

    names: tuple[str, ...]
    source: str
    colours: tuple[Colour, ...] | None = None
    ignored: tuple[Colour, ...] = ()
    _codes: NDArray[np.int32] = field(init=False, repr=False, compare=False)
    _labels: NDArray[np.int32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        colours = [*(self.colours or ()), *self.ignored]
        codes = _code(np.array(colours, np.int32).reshape(-1, 3))
        labels = np.array([*range(len(self.colours or ())), *[IGNORED] * len(self.ignored)])
        order = np.argsort(codes, kind="stable")
        object.__setattr__(self, "_codes", codes[order])
        object.__setattr__(self, "_labels", labels[order].astype(np.int32))

    def labels(self, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels of RGB pixels (height, width, 3).

        Raises:
            FormatError: if a colour is that of no class; the sentence lacks its subject.
        """
        codes = _code(colours.astype(np.int32))
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        labels = np.where(self._codes[places] == codes, self._labels[places], _UNKNOWN)
        if (labels == _UNKNOWN).any():
            rows, columns = np.nonzero(labels == _UNKNOWN)
            colour = tuple(colours[rows[0], columns[0]].tolist())
            others = len(np.unique(codes[labels == _UNKNOWN])) - 1
            more = f" and {others} more unknown colours" if others else ""
            raise FormatError(
                f"has the colour {colour} at row {rows[0]}, column {columns[0]}{more}, expected "
                f"those of {self.source}"
            )
        return labels.astype(np.uint8)

    def in_order_of(self, names: Sequence[str]) -> ClassTable:
        """The table with the classes of a model.

        Raises:
            FormatError: if the table has other classes, or labels of another order.
        """
        own, given = self.names, tuple(names)
        if set(own) != set(given) or (self.colours is None and own != given):
            raise FormatError(
                f"{self.source}: has the classes {', '.join(own)}, expected the model's, "
                f"{', '.join(given)}"
            )
        if self.colours is None:
            return self
        colours = tuple(self.colours[own.index(name)] for name in given)
        return ClassTable(given, self.source, colours, self.ignored)


def given_table(classes: Mapping[str, Any], function: str) -> ClassTable:
    """Table of class names with their colours, (red, green, blue) or ``#rrggbb``.

    Args:
        classes: colours by class name; pixels of the class ``__ignore__`` belong to no class.
        function: named in errors.

    Raises:
        ValueError: if a name is not a text or a colour is not one of these, or one occurs twice.
    """
    try:
        return _table(list(classes.items()), f"{function}: classes")
    except FormatError as error:
        raise ValueError(str(error)) from None


def table_beside(folders: Sequence[Path]) -> ClassTable | None:
    """Table in the first of some folders that has one, or None.

    Raises:
        FormatError: if a folder has several, or the table is damaged.
        OSError: if it cannot be read.
    """
    for folder in folders:
        found = [folder / name for name in _FILES if (folder / name).is_file()]
        if len(found) > 1:
            raise FormatError(
                f"{folder}: has {found[0].name} and {found[1].name}, expected one list of classes"
            )
        if found:
            return _read(found[0])
    return None


def _read(path: Path) -> ClassTable:
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _rows_of_json(json.loads(text)) if path.suffix == ".json" else _rows_of_lines(text)
    except ValueError as error:  # also of undecodable bytes
        raise FormatError(f"{path}: cannot be read as a list of classes ({error})") from None
    return _table(rows, str(path))


def _rows_of_json(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, dict):
        return list(content.items())
    if isinstance(content, list):
        return [(name, None) for name in content]
    raise ValueError("expected names, or an object of colours by name")


def _rows_of_lines(text: str) -> list[tuple[Any, Any]]:
    rows: list[tuple[Any, Any]] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        found = next(match for pattern in _LINES if (match := pattern.fullmatch(line)))
        parts = found.groupdict()
        colour = [int(parts[name]) for name in ("red", "green", "blue")] if "red" in parts else None
        rows.append((parts["name"].strip(), colour))
    return rows


def _table(rows: Sequence[tuple[Any, Any]], source: str) -> ClassTable:
    for name, _ in rows:
        if not isinstance(name, str) or not name:
            raise FormatError(f"{source}: has the class {shown(name)}, expected a name")
    names = [name for name, _ in rows if name not in _IGNORED_NAMES]
    if not names or len(names) > MOST_CLASSES:
        raise FormatError(f"{source}: has {len(names)} classes, expected 1 to {MOST_CLASSES}")
    for name in names:
        if names.count(name) > 1:
            raise FormatError(f"{source}: has the class {name} twice, expected names that differ")
    if all(colour is None for _, colour in rows):
        return ClassTable(tuple(names), source)
    owners: dict[Colour, str] = {}
    for name, given in rows:
        colour = _colour(given, f"{source}: {name}")
        if colour in owners:
            raise FormatError(
                f"{source}: {owners[colour]} and {name} have the colour {colour}, expected colours "
                "that differ"
            )
        owners[colour] = name
    colours = tuple(colour for colour, name in owners.items() if name not in _IGNORED_NAMES)
    ignored = tuple(colour for colour, name in owners.items() if name in _IGNORED_NAMES)
    return ClassTable(tuple(names), source, colours, ignored)


def _colour(given: Any, subject: str) -> Colour:
    if isinstance(given, str) and re.fullmatch("#[0-9a-fA-F]{6}", given):
        given = bytes.fromhex(given[1:])
    is_list = isinstance(given, (tuple, list, bytes)) and len(given) == 3
    if not is_list or not all(is_integer(each) and 0 <= each <= 255 for each in given):
        raise FormatError(
            f"{subject} is {shown(given)}, expected a colour such as (255, 0, 0) or #ff0000"
        )
    red, green, blue = map(int, given)
    return red, green, blue


def _code(colours: NDArray[np.int32]) -> NDArray[np.int32]:
    """A number for each colour."""
    return colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
