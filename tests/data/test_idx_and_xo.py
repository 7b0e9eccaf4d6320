"""cnnx.data without image files: the X/O images, valid and damaged IDX files."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import data
from idx_files import CODES, idx_bytes, write_set
from numpy.testing import assert_array_equal


@pytest.fixture
def digits() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (5, 4, 3), dtype=np.uint8), np.array(
        [0, 2, 1, 2, 0], dtype=np.uint8
    )


# --- X/O images


def test_xo_draws_uint8_images_and_their_labels() -> None:
    x, y = data.xo(64, seed=3)
    assert x.shape == (64, 32, 32, 1)
    assert x.dtype == np.uint8
    assert y.shape == (64,)
    assert y.dtype == np.int64
    assert set(y) == {0, 1}
    assert x.flags.c_contiguous


def test_xo_depends_on_the_seed_alone() -> None:
    x, y = data.xo(16, size=48, seed=5)
    longer_x, longer_y = data.xo(40, size=48, seed=5)
    assert_array_equal(longer_x[:16], x)
    assert_array_equal(longer_y[:16], y)
    assert not np.array_equal(data.xo(16, size=48, seed=6)[0], x)


def test_xo_refuses_impossible_arguments() -> None:
    with pytest.raises(ValueError, match="size"):
        data.xo(1, size=3)
    with pytest.raises(ValueError, match="count"):
        data.xo(-1)


# --- one IDX file


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("compressed", [False, True])
def test_read_idx_returns_what_was_written(tmp_path: Path, dtype: str, compressed: bool) -> None:
    array = np.arange(-12, 12).reshape(2, 3, 4).astype(dtype)
    content = idx_bytes(array)
    file = tmp_path / "any-name"
    file.write_bytes(gzip.compress(content) if compressed else content)
    result = data.read_idx(file)
    assert result.dtype == np.dtype(dtype)
    assert result.dtype.isnative
    assert_array_equal(result, array)


def damaged_files() -> dict[str, tuple[bytes, str]]:
    good = idx_bytes(np.zeros((10, 28, 28), np.uint8))
    packed = gzip.compress(idx_bytes(np.arange(8000, dtype=np.int32)))
    huge = bytes([0, 0, 0x0E, 4]) + struct.pack(">4I", *[2**32 - 1] * 4)
    nothing = idx_bytes(np.empty(0), (2**31, 0, 2**29))
    return {
        "empty": (b"", "not an IDX file"),
        "text": (b"hello, world", "not an IDX file"),
        "unknown type": (b"\0\0\x07\x01\0\0\0\0", "not an IDX file"),
        "no dimensions": (b"\0\0\x08\x00", "declares 0 dimensions, expected 1 to 8"),
        "many dimensions": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, "declares 255 dimensions"),
        "header cut short": (good[:7], "cut short inside its header"),
        "data cut short": (good[:-1], "declares 7840 bytes of data"),
        "sizes that overflow 64 bits": (huge, "more than the whole file can hold"),
        "nothing of sizes that overflow 64 bits": (nothing, "which is too large for an array"),
        "more than declared": (good + b"\0", "continues after the 7840 bytes"),
        "gzip of a lie": (gzip.compress(huge), "more than the whole file can hold"),
        "gzip data cut short": (
            gzip.compress(good[:-1]),
            "declares 7840 bytes of data but holds 7839",
        ),
        "gzip cut short": (packed[: len(packed) // 2], "compressed data is damaged or cut short"),
        "gzip damaged": (packed[:40] + b"\xff" * 40 + packed[80:], "compressed data is damaged"),
        "gzip checksum wrong": (packed[:-8] + b"\0" * 8, "compressed data is damaged"),
        "gzip magic only": (b"\x1f\x8b", "compressed data is damaged"),
        "gzip of more": (gzip.compress(good + b"\0" * 10_000_000), "continues after"),
    }


@pytest.mark.parametrize("name", damaged_files())
def test_read_idx_refuses_damaged_files_by_name(tmp_path: Path, name: str) -> None:
    content, sentence = damaged_files()[name]
    file = tmp_path / "damaged"
    file.write_bytes(content)
    with pytest.raises(cnnx.FormatError, match=f"^{re.escape(str(file))}: .*{sentence}"):
        data.read_idx(file)


def test_read_idx_reads_empty_arrays_of_any_shape_of_numpy(tmp_path: Path) -> None:
    shape = (2**31 - 1, 0, 2**29)
    file = tmp_path / "nothing"
    file.write_bytes(idx_bytes(np.empty(shape)))
    assert data.read_idx(file).shape == shape


def test_read_idx_of_nothing_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        data.read_idx(tmp_path / "missing")


# --- a folder of IDX files


@pytest.mark.parametrize("spelling", ["-", "."])
@pytest.mark.parametrize("gz", [False, True])
def test_load_idx_finds_both_spellings_packed_or_not(
    tmp_path: Path, digits: tuple[np.ndarray, np.ndarray], spelling: str, gz: bool
) -> None:
    x, y = digits
    write_set(tmp_path, "train", x, y, spelling, gz)
    write_set(tmp_path, "t10k", x[:2], y[:2], spelling, gz)
    loaded = data.load_idx(tmp_path)
    assert_array_equal(loaded.x, x[..., np.newaxis])
    assert_array_equal(loaded.y, y)
    assert loaded.y.dtype == np.int64
    assert loaded.classes == 3
    assert loaded.test is not None
    assert_array_equal(loaded.test.x, x[:2, ..., np.newaxis])
    assert loaded.test.classes == 3
    assert loaded.validation is None


def test_load_idx_without_a_test_set(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    write_set(tmp_path, "train", *digits)
    assert data.load_idx(tmp_path).test is None


def test_load_idx_says_what_is_missing(
    tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(cnnx.FormatError, match="holds no IDX files"):
        data.load_idx(tmp_path)
    write_set(tmp_path, "train", *digits)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(cnnx.FormatError, match=r"lacks train-labels-idx1-ubyte .*images-idx3"):
        data.load_idx(tmp_path)


def test_load_idx_refuses_files_that_do_not_fit(
    tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = digits
    write_set(tmp_path, "train", x, y[:4])
    with pytest.raises(cnnx.FormatError, match=r"holds 5 images, but 4 labels"):
        data.load_idx(tmp_path)
    write_set(tmp_path, "train", y, y)
    with pytest.raises(cnnx.FormatError, match=r"holds uint8 of shape \(5,\), expected images"):
        data.load_idx(tmp_path)
    write_set(tmp_path, "train", x, -np.ones(5, np.int8))
    with pytest.raises(cnnx.FormatError, match="expected labels: integers from 0"):
        data.load_idx(tmp_path)
    write_set(tmp_path, "train", x, y)
    write_set(tmp_path, "t10k", x, y + 1)
    with pytest.raises(cnnx.FormatError, match="holds label 3, expected 0 to 2"):
        data.load_idx(tmp_path)


def test_load_resizes_idx_images(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    write_set(tmp_path, "train", *digits)
    assert data.load(tmp_path, input_shape=(8, 9, 1)).x.shape == (5, 8, 9, 1)


def test_mnist(mnist_folder: Path) -> None:
    mnist = data.load_idx(mnist_folder)
    assert mnist.test is not None
    assert (mnist.x.shape, mnist.test.x.shape) == ((60000, 28, 28, 1), (10000, 28, 28, 1))
    assert np.bincount(mnist.test.y)[:3].tolist() == [980, 1135, 1032]
    assert mnist.classes == 10


def test_an_empty_path_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"path is empty, expected a path$"):
        cnnx.data.load("")


def test_the_validation_set_of_a_dataset_is_one() -> None:
    x, y = cnnx.data.xo(8, seed=1)
    wrong: Any = (x, y)
    with pytest.raises(TypeError, match=r"^Dataset: validation is .*, expected a Dataset or None"):
        cnnx.data.Dataset(x, y, ("X", "O"), validation=wrong)


def test_labels_of_no_class() -> None:
    x = np.zeros((3, 8, 8, 1), np.uint8)
    with pytest.raises(cnnx.FormatError, match=r"^set: holds label -1, expected 0 to 1, one of 2"):
        cnnx.data.ArraySet("set", x, np.array([0, 1, -1]))
    assert cnnx.data.ArraySet("set", x, np.array([1, 1, 2])).classes == 3
    for label in (-1, 5):
        dataset = cnnx.data.Dataset(x, np.array([0, label, 1]), ("X", "O"))
        sentence = f"^class_counts: y holds label {label}, expected 0 to 1, one of 2 classes$"
        with pytest.raises(ValueError, match=sentence):
            _ = dataset.class_counts
