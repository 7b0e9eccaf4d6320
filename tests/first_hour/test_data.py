"""Folders and files that a newcomer reads: each call is answered in one sentence, or works."""

from __future__ import annotations

import gzip
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import data
from cnnx.data import Decoding
from first_hour import Case, check, every

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

anything: Any = data  # calls that type checkers would refuse


def write(*names: str, size: tuple[int, int] = (6, 4)) -> None:
    """Images in the working folder."""
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, 40 * number).save(name)


def load(*names: str, path: str = "pets", **settings: Any) -> data.Dataset:
    """Load a folder with these images."""
    write(*(f"pets/{name}" for name in names))
    return data.load(path, **settings)


def expect(found: object, expected: object) -> None:
    assert found == expected, found


def sets_of(*names: str) -> tuple[bool, bool]:
    """Whether a folder with these images has a validation set, and a test set."""
    loaded = load(*names)
    return loaded.validation is not None, loaded.test is not None


def from_pipe(read: Callable[[str], object], name: str) -> object:
    os.mkfifo(name)
    return read(name)


def image_of_pipe(path: str) -> object:
    return data.read_image(path, (4, 6, 1))


def limited(content: dict[str, Any], limit: int) -> data.Dataset:
    np.savez_compressed("pets.npz", **content)
    return data.load("pets.npz", decoding=Decoding(memory_limit=limit))


def compressed_idx(limit: int) -> object:
    header = struct.pack(">HBBI", 0, 8, 1, 10**6)
    Path("x.gz").write_bytes(gzip.compress(header + bytes(10**6)))
    return data.read_idx("x.gz", memory_limit=limit)


def image_of(size: tuple[int, int], **settings: Any) -> object:
    write("a.png", size=size)
    return data.read_image("a.png", (4, 6, 1), **settings)


def above_pillows_limit() -> object:
    write("a.bmp", size=(20, 15))
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 100
    try:
        return data.read_image("a.bmp", (4, 6, 1))
    finally:
        Image.MAX_IMAGE_PIXELS = before


def load_damaged() -> object:
    write("pets/cat/a.png", "pets/cat/b.png", "pets/cat/c.png")
    Path("pets/cat/a.png").write_bytes(b"no image")
    whole = Path("pets/cat/b.png").read_bytes()
    Path("pets/cat/b.png").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    Path("pets/cat/c.png").unlink()
    Path("pets/cat/c.png").symlink_to("gone.png")
    return data.load("pets")


def cached(change: Callable[[Path, Path], object]) -> data.Dataset:
    """Load a folder from its cache after a change to the files of pixels and of metadata."""
    how = Decoding(cache="cache")
    first = load("cat/a.png", "cat/b.png", "dog/c.png", decoding=how)
    expected = first.x.copy()
    (pixels,) = Path("cache").glob("*.pixels")
    change(pixels, pixels.with_suffix(".json"))
    again = data.load("pets", decoding=how)
    assert np.array_equal(again.x, expected)
    return first


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def private_cache() -> None:
    write("pets/cat/a.png")
    Path("pets").chmod(0o700)
    data.load("pets", decoding=Decoding(cache="cache"))
    expect({file.stat().st_mode & 0o777 for file in Path("cache").iterdir()}, {0o600})


def trainer() -> Any:
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Trainer(cnnx.Model(layers, input_shape=(4, 6, 1), classes=["cat", "dog"]))


def fit_cut_cache() -> object:
    loaded = load("cat/a.png", "cat/b.png", "dog/c.png", decoding=Decoding(cache="cache"))
    for file in Path("cache").glob("*.pixels"):
        os.truncate(file, 0)
    return trainer().fit(loaded.x, loaded.y, epochs=1)


X, Y = np.zeros((3, 4, 6), np.uint8), np.array([0, 1, 1])
PICKLED = np.array([{}], object)
LIMIT = "raise the limit with memory_limit="

