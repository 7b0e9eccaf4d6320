"""CIFAR-10's binary files and NumPy's archives: read as written, refused by name when damaged."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import data
from numpy.testing import assert_array_equal

NAMES = "airplane automobile bird cat deer dog frog horse ship truck"


def write_batch(file: Path, x: Any, y: Any) -> None:
    planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    records = np.concatenate([y.astype(np.uint8)[:, np.newaxis], planes], axis=1)
    file.write_bytes(records.tobytes())


@pytest.fixture
def images() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8), np.arange(3, 10)


def test_cifar10(tmp_path: Path, images: tuple[Any, Any]) -> None:
    x, y = images
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    write_batch(folder / "data_batch_1.bin", x[:4], y[:4])
    write_batch(folder / "data_batch_2.bin", x[4:], y[4:])
    write_batch(folder / "test_batch.bin", x[::-1], y[::-1])
    for path in (folder, tmp_path):
        loaded = data.load(path)
        assert_array_equal(loaded.x, x)
        assert_array_equal(loaded.y, y)
        assert loaded.classes == 10
        assert loaded.test is not None
        assert_array_equal(loaded.test.x, x[::-1])
    (folder / "batches.meta.txt").write_text(NAMES.replace(" ", "\n") + "\n\n")
    source = data.open_source(folder)
    assert source.train.classes == tuple(NAMES.split())
    assert source.train.input_shape == (32, 32, 3)
    assert source.load((16, 16, 1)).x.shape == (7, 16, 16, 1)


def test_cifar10_refusals(tmp_path: Path, images: tuple[Any, Any]) -> None:
    x, y = images
    file = tmp_path / "data_batch_1.bin"
    write_batch(file, x, y)
    (tmp_path / "batches.meta.txt").write_text("cat dog")
    with pytest.raises(cnnx.FormatError, match=r"meta\.txt: holds 2 class names, expected 10"):
        data.load(tmp_path)
    (tmp_path / "batches.meta.txt").write_bytes(b"\xff cat")
    with pytest.raises(cnnx.FormatError, match=r"meta\.txt: is not UTF-8, expected 10 class"):
        data.load(tmp_path)
    (tmp_path / "batches.meta.txt").unlink()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(cnnx.FormatError, match=r"batch_1\.bin: holds 21510 bytes, expected rec"):
        data.load(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(cnnx.FormatError, match=r"batch_1\.bin: holds 0 bytes, expected records"):
        data.load(tmp_path)
    write_batch(file, x, y + 1)
    with pytest.raises(cnnx.FormatError, match=r"batch_1\.bin: holds label 10, expected 0 to 9"):
        data.load(tmp_path)


def test_npz(tmp_path: Path, images: tuple[Any, Any]) -> None:
    x, y = images
    file = tmp_path / "images.npz"
    np.savez(file, x=x, y=y.astype(np.int32))
    loaded = data.load(file)
    assert_array_equal(loaded.x, x)
    assert_array_equal(loaded.y, y)
    assert (loaded.classes, loaded.test, loaded.y.dtype) == (10, None, np.int64)
    np.savez_compressed(
        file,
        **{"x_train": x[..., 0], "y_train": y[:, np.newaxis]},
        **{"x_test": x[:2, ..., 0], "y_test": y[:2]},
        classes=NAMES.split(),
    )
    loaded = data.load(file)
    assert_array_equal(loaded.x, x[..., :1])
    assert loaded.classes == tuple(NAMES.split())
    assert loaded.test is not None
    assert_array_equal(loaded.test.y, y[:2])
    assert loaded.test.classes == loaded.classes


@pytest.mark.parametrize("test", [[0, 255], [255]])
def test_255_means_in_the_masks_of_a_test_set_what_it_means_in_training(
    test: list[int], tmp_path: Path, images: tuple[Any, Any]
) -> None:
    x, file = images[0][:2], tmp_path / "masks.npz"
    masks = [np.resize(np.array(each, np.uint8), (2, 32, 32)) for each in ([0, 1, 255], test)]
    np.savez(file, x_train=x, y_train=masks[0], x_test=x, y_test=masks[1])
    loaded = data.load(file)
    assert loaded.test is not None
    assert loaded.test.classes == loaded.classes == 2
    assert_array_equal(loaded.y, masks[0])
    assert_array_equal(loaded.test.y, masks[1])


def test_masks_of_0_and_255_in_both_sets_are_of_two_classes(
    tmp_path: Path, images: tuple[Any, Any]
) -> None:
    x, file = images[0][:2], tmp_path / "masks.npz"
    mask = np.resize(np.array([0, 255], np.uint8), (2, 32, 32))
    np.savez(file, x_train=x, y_train=mask, x_test=x, y_test=mask)
    loaded = data.load(file)
    assert loaded.test is not None
    assert loaded.classes == loaded.test.classes == ("background", "foreground")
    assert_array_equal(loaded.test.y, mask // 255)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, "holds a, expected the arrays x and y"),
        (
            {"x": np.zeros((2, 4, 4), np.float32), "y": [0, 1]},
            r"x is float32 of shape \(2, 4, 4\), .*: \(x \* 255\)\.round\(\)\.astype\(numpy\.uint",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint16), "y": [0, 1]},
            r"x is uint16 .*: \(x // 257\)\.astype\(numpy\.uint8\)$",
        ),
        (
            {"x": np.zeros((2, 3, 4, 4), np.uint8), "y": [0, 1]},
            r"x has shape \(2, 3, 4, 4\), channels first, .*: x\.transpose\(0, 2, 3, 1\)$",
        ),
        ({"x": np.zeros((2, 4, 4, 4), np.uint8), "y": [0, 1]}, r"x has 4 channels, expected 1"),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": [0.5, 1]},
            r"y is float64 .* expected labels.*: y\.astype\(numpy\.int64\)$",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": np.eye(2)},
            r"y is float64 .*; of one-hot labels: y\.argmax\(axis=1\)$",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": ["a", "b"]},
            r"y is <U1 .*; of names: classes, y = numpy\.unique\(y, return_inverse=True\)$",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": [1, -1]},
            "y has label -1 at position 1, expected labels: integers from 0$",
        ),
        ({"x": np.zeros((2, 4, 4), np.uint8), "y": [0]}, "x: holds 2 images, but 1 labels"),
        (
            {"x": np.zeros((1, 4, 4), np.uint8), "y": np.array([2**63], np.uint64)},
            "y has label 9223372036854775808 at position 0, expected labels",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "y": [0, 2], "classes": ["a", "b"]},
            "x: holds label 2, expected 0 to 1, one of 2 classes",
        ),
        (
            {"x": np.zeros((1, 4, 4), np.uint8), "y": [0], "classes": [1]},
            r"classes is int64 of shape \(1,\), expected a list of names",
        ),
        *(
            (
                {"x": np.zeros((1, 4, 4), np.uint8), "y": [0], "classes": np.array(names, "U3")},
                r"classes is \[.*\], expected names that differ, one per class",
            )
            for names in ([], ["a", "a"])
        ),
    ],
    ids=str,
)
def test_npz_refusals(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(cnnx.FormatError, match=r"x\.npz:.*" + message):
        data.load(tmp_path / "x.npz")


def test_arrays_of_a_set_that_is_not_read_are_warned_about(
    tmp_path: Path, images: tuple[Any, Any]
) -> None:
    x, y = images
    np.savez(tmp_path / "x.npz", x_train=x, y_train=y, x_val=x, y_val=y, scale=1.0)
    with pytest.warns(cnnx.Warning, match=r"x\.npz: does not use x_val, y_val, expected x_train"):
        data.load(tmp_path / "x.npz")


def test_labels_of_other_classes_than_a_model_has_are_refused(tmp_path: Path) -> None:
    x, y = data.xo(8, size=32, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    np.savez(tmp_path / "same.npz", x=x, y=y, classes=["X", "O"])
    np.savez(tmp_path / "other.npz", x=x, y=1 - y, classes=["O", "X"])
    np.savez(tmp_path / "unnamed.npz", x=x, y=y)
    expected = cnnx.evaluation.evaluate(model, x, y).accuracy
    for name in ("same.npz", "unnamed.npz"):
        assert cnnx.evaluation.evaluate(model, tmp_path / name).accuracy == expected
    sentence = r"other\.npz: has the classes O, X, expected the model's, X, O"
    with pytest.raises(cnnx.FormatError, match=sentence):
        cnnx.evaluation.evaluate(model, tmp_path / "other.npz")
    folder = tmp_path / "cifar"
    folder.mkdir()
    write_batch(folder / "data_batch_1.bin", x.repeat(3, axis=3), y)
    assert data.open_source(folder, ("a",) * 10).train.classes == ("a",) * 10
    (folder / "batches.meta.txt").write_text(NAMES)
    with pytest.raises(cnnx.FormatError, match=r"cifar: has the classes airplane, .* model's, a"):
        data.open_source(folder, ("a",) * 10)


def test_npz_damaged(tmp_path: Path, images: tuple[Any, Any]) -> None:
    file = tmp_path / "x.npz"
    np.savez(file, x=images[0], y=images[1])
    whole = file.read_bytes()
    for damaged in (b"", b"text", whole[:1000], whole[:-30]):
        file.write_bytes(damaged)
        with pytest.raises(cnnx.FormatError, match=r"x\.npz: cannot be read as an archive"):
            data.load(file)
    np.save(tmp_path / "x.npy", [1])
    (tmp_path / "x.npy").replace(file)
    with pytest.raises(cnnx.FormatError, match=r"x\.npz: cannot be read as an archive"):
        data.load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x", "no array")
    with pytest.raises(cnnx.FormatError, match=r"x\.npz: holds nothing, expected the arrays x an"):
        data.load(file)
    for header in (b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}" % 10**30, b"{'"):
        with zipfile.ZipFile(file, "w") as archive:
            padded = header.ljust(117) + b"\n"
            for name in ("x.npy", "y.npy"):
                archive.writestr(name, b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + padded)
        with pytest.raises(cnnx.FormatError, match=r"x\.npz: cannot be read as an archive"):
            data.load(file)
    for place, byte in ((whole.index(b"PK\x01\x02") + 8, 1), (whole.index(b"PK\x01\x02") + 10, 99)):
        encrypted_or_unknown = bytearray(whole)
        encrypted_or_unknown[place] = byte
        file.write_bytes(encrypted_or_unknown)
        with pytest.raises(cnnx.FormatError, match=r"x\.npz: cannot be read as an archive"):
            data.load(file)
    np.savez(file, x=np.array([{}], object), y=[0])
    with pytest.raises(cnnx.FormatError, match=r"x\.npz: cannot be read as an archive"):
        data.load(file)


def test_npz_reads_the_arrays_of_the_sets_alone(tmp_path: Path, images: tuple[Any, Any]) -> None:
    x, y = images
    file = tmp_path / "x.npz"
    np.savez(file, x=x, y=y, notes=np.array([{}], object))  # which only pickle could read
    assert_array_equal(data.load(file).x, x)


def test_npz_above_the_memory_limit(tmp_path: Path, images: tuple[Any, Any]) -> None:
    file = tmp_path / "x.npz"
    np.savez_compressed(file, x=np.zeros((7, 32, 32, 3), np.uint8), y=images[1])
    size = 7 * 32 * 32 * 3 + 128
    assert data.load(file, decoding=data.Decoding(memory_limit=size)).x.nbytes == size - 128
    with pytest.raises(cnnx.FormatError, match=rf"x takes {size} bytes of memory, expected at mo"):
        data.load(file, decoding=data.Decoding(memory_limit=size - 1))
