"""The findings of a report: planted defects of images and of the model, with their counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import cli
from page_parts import sections

pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

from planted_defects import save, texture

COUNTS = {"bird": 3, "cat": 40, "dog": 40}


def folder_with_defects(root: Path) -> Path:
    """Class folders with files that are damaged, equal, similar, dark and of one colour."""
    rng = np.random.default_rng(5)
    for name, count in COUNTS.items():
        for index in range(count):
            save(root / name / f"{index:02}.png", texture(rng))
    for copy in ("copy-1", "copy-2"):
        shutil.copy(root / "cat/00.png", root / f"cat/{copy}.png")
    shutil.copy(root / "cat/01.png", root / "dog/copy.png")
    save(root / "cat/similar.jpg", texture(np.random.default_rng(6)), quality=95)
    save(root / "cat/similar.png", texture(np.random.default_rng(6)))
    save(root / "dog/dark.png", texture(rng) // 4)
    for index in range(2):
        save(root / f"dog/plain-{index}.png", np.full((48, 48, 3), 90 + 60 * index, np.uint8))
    whole = (root / "cat/02.png").read_bytes()
    (root / "cat/broken.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog/empty.png").touch()
    return root


def damaged_model() -> cnnx.Model:
    """A network of four classes, one of which has no images, with two layers of dead channels."""
    model = cnnx.models.small((48, 48, 3), [*COUNTS, "fox"])
    bias = np.zeros_like(model.parameters["conv2d_2.bias"])
    model.parameters["conv2d_2.bias"] = bias - 100
    return model


def test_planted_defects_have_their_counts(tmp_path: Path) -> None:
    path, page = tmp_path / "model.cnnx", tmp_path / "report.html"
    model = damaged_model()
    model.save(path)
    folder = folder_with_defects(tmp_path / "images")
    words = ["report", str(path), str(folder), "--skip-unreadable", "--out", str(page)]
    assert cli.main(words) == 0
    header, *rows = sections(page.read_text(encoding="utf-8"))["findings"].tables[0]
    assert header == ["severity", "check", "finding"]
    shapes = {layer.name: layer.output_shape for layer in model.layers}
    dead = [f"{name} ({shapes[name][-1]} of {shapes[name][-1]})" for name in ("relu_2", "relu_3")]
    cats = COUNTS["cat"] + len(["copy-1", "copy-2", "similar.jpg", "similar.png"])
    expected = {
        "dead-channels": f"most channels of 2 layers are 0 for every image: {', '.join(dead)}",
        "constant-outputs": "different images have the same outputs",
        "conflicting-labels": "2 images are equal to one with another label: cat/01.png = "
        "dog/copy.png",
        "unreadable-files": "2 files cannot be read as images: cat/broken.png, dog/empty.png",
        "one-class": "all of 64 images of 3 classes are predicted as one class: bird",
        "constant-images": "2 images have a single colour: dog/plain-0.png, dog/plain-1.png",
        "exact-duplicates": "2 images are equal to another one of the same class: cat/00.png = "
        "cat/copy-1.png = cat/copy-2.png",
        "class-imbalance": f"1 class has at most a tenth of the {cats} images of cat: bird",
        "dark": "1 image is nearly black: dog/dark.png",
        "few-images": "1 class has fewer than 10 images: bird",
        "unused-labels": "1 class has no images: fox",
        "near-duplicates": "1 image is nearly equal to another one of the same class: "
        "cat/similar.jpg = cat/similar.png",
    }
    assert {check: text.partition(";")[0] for _, check, text in rows} == expected
    severities = [severity for severity, _, _ in rows]
    assert severities == ["error"] * 4 + ["warning"] * 7 + ["note"]


def test_findings_on_arrays_name_indices_and_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    x = np.stack([texture(rng) for _ in range(46)])
    y = np.array([0, 1] * 20 + [2] * 6)
    x[45] = x[43]
    x[7] //= 4
    model = cnnx.models.small((48, 48, 3), ["3", "2", "1"])
    cnnx.report.write(tmp_path / "a.html", model, (x, y))
    rows = sections((tmp_path / "a.html").read_text(encoding="utf-8"))["findings"].tables[0]
    found = {check: text.partition(";")[0] for _, check, text in rows[1:]}
    assert found == {
        "exact-duplicates": "1 image is equal to another one of the same class: 43 = 45",
        "dark": "1 image is nearly black: 7",
        "few-images": "1 class has fewer than 10 images: 1",
    }