FOLDERS = [
    Case(
        "sets-in-capitals",
        lambda: expect(sets_of("Train/cat/a.png", "TEST/cat/b.png"), (False, True)),
        None,
    ),
    Case(
        "valid",
        lambda: expect(sets_of("train/cat/a.png", "valid/cat/b.png"), (True, False)),
        None,
    ),
    Case(
        "training-and-testing",
        lambda: expect(sets_of("training/cat/a.png", "testing/cat/b.png"), (False, True)),
        None,
    ),
    Case("train-alone", lambda: expect(load("train/cat/a.png").classes, ("cat",)), None),
    Case(
        "train-beside-an-unknown-set",
        lambda: load("train/cat/a.png", "holdout/cat/b.png"),
        cnnx.FormatError,
        "pets: has the subfolder train beside holdout, expected validation (or valid, val) or test "
        "beside it",
    ),
    Case(
        "test-without-train",
        lambda: load("test/cat/a.png"),
        cnnx.FormatError,
        f"pets: has the subfolder test but none named train; pass {Path('pets', 'test')} to read "
        "only that",
    ),
    Case(
        "two-validation-sets",
        lambda: load("train/cat/a.png", "val/cat/b.png", "validation/cat/c.png"),
        cnnx.FormatError,
        "pets: has the subfolders val and validation, expected one validation set; rename or "
        "remove the others",
    ),
    Case(
        "images-in-subfolders",
        lambda: expect(load("cat/old/a.png", "dog/b.png", "dog/new/c.png").y.tolist(), [0, 1, 1]),
        None,
    ),
    Case(
        "a-folder-around-the-classes",
        lambda: load("unpacked/cat/a.png", "unpacked/dog/b.png"),
        cnnx.FormatError,
        "pets: has the single subfolder unpacked, whose images lie in its subfolders cat, dog; if "
        f"these are the classes, pass {Path('pets', 'unpacked')}",
    ),
    Case(
        "an-archive-of-macos",
        lambda: expect(load("cat/a.png", "__MACOSX/cat/._a.png").classes, ("cat",)),
        None,
    ),
    Case(
        "class-counts",
        lambda: expect(load("cat/a.png", "dog/b.png").class_counts, {"cat": 1, "dog": 1}),
        None,
    ),
    Case(
        "a-class-of-one-image-in-a-split",
        lambda: trainer().fit(
            load("cat/a.png", *(f"dog/{k}.png" for k in range(5))), epochs=1, validation=0.3
        ),
        cnnx.Warning,
        "fit: class cat has a single image, which is trained on but not validated; add images, or "
        "pass validation=(x, y)",
    ),
]

FILES = [
    Case(
        "npz-with-other-arrays",
        lambda: expect(len(limited({"x": X, "y": Y, "notes": PICKLED}, 10**6).x), 3),
        None,
    ),
    Case(
        "npz-above-the-limit",
        lambda: limited({"x": X, "y": Y}, 199),
        cnnx.FormatError,
        f"pets.npz: x takes 200 bytes of memory, expected at most 199; {LIMIT}200",
    ),
    Case(
        "idx-above-the-limit",
        lambda: compressed_idx(10**5),
        cnnx.FormatError,
        f"x.gz: its array takes 1000000 bytes of memory, expected at most 100000; {LIMIT}1000000",
    ),
    Case(
        "image-above-the-limit",
        lambda: image_of((2000, 1000), memory_limit=10**6),
        cnnx.FormatError,
        "a.png: an image of 1000 x 2000 takes 4000000 bytes of memory, expected at most 1000000; "
        f"{LIMIT}4000000",
    ),
    Case(
        "image-above-pillows-limit",
        above_pillows_limit,
        cnnx.FormatError,
        "a.bmp: has 300 pixels, expected at most 200; shrink it, or set "
        "PIL.Image.MAX_IMAGE_PIXELS = 150",
    ),
]

