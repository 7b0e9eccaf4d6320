"""Images with masks: three forms of folders, sets, lists of classes, resizing, training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cnnx
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
    indexed,
    png_of_bits,
    random_masks,
    write_class_files,
    write_masks,
)
from numpy.testing import assert_array_equal

# --- the three forms


@pytest.mark.parametrize("draw", [Image.fromarray, indexed], ids=["grey", "indexed"])
def test_files_of_labels(tmp_path: Path, draw: Any) -> None:
    masks = random_masks(5)
    loaded = data.load(write_masks(tmp_path / "set", masks, draw))
    assert loaded.classes == 4
    assert loaded.y.dtype == np.uint8
    assert_array_equal(loaded.y, masks)
    assert loaded.x.shape == (5, *SIZE, 3)
    assert loaded.names == ("0.png", "1.png", "2.png", "3.png", "4.png")
    assert loaded.class_counts == {"0": 5, "1": 5, "2": 5, "3": 5}
    named = data.load(tmp_path / "set", classes=NAMES)
    assert named.classes == NAMES
    assert_array_equal(named.y, masks)


@pytest.mark.parametrize(
    "draw",
    [
        coloured,
        lambda mask: coloured(mask).quantize(7),
        lambda mask: coloured(mask).convert("RGBA"),
    ],
    ids=["RGB", "indexed", "RGBA"],
)
def test_files_of_colours(tmp_path: Path, draw: Any) -> None:
    masks = random_masks(5)
    loaded = data.load(write_masks(tmp_path / "set", masks, draw), classes=TABLE)
    assert loaded.classes == NAMES
    assert_array_equal(loaded.y, masks)


def test_a_file_per_class(tmp_path: Path) -> None:
    masks = random_masks(6)
    masks[3][masks[3] == 2] = 0  # no file in dog
    loaded = data.load(write_class_files(tmp_path / "set", masks))
    assert loaded.classes == NAMES
    assert_array_equal(loaded.y, masks)
    assert loaded.class_counts["dog"] == 5


def test_images_of_other_formats_draw_one_warning(tmp_path: Path) -> None:
    masks = random_masks(3)
    folder = write_masks(tmp_path / "set", masks)
    for name in ("images", "masks"):
        (folder / name / "phone.heic").write_bytes(b"any")
    with pytest.warns(cnnx.Warning) as warned:
        loaded = data.load(folder)
    assert len(loaded.x) == 3
    assert [str(each.message) for each in warned] == [
        f"{folder / 'images'}: 1 image of other formats, such as phone.heic, cannot be read; "
        "convert them to PNG or JPEG"
    ]


@pytest.mark.parametrize("names", [("image", "mask"), ("img", "label"), ("Imgs", "Annotation")])
def test_names_of_folders(tmp_path: Path, names: tuple[str, str]) -> None:
    masks = random_masks(4)
    write_masks(tmp_path / "set", masks)
    for name, other in zip(("images", "masks"), names, strict=True):
        (tmp_path / "set" / name).rename(tmp_path / "set" / other)
    assert_array_equal(data.load(tmp_path / "set").y, masks)


def test_black_and_white_are_two_classes(tmp_path: Path) -> None:
    masks = random_masks(4, classes=2)
    for form, draw in (
        ("grey", lambda mask: Image.fromarray(mask * np.uint8(255))),
        ("bits", lambda mask: Image.fromarray(mask > 0)),
        ("rgb", lambda mask: Image.fromarray(np.stack([mask * np.uint8(255)] * 3, axis=-1))),
    ):
        loaded = data.load(write_masks(tmp_path / form, masks, draw))
        assert loaded.classes == (2 if form == "bits" else ("background", "foreground"))
        assert_array_equal(loaded.y, masks)
    assert data.load(tmp_path / "grey", classes=["sky", "bird"]).classes == ("sky", "bird")


@pytest.mark.parametrize("white", [(1, 255), (255, 1)])
def test_sets_of_labels_and_of_black_and_white(tmp_path: Path, white: tuple[int, int]) -> None:
    """The value 255 of one set is class 1, which another set holds as 1."""
    masks = random_masks(4, classes=2)
    for name, value in zip(("train", "val"), white, strict=True):
        write_masks(tmp_path / name, masks * np.uint8(value))
    loaded = data.load(tmp_path)
    assert loaded.validation is not None
    assert loaded.validation.classes == loaded.classes
    assert_array_equal(loaded.y, masks)
    assert_array_equal(loaded.validation.y, masks)


def test_255_is_no_class_in_all_sets(tmp_path: Path) -> None:
    masks = random_masks(4, classes=2)
    masks[1, 5] = 255
    write_masks(tmp_path / "train", masks)
    write_masks(tmp_path / "val", np.where(masks == 1, np.uint8(255), masks))
    validation = data.load(tmp_path).validation
    assert validation is not None
    assert set(np.unique(validation.y)) == {0, 255}


def test_255_is_no_class(tmp_path: Path) -> None:
    masks = random_masks(4)
    masks[1, 5] = 255
    loaded = data.load(write_masks(tmp_path / "set", masks, indexed))
    assert loaded.classes == 4
    assert_array_equal(loaded.y, masks)
    assert loaded.class_counts["3"] == 4


def test_levels_of_two_and_four_bits_are_labels(tmp_path: Path) -> None:
    masks = random_masks(3)
    write_masks(tmp_path / "set", masks)
    for index, mask in enumerate(masks):
        packed = png_of_bits(mask, 2 if index else 4)
        (tmp_path / "set" / "masks" / f"{index}.png").write_bytes(packed)
    assert_array_equal(data.load(tmp_path / "set").y, masks)


@pytest.mark.parametrize("seed", range(6))
def test_random_folders(tmp_path: Path, seed: int) -> None:
    """Labels of any form, size and class come back."""
    random = np.random.default_rng(seed)
    classes, count = int(random.integers(2, 30)), int(random.integers(1, 9))
    size = (int(random.integers(1, 60)), int(random.integers(1, 60)))
    masks = random.integers(0, classes, (count, *size), np.uint8)
    names = tuple(f"class {label}" for label in range(classes))
    colours = np.unravel_index(random.choice(256**3, classes, replace=False), (256, 256, 256))
    palette = np.stack(colours, axis=-1).astype(np.uint8)
    table = {name: tuple(map(int, each)) for name, each in zip(names, palette, strict=True)}
    write_masks(tmp_path / "labels", masks)
    write_masks(tmp_path / "colours", masks, lambda mask: Image.fromarray(palette[mask]))
    shape = (*size, 3)
    assert_array_equal(data.load(tmp_path / "labels", classes=names, input_shape=shape).y, masks)
    found = data.load(tmp_path / "colours", classes=table, input_shape=shape)
    assert found.classes == names
    assert_array_equal(found.y, masks)
    if (masks > 0).any(axis=(1, 2)).all():
        write_class_files(tmp_path / "files", masks, ("background", *names[1:]))
        present = ["background", *(names[label] for label in range(1, classes))]
        found = data.load(tmp_path / "files", classes=present, input_shape=shape)
        assert_array_equal(found.y, masks)


# --- resizing


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("size", [(6, 9), (30, 20), (12, 17), (5, 40)])
def test_masks_are_resized_with_their_images(
    tmp_path: Path, resize: str, size: tuple[int, int]
) -> None:
    """A smooth image in colours of its mask shows the same edges, to half a pixel."""
    mask = np.zeros((60, 80), np.uint8)
    mask[20:45, 30:70] = 1
    root = write_masks(tmp_path / "set", mask[np.newaxis])
    change(root / "images" / "0.png", np.repeat(mask[..., np.newaxis] * np.uint8(200), 3, axis=2))
    loaded = data.load(root, input_shape=(*size, 3), resize=resize)
    bright = loaded.x[0, ..., 0]
    assert_array_equal(loaded.y[0][bright > 150], 1)
    assert_array_equal(loaded.y[0][bright < 50], 0)
    assert set(np.unique(loaded.y)) <= {0, 1}


def test_stretched_masks_have_the_nearest_labels() -> None:
    from cnnx import _core

    random = np.random.default_rng(0)
    for _ in range(300):
        height, width, to_height, to_width = map(int, random.integers(1, 40, 4))
        mask = random.integers(0, 9, (height, width), np.uint8)
        rows = (2 * np.arange(to_height) + 1) * height // (2 * to_height)
        columns = (2 * np.arange(to_width) + 1) * width // (2 * to_width)
        found = _core.resize_mask(mask, to_height, to_width, "stretch")
        assert_array_equal(found, mask[np.ix_(rows, columns)])


def test_large_images_become_128(tmp_path: Path) -> None:
    root = write_masks(tmp_path / "set", random_masks(2, (150, 140)))
    assert data.load(root).y.shape == (2, 128, 128)


# --- sets


def test_sets_in_subfolders(tmp_path: Path) -> None:
    sets = {name: random_masks(count) for name, count in (("train", 6), ("val", 3), ("test", 2))}
    sets["val"][sets["val"] == 3] = 0  # lacks a class
    for name, masks in sets.items():
        write_masks(tmp_path / name, masks)
    for path in (tmp_path, tmp_path / "train"):
        loaded = data.load(path)
        assert loaded.validation is not None
        assert loaded.test is not None
        assert loaded.classes == loaded.validation.classes == loaded.test.classes == 4
        assert_array_equal(loaded.y, sets["train"])
        assert_array_equal(loaded.validation.y, sets["val"])
        assert_array_equal(loaded.test.y, sets["test"])


def test_sets_in_the_folders_of_images_and_masks(tmp_path: Path) -> None:
    sets = {name: random_masks(count) for name, count in (("training", 6), ("validation", 3))}
    for name, masks in sets.items():
        write_masks(tmp_path / name, masks)
        for kind in ("images", "masks"):
            (tmp_path / "ade" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / name / kind).rename(tmp_path / "ade" / kind / name)
    loaded = data.load(tmp_path / "ade")
    assert loaded.validation is not None
    assert_array_equal(loaded.y, sets["training"])
    assert_array_equal(loaded.validation.y, sets["validation"])


def test_lists_of_pascal_voc(tmp_path: Path) -> None:
    masks = random_masks(5)
    root = write_masks(tmp_path / "voc", masks, indexed)
    (root / "images").rename(root / "JPEGImages")
    (root / "masks").rename(root / "SegmentationClass")
    Image.new("RGB", (9, 9)).save(root / "JPEGImages" / "without_mask.png")
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n2\n4\n")
    (lists / "val.txt").write_text("1\n")
    loaded = data.load(root)
    assert loaded.validation is not None
    assert_array_equal(loaded.y, masks[[0, 2, 4]])
    assert_array_equal(loaded.validation.y, masks[[1]])
    (lists / "val.txt").write_text("1\n9\n")
    with pytest.raises(FormatError, match="JPEGImages: lacks 9, expected images of the set"):
        data.load(root)


def test_nested_folders_and_other_names(tmp_path: Path) -> None:
    masks = random_masks(4)
    root = write_masks(tmp_path / "set", masks)
    (root / "images" / "bonn").mkdir()
    (root / "masks" / "bonn").mkdir()
    for index, ending in ((2, "_mask"), (3, "_L")):
        (root / "images" / f"{index}.png").rename(root / "images" / "bonn" / f"{index}.png")
        mask = root / "masks" / f"{index}.png"
        mask.rename(root / "masks" / "bonn" / f"{index}{ending}.png")
    loaded = data.load(root)
    assert_array_equal(loaded.y, masks)
    assert [Path(name).as_posix() for name in loaded.names][2:] == ["bonn/2.png", "bonn/3.png"]


# --- lists of classes

LISTS = {
    "classes.json": json.dumps({name: list(colour) for name, colour in TABLE.items()}),
    "classes.txt": "".join(f"{name} {r} {g} {b}\n" for name, (r, g, b) in TABLE.items()),
    "labelmap.txt": "# label:color_rgb:parts:actions\n"
    + "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in TABLE.items()),
    "label_colors.txt": "".join(f"{r} {g} {b}\t{name}\n" for name, (r, g, b) in TABLE.items()),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_colours(tmp_path: Path, name: str) -> None:
    masks = random_masks(3)
    root = write_masks(tmp_path / "set", masks, coloured)
    (root / name).write_text(LISTS[name])
    loaded = data.load(root)
    assert loaded.classes == NAMES
    assert_array_equal(loaded.y, masks)


@pytest.mark.parametrize("name", ["classes.json", "classes.txt", "class_names.txt", "codes.txt"])
def test_lists_of_names(tmp_path: Path, name: str) -> None:
    masks = random_masks(3)
    root = write_masks(tmp_path / "set", masks)
    text = json.dumps(NAMES) if name.endswith("json") else "\n".join(["__ignore__", *NAMES, ""])
    (root / name).write_text(text)
    loaded = data.load(root)
    assert loaded.classes == NAMES
    assert_array_equal(loaded.y, masks)


def test_a_colour_of_no_class(tmp_path: Path) -> None:
    masks = random_masks(3)
    root = write_masks(tmp_path / "set", masks, coloured)
    table = {("__ignore__" if name == "dog" else name): each for name, each in TABLE.items()}
    loaded = data.load(root, classes=table)
    assert loaded.classes == ("background", "cat", "tree")
    assert_array_equal(loaded.y, np.array([0, 1, 255, 2], np.uint8)[masks])


def test_a_model_decides_the_order_of_classes(tmp_path: Path) -> None:
    masks = random_masks(8)
    root = write_masks(tmp_path / "set", masks, coloured)
    (root / "classes.json").write_text(LISTS["classes.json"])
    shape = (*SIZE, 3)
    model = cnnx.Model([cnnx.Conv2d(4, 1)], input_shape=shape, classes=list(reversed(NAMES)))
    source = data.open_source(root, classes=tuple(reversed(NAMES)))
    assert_array_equal(source.load().y, 3 - masks)
    history = cnnx.Trainer(model).fit(root, epochs=1)
    assert np.isfinite(history.loss).all()
    other = cnnx.Model([cnnx.Conv2d(4, 1)], input_shape=shape, classes=["a", "b", "c", "d"])
    with pytest.raises(
        FormatError, match=r"has the classes background, .*, expected the model's, a"
    ):
        cnnx.Trainer(other).fit(root, epochs=1)


# --- training


def test_fit_and_evaluate_take_the_folder(tmp_path: Path) -> None:
    masks = random_masks(8)
    root = write_masks(tmp_path / "set", masks)
    model = cnnx.Model([cnnx.Conv2d(4, 1)], input_shape=(*SIZE, 3))
    trainer = cnnx.Trainer(model)
    augmentation = data.Augmentation(flip="random", crop_padding=2)
    history = trainer.fit(root, epochs=2, validation=0.25, augmentation=augmentation)
    assert len(history.validation_loss) == 2
    loaded = data.load(root)
    assert trainer.evaluate(root) == trainer.evaluate(loaded.x, loaded.y)


def test_smaller_outputs_have_the_nearest_labels(tmp_path: Path) -> None:
    root = write_masks(tmp_path / "set", random_masks(4, (16, 24)))
    model = cnnx.Model([cnnx.Conv2d(4, 3, stride=2, padding="same")], input_shape=(16, 24, 3))
    loaded = data.load(root)
    trainer = cnnx.Trainer(model)
    assert trainer.evaluate(root) == trainer.evaluate(loaded.x, loaded.y[:, 1::2, 1::2])


def test_archives(tmp_path: Path) -> None:
    masks = random_masks(5)
    x = np.random.default_rng(0).integers(0, 256, (5, *SIZE), np.uint8)
    file = tmp_path / "set.npz"
    np.savez(file, x=x, y=masks.astype(np.int64), classes=np.array(NAMES))
    loaded = data.load(file)
    assert loaded.classes == NAMES
    assert loaded.y.dtype == np.uint8
    assert_array_equal(loaded.y, masks)
    assert data.load(file, input_shape=(6, 8, 1)).y.shape == (5, 6, 8)
    for y in (masks == 1, (masks == 1) * np.uint8(255)):
        np.savez(file, x=x, y=y)
        assert_array_equal(data.load(file).y, masks == 1)
    for wrong, sentence in (
        (masks[:, 1:], "holds images of 12 x 17 pixels, but masks of 11 x 17"),
        (masks.astype(int) - 1, r"y has label -1 at position \(0, 0, 0\), expected 0 to 255"),
        (masks.astype(int) + 300, r"y has label 300 at position"),
    ):
        np.savez(file, x=x, y=wrong)
        with pytest.raises(FormatError, match=sentence):
            data.load(file)
    np.savez(file, x=x, y=masks, classes=np.array(NAMES[:3]))
    with pytest.raises(FormatError, match="holds label 3, expected 0 to 2"):
        data.load(file)
