"""Checks of arrays in Python, archives and the files of MNIST and CIFAR-10."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.doctor import Finding
from cnnx.doctor.data import examine
from idx_files import write_set
from numpy.typing import NDArray

RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
Y = np.arange(40) % 2


def found(data: Any) -> dict[str, Finding]:
    return {each.check: each for each in cnnx.doctor.check_data(data)}


def changed(x: NDArray[Any], rows: Any, value: float) -> NDArray[Any]:
    copy = x.copy()
    copy[rows] = value
    return copy


def test_clean_arrays_have_no_findings() -> None:
    assert found((X, Y)) == {}
    assert found((X[..., 0], Y.tolist())) == {}
    assert found((X / 255, Y)) == {}
    assert found(((X / 255).astype(np.float32) - 0.5, Y)) == {}
    assert (
        found(cnnx.data.Dataset(X[:30], Y[:30], 2, test=cnnx.data.Dataset(X[30:], Y[30:], 2))) == {}
    )
    assert found((X, Y + 0.5)) == {}  # regression
    assert found((X, np.eye(2)[Y])) == {}  # soft labels


@pytest.mark.parametrize(
    ("x", "y", "check", "names"),
    [
        (X.astype(np.float32), Y, "scale", ()),
        (X * 257.0, Y, "scale", ()),
        (X - 128.0, Y, "scale", ()),
        (X.astype(np.int32) * 257, Y, "scale", ()),
        (X // 128, Y, "scale", ()),
        (X // 16, Y, "scale", ()),
        (X.transpose(0, 3, 1, 2), Y, "channels-first", ()),
        (changed(X, np.s_[..., 1], 7), Y, "constant-channels", ("channel 1",)),
        (changed(X / 255, np.s_[5, 3, 3, 0], np.nan), Y, "not-finite", ("5",)),
        (changed(X / 255, np.s_[5, 3, 3, 0], np.inf), Y, "not-finite", ("5",)),
        (changed(X, 7, 0), Y, "constant-images", ("7",)),
        (X, changed(Y, 4, -1), "labels-out-of-range", ("4",)),
        (X, Y * 2, "unused-labels", ("1",)),
        (np.concatenate([X[:39], X[1:2]]), Y, "exact-duplicates", ("1", "39")),
        (np.concatenate([X[:39], X[0:1]]), Y, "conflicting-labels", ("0", "39")),
        (np.concatenate([X[:39], X[0:1]]), np.eye(2)[Y], "conflicting-labels", ("0", "39")),
    ],
)
def test_a_planted_defect_is_found(
    x: NDArray[Any], y: NDArray[Any], check: str, names: tuple[str, ...]
) -> None:
    findings = found((x, y))
    assert list(findings) == [check]
    assert findings[check].examples == names


def test_sets_of_a_dataset_are_compared() -> None:
    test = cnnx.data.Dataset(X[:10], Y[:10] + 1, 3)
    findings = found(cnnx.data.Dataset(X[10:], Y[10:], 3, test=test))
    assert set(findings) == {"unused-labels", "unknown-class", "class-in-one-split"}
    leak = found(cnnx.data.Dataset(X, Y, 2, test=cnnx.data.Dataset(X[30:33], Y[30:33], 2)))
    assert leak["exact-leak"].groups[0] == ("train[30]", "test[0]")
    assert leak["exact-leak"].count == 3


def test_images_and_classes_of_a_dataset_have_their_names() -> None:
    names = tuple(f"{['cat', 'dog'][label]}/{row}.png" for row, label in enumerate(Y.tolist()))
    x = changed(X, np.s_[38], X[4])
    classes = ("cat", "dog", "fox")
    alone = found(cnnx.data.Dataset(x, Y, classes, names=names))
    assert alone["exact-duplicates"].groups == (("cat/4.png", "cat/38.png"),)
    assert alone["unused-labels"].sentence == "1 class has no images: fox; add images"
    test = cnnx.data.Dataset(X[4:6], Y[4:6], classes, names=("cat/a.png", "dog/b.png"))
    both = cnnx.data.Dataset(X, Y, classes, names=names, test=test)
    examination = examine(both, "check_data")
    (leak,) = (each for each in examination.findings if each.check == "exact-leak")
    assert leak.examples[:2] == ("train[cat/4.png]", "test[cat/a.png]")
    for name in leak.examples[:2]:
        np.testing.assert_array_equal(examination.thumbnail(name), X[4])
    assert examination.thumbnail("train[fox]") is None


def test_sets_of_different_scale() -> None:
    bright: Any = cnnx.data.Dataset(X[:30] / 255, Y[:30], 2)  # type: ignore[arg-type]
    dark: Any = cnnx.data.Dataset(X[30:] / 65025, Y[30:], 2)  # type: ignore[arg-type]
    findings = found(cnnx.data.Dataset(bright.x, bright.y, 2, test=dark))
    assert findings["different-scales"].severity == "error"
    assert "up to 0.003922, the training set up to 1" in findings["different-scales"].message


def test_labels_beyond_the_classes() -> None:
    assert found(cnnx.data.Dataset(X, changed(Y, 3, 5), 2))["labels-out-of-range"].examples == (
        "3",
    )


def test_labels_that_are_no_numbers_of_classes() -> None:
    huge = found((X, changed(Y, 3, 2**62)))["unused-labels"]
    assert huge.count == 2**62 - 2
    assert huge.examples[:2] == ("2", "3")
    assert set(found((X, Y - 2))) == {"labels-out-of-range", "unused-labels"}


def test_archives_that_training_refuses(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    np.savez(file, x=X.astype(np.float32), y=Y[:, np.newaxis])
    assert set(found(file)) == {"array-type", "scale"}
    np.savez(file, x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    assert found(file)["exact-leak"].examples == ("train[0]", "test[0]", "train[1]", "test[1]")
    np.savez(file, x=X, y=Y[:7])
    with pytest.raises(cnnx.FormatError, match=r"data.npz: y is .* \(7,\), expected 40 labels"):
        found(file)


def test_idx_and_cifar_files(tmp_path: Path) -> None:
    write_set(tmp_path, "train", X[..., 0], Y.astype(np.uint8), gz=False)
    write_set(tmp_path, "t10k", X[:1, ..., 0], Y[:1].astype(np.uint8), gz=False)
    findings = found(tmp_path)
    assert set(findings) == {"exact-leak", "class-in-one-split"}
    cifar = tmp_path / "cifar"
    cifar.mkdir()
    x = RNG.integers(0, 256, (100, 32 * 32 * 3), dtype=np.uint8)
    x[50] = x[40]
    y = np.arange(100, dtype=np.uint8)[:, np.newaxis] % 10
    np.concatenate([y, x], axis=1).tofile(cifar / "data_batch_1.bin")
    assert {name: each.examples for name, each in found(cifar).items()} == {
        "exact-duplicates": ("40", "50")
    }


@pytest.mark.slow
def test_mnist_has_no_findings(mnist_folder: Path) -> None:
    assert found(mnist_folder) == {}


@pytest.mark.parametrize("size", [16, 32])
def test_the_xo_data_set_has_no_findings(size: int) -> None:
    assert found(cnnx.data.xo(300, size=size, seed=1)) == {}


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^check_data: x is uint8 of shape \(3,\), expected n"):
        found((np.zeros(3, np.uint8), np.zeros(3, int)))
    with pytest.raises(ValueError, match=r"^check_data: y is an array of shape \(3,\), expected"):
        found((X, Y[:3]))
    with pytest.raises(ValueError, match=r"^check_data: y has masks, expected a class for each"):
        found((X, np.zeros(X.shape[:3], int)))
    with pytest.raises(TypeError, match=r"^check_data: data is 7, expected a path, a Data"):
        found(7)
    with pytest.raises(FileNotFoundError):
        found("missing")