DECODING = [
    Case(
        "skip-unreadable-as-text",
        lambda: anything.Decoding(skip_unreadable="no"),
        TypeError,
        "Decoding: skip_unreadable is 'no', expected True or False",
    ),
    Case(
        "cache-as-a-number",
        lambda: anything.Decoding(cache=True),
        TypeError,
        "Decoding: cache is True, expected the path of a folder",
    ),
    Case(
        "negative-memory-limit",
        lambda: Decoding(memory_limit=-1),
        ValueError,
        "Decoding: memory_limit is -1, expected a number of bytes >= 0",
    ),
    Case(
        "limit-as-text",
        lambda: anything.read_image("a.png", (4, 6, 1), memory_limit="1G"),
        TypeError,
        "read_image: memory_limit is '1G', expected a number of bytes",
    ),
    Case(
        "negative-limit-of-a-file",
        lambda: data.read_idx("x.gz", memory_limit=-1),
        ValueError,
        "read_idx: memory_limit is -1, expected a number of bytes >= 0",
    ),
    Case(
        "shape-without-channels",
        lambda: load("cat/a.png", input_shape=(8, 8)),
        TypeError,
        "load: input_shape is (8, 8), expected (height, width, channels)",
    ),
    Case(
        "channels-first",
        lambda: load("cat/a.png", input_shape=(3, 32, 24)),
        ValueError,
        "load: input_shape is (3, 32, 24), channels first; expected (height, width, channels): "
        "(32, 24, 3)",
    ),
    Case(
        "size-as-a-number",
        lambda: load("cat/a.png", input_shape=32),
        TypeError,
        "load: input_shape is 32, expected (height, width, channels)",
    ),
    Case(
        "no-height",
        lambda: load("cat/a.png", input_shape=(0, 8, 1)),
        ValueError,
        "load: input_shape is (0, 8, 1), expected sizes of at least 1",
    ),
    Case(
        "unknown-resizing",
        lambda: load("cat/a.png", resize="zoom"),
        ValueError,
        'load: resize is \'zoom\', expected "stretch", "fit" or "crop"',
    ),
    Case(
        "unknown-resizing-of-an-image",
        lambda: image_of((6, 4), resize="pad"),
        ValueError,
        'read_image: resize is \'pad\', expected "stretch", "fit" or "crop"',
    ),
]

CACHE = [
    Case("flipped-pixel", lambda: cached(lambda pixels, metadata: flip(pixels)), None),
    Case(
        "damaged-metadata",
        lambda: cached(lambda pixels, metadata: metadata.write_text('{"unreadable": [1e999]}')),
        None,
    ),
    Case(
        "endless-metadata",
        lambda: cached(lambda pixels, metadata: metadata.write_text("[" * 100_000)),
        None,
    ),
]

POSIX = [
    Case(
        "image-from-a-pipe",
        lambda: from_pipe(image_of_pipe, "a.png"),
        cnnx.FormatError,
        "a.png: is a named pipe, expected a regular file",
    ),
    Case(
        "idx-from-a-pipe",
        lambda: from_pipe(data.read_idx, "x.gz"),
        cnnx.FormatError,
        "x.gz: is a named pipe, expected a regular file",
    ),
    Case(
        "folder-that-is-a-pipe",
        lambda: from_pipe(data.load, "pets"),
        cnnx.FormatError,
        "pets: is a named pipe, expected the folder that holds the data, or an .npz",
    ),
    Case(
        "image-from-a-device",
        lambda: image_of_pipe("/dev/zero"),
        cnnx.FormatError,
        "/dev/zero: is a device, expected a regular file",
    ),
    Case(
        "damaged-files",
        load_damaged,
        cnnx.FormatError,
        f"pets: 3 files cannot be read as an image: {Path('cat', 'a.png')}, "
        f"{Path('cat', 'b.png')}, {Path('cat', 'c.png')} (No such file or directory); "
        "replace or remove",
    ),
    Case("private-cache", private_cache, None),
    Case(
        "cut-cache",
        fit_cut_cache,
        cnnx.FormatError,
        "fit: x is mapped from a file of 72 bytes that was cut short to 0; load the data again",
    ),
]


@every(FOLDERS, FILES, DECODING, CACHE)
def test_reading_data(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(case)


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes and permissions")
@every(POSIX)
def test_reading_data_on_posix(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(case)
