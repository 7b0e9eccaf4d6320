"""Every wrong mask is named with its file in one sentence, and every wrong list of classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cnnx import data
from cnnx._core import FormatError
from mask_folders import (
    NAMES,
    SIZE,
    TABLE,
    Image,
    change,
    coloured,
    random_masks,
    write_class_files,
    write_images,
    write_masks,
)
from numpy.testing import assert_array_equal


def smeared(root: Path) -> None:
    """A mask in colours that went through JPEG, saved as PNG again."""
    coloured(random_masks(3)[1]).save(root / "smeared.jpg", quality=30)
    Image.open(root / "smeared.jpg").save(root / "masks" / "1.png")
    (root / "smeared.jpg").unlink()


WRONG: dict[str, tuple[Any, Callable[[Path], Any], str]] = {
    "other size": (
        *(Image.fromarray, lambda root: change(root / "masks" / "1.png", np.zeros((12, 16), "u1"))),
        "masks/1.png: has 12 x 16 pixels, but its image 12 x 17",
    ),
    "label out of range": (
        *(Image.fromarray, lambda root: change(root / "masks" / "1.png", np.full(SIZE, 9, "u1"))),
        "masks/1.png: has label 9 at row 0, column 0, expected 0 to 3, or 255 for pixels of no "
        "class",
    ),
    "16 bits": (
        *(Image.fromarray, lambda root: change(root / "masks" / "1.png", np.full(SIZE, 300, "u2"))),
        "masks/1.png: has label 300 at row 0, column 0, expected 0 to 255",
    ),
    "colours without a table": (
        *(
            Image.fromarray,
            lambda root: coloured(random_masks(3)[1]).save(root / "masks" / "1.png"),
        ),
        "masks/1.png: has colours, but there is no table of them",
    ),
    "unknown colour": (
        coloured,
        lambda root: change(root / "masks" / "1.png", np.full((*SIZE, 3), 7, "u1")),
        "masks/1.png: has the colour (7, 7, 7) at row 0, column 0, expected those of",
    ),
    "smeared": (coloured, smeared, "more unknown colours, expected those of"),
    "JPEG": (
        *(Image.fromarray, lambda root: as_jpeg(root)),
        "masks/1.jpg: is a JPEG file, whose compression changes labels, expected PNG",
    ),
    "no mask": (
        *(Image.fromarray, lambda root: (root / "masks" / "1.png").unlink()),
        "1 image has no mask: images/1.png; expected equal names",
    ),
    "no image": (
        *(Image.fromarray, lambda root: (root / "images" / "1.png").unlink()),
        "1 mask has no image: masks/1.png; expected equal names",
    ),
    "two masks": (
        Image.fromarray,
        lambda root: change(root / "masks" / "1.bmp", np.zeros(SIZE, "u1")),
        "masks: has 1.bmp and 1.png, expected names that differ without their ending",
    ),
    "unreadable": (
        *(Image.fromarray, lambda root: (root / "masks" / "1.png").write_bytes(b"nothing")),
        "masks/1.png: cannot be read as an image",
    ),
    "cut short": (
        *(Image.fromarray, lambda root: cut_short(root / "masks" / "1.png")),
        "masks/1.png: cannot be read as an image",
    ),
    "real numbers": (
        *(Image.fromarray, lambda root: as_real_numbers(root)),
        "masks/1.tif: has pixels of mode F, expected grey, indexed or RGB colours",
    ),
}


def as_jpeg(root: Path) -> None:
    (root / "masks" / "1.png").unlink()
    change(root / "masks" / "1.jpg", random_masks(3)[1])


def as_real_numbers(root: Path) -> None:
    (root / "masks" / "1.png").unlink()
    change(root / "masks" / "1.tif", random_masks(3)[1].astype(np.float32))


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize("case", WRONG)
def test_wrong_masks_are_named(tmp_path: Path, case: str) -> None:
    draw, damage, sentence = WRONG[case]
    root = write_masks(tmp_path / "set", random_masks(3), draw)
    damage(root)
    classes: Any = TABLE if draw is coloured else NAMES
    with pytest.raises(FormatError, match=re.escape(str(root))) as caught:
        data.load(root, classes=classes)
    text = str(caught.value).replace("\\", "/")
    assert sentence in text
    assert "\n" not in text


def test_all_wrong_masks_are_named_or_skipped(tmp_path: Path) -> None:
    masks = random_masks(6)
    root = write_masks(tmp_path / "set", masks)
    change(root / "masks" / "1.png", np.zeros((3, 3), np.uint8))
    change(root / "masks" / "3.png", np.full(SIZE, 77, np.uint8))
    (root / "masks" / "4.png").write_bytes(b"")
    (root / "images" / "5.png").write_bytes(b"")
    with pytest.raises(FormatError, match=r"1 file cannot be read as an image: 5\.png"):
        data.load(root, classes=NAMES)
    (root / "images" / "5.png").unlink()
    (root / "masks" / "5.png").unlink()
    with pytest.raises(FormatError) as caught:
        data.load(root, classes=NAMES)
    text = str(caught.value).replace("\\", "/")
    assert "2 masks cannot be used: masks/1.png: has 3 x 3" in text
    assert "masks/4.png: cannot be read" in text
    skipping = data.Decoding(skip_unreadable=True)
    loaded = data.open_source(root, NAMES, skipping).load()
    assert loaded.skipped == ("1.png", "3.png", "4.png")
    assert loaded.names == ("0.png", "2.png")
    assert_array_equal(loaded.y, masks[[0, 2]])


def test_the_first_of_many_wrong_masks_are_named(tmp_path: Path) -> None:
    root = write_masks(tmp_path / "set", random_masks(23))
    for number in range(23):
        change(root / "masks" / f"{number}.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(FormatError, match=r": 23 masks cannot be used: .* and 3 more$") as caught:
        data.load(root, classes=NAMES)
    assert str(caught.value).count("has 3 x 3 pixels") == 20


def test_levels_of_grey_are_no_labels(tmp_path: Path) -> None:
    grey = random_masks(3) * np.uint8(60)
    root = write_masks(tmp_path / "set", grey)
    sentence = r"0\.png: has label 180 at row 0, column 3, expected classes from 0 to 63; for more"
    with pytest.raises(FormatError, match=sentence):
        data.load(root)
    with pytest.raises(FormatError, match=sentence):
        _ = data.open_source(root).train.classes
    empty = write_masks(tmp_path / "empty", np.zeros((2, *SIZE), np.uint8))
    with pytest.raises(FormatError, match="holds no label above 0, expected those of two classes"):
        data.load(empty)


def test_a_validation_set_has_the_classes_of_the_training_set(tmp_path: Path) -> None:
    write_masks(tmp_path / "train", random_masks(3, classes=3))
    write_masks(tmp_path / "val", random_masks(3))
    with pytest.raises(FormatError, match=r"val.*\.png: has label 3 at row 0, column 3, .*0 to 2"):
        data.load(tmp_path)


def test_pixels_of_two_classes_are_named(tmp_path: Path) -> None:
    root = write_class_files(tmp_path / "set", random_masks(2))
    change(root / "masks" / "tree" / "1.png", np.full(SIZE, 255, np.uint8))
    with pytest.raises(FormatError, match=r"1\.png: has the pixel at row 0, column 1, which is of"):
        data.load(root)
    with pytest.raises(FormatError, match="has the subfolder dog, expected only classes known"):
        data.load(root, classes=["background", "cat", "tree"])


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("classes.json", "{", "cannot be read as a list of classes"),
        ("classes.json", "3", "expected names, or an object of colours by name"),
        ("classes.json", "[1]", "has the class 1, expected a name"),
        ("classes.json", '{"a": [1, 2]}', r"a is \[1, 2\], expected a colour such as"),
        ("classes.json", '{"a": "red"}', "a is 'red', expected a colour such as"),
        (
            "classes.json",
            '{"a": [1, 2, 3], "b": "#010203"}',
            r"a and b have the colour \(1, 2, 3\)",
        ),
        ("classes.txt", "a\na\n", "has the class a twice"),
        ("classes.txt", "", "has 0 classes, expected 1 to 255"),
        ("classes.txt", "\n".join(map(str, range(300))), "has 300 classes, expected 1 to 255"),
    ],
)
def test_wrong_lists_of_classes_are_named(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    root = write_masks(tmp_path / "set", random_masks(2))
    (root / name).write_text(text)
    with pytest.raises(FormatError, match=f"{re.escape(name)}: .*{sentence}"):
        data.load(root)


def test_ambiguous_folders_are_refused(tmp_path: Path) -> None:
    root = write_masks(tmp_path / "set", random_masks(2))
    (root / "classes.txt").write_text("a\nb\n")
    (root / "classes.json").write_text("{}")
    with pytest.raises(FormatError, match=r"has classes\.json and classes\.txt, expected one list"):
        data.load(root)
    (root / "labels").mkdir()
    with pytest.raises(FormatError, match="has the subfolders labels and masks, expected one"):
        data.load(root)


def test_colours_need_masks(tmp_path: Path) -> None:
    write_images(tmp_path / "set" / "cat", random_masks(2))
    with pytest.raises(
        TypeError, match=r"expected names, because .* has no folders images and mask"
    ):
        data.load(tmp_path / "set", classes=TABLE)
    root = write_masks(tmp_path / "masks", random_masks(2), coloured)
    with pytest.raises(ValueError, match="load: classes: cat is 'red', expected a colour"):
        data.load(root, classes={**TABLE, "cat": "red"})
