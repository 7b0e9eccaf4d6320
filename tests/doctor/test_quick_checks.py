"""The quick checks of loaded images find the same copies as a comparison of all pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cnnx.data import Dataset
from cnnx.doctor.image_table import ArrayNames
from cnnx.doctor.quick_checks import quick_findings


def test_copies_are_found_and_images_with_equal_samples_are_not() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (60, 20, 20, 3), dtype=np.uint8)
    x[50] = x[10]
    x[51] = x[11]
    x[51, 0, 0, 0] ^= 1  # the first pixel is no sample
    x[52] = x[12]
    x[52, -1, -1, -1] ^= 1
    y = np.arange(60) % 2
    test = Dataset(x[10:12], y[10:12], 2)
    findings = quick_findings(
        {"train": Dataset(x, y, 2), "test": test},
        ArrayNames([("train[", range(60)), ("test[", range(2))]),
    )
    assert [(each.check, each.groups) for each in findings] == [
        (
            "exact-leak",
            (("train[10]", "train[50]", "test[0]"), ("train[11]", "test[1]")),
        ),
        ("exact-duplicates", (("train[10]", "train[50]"),)),
    ]


def test_tiny_images_are_compared_too() -> None:
    x = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    x[7] = x[3]
    y = np.arange(40) % 2
    (finding,) = quick_findings({"train": Dataset(x, y, 2)}, ArrayNames([("", range(40))]))
    assert finding.examples == ("3", "7")


def test_images_in_a_mapped_file_are_not_read(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(40, 4, 4, 1))
    y = np.arange(40) % 2
    assert quick_findings({"train": Dataset(x, y, 2)}, ArrayNames([("", range(40))])) == []
