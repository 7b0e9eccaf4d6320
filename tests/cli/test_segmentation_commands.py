"""`cnnx train`, `evaluate` and `predict` on images with masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import _core
from cnnx.cli import main
from cnnx.drawing.colours import mask_overlay
from cnnx.training.history_file import read_history
from numpy.testing import assert_array_equal
from page_parts import sections

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

NETWORK = """\
import cnnx
from cnnx import BatchNorm2d, Conv2d, ReLU

def network(input_shape, classes):
    layers = [Conv2d(8, 3, padding="same"), BatchNorm2d(), ReLU(), Conv2d(len(classes), 1)]
    return cnnx.Model(layers, input_shape=input_shape, classes=classes)
"""
SIZE = (24, 30)


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """Bright boxes on noise, below rows of no class."""
    root = tmp_path / "boxes"
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for index in range(30):
        mask = np.zeros(SIZE, np.uint8)
        top, left = random.integers(2, 14, 2)
        mask[top : top + 10, left : left + 14] = 1
        pixels = random.integers(0, 90, (*SIZE, 3), np.uint8)
        pixels[mask == 1] += 140
        mask[:2] = 255
        Image.fromarray(pixels).save(root / "images" / f"{index}.png")
        Image.fromarray(mask).save(root / "masks" / f"{index}.png")
    (root / "classes.txt").write_text("ground\nbox\n")
    (tmp_path / "network.py").write_text(NETWORK)
    return root


def train(root: Path, out: Path, *options: str) -> int:
    network = f"{root.parent / 'network.py'}:network"
    settings = ("--epochs", "6", "--learning-rate", "0.05", "--batch-size", "8")
    return main(["train", str(root), "--model", network, "--out", str(out), *settings, *options])


@pytest.fixture
def trained(boxes: Path, tmp_path: Path) -> Path:
    assert train(boxes, tmp_path / "boxes.cnnx", "--augment", "flip,crop,affine") == 0
    return tmp_path / "boxes.cnnx"


def test_evaluate_measures_each_class(
    boxes: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(trained), str(boxes)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{boxes}: 30 images, 19,800 positions, 2 classes\npixel accuracy ")
    assert main(["evaluate", str(trained), str(boxes), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == str(boxes)
    assert found["count"] == 30
    assert [each["name"] for each in found["per_class"]] == ["ground", "box"]
    assert found["mean_iou"] > 0.9
    page = f"{trained}.html"
    assert main(["evaluate", str(trained), str(boxes), "--html", page]) == 0
    parts = sections(Path(page).read_text("utf-8"))
    assert list(parts) == ["totals", "classes", "confusion-matrix", "confusions", "worst-images"]
    assert f"{found['mean_iou']:.4f}" in parts["totals"].text


def test_predict_writes_masks(
    boxes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "new" / "large.jpg"
    other.parent.mkdir()
    Image.open(boxes / "images" / "3.png").resize((75, 61)).save(other)
    capsys.readouterr()
    images = [str(boxes / "images" / "3.png"), str(other.parent)]
    out = tmp_path / "out"
    assert main(["predict", str(trained), *images, "--out", str(out), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["mask"]).name for line in lines] == ["3.png", "large.png"]
    model = cnnx.load(trained)
    pixels = np.asarray(Image.open(images[0]))
    names = np.array(["ground", "box"])
    with Image.open(out / "3.png") as mask:
        assert mask.mode == "P"
        assert mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        labels = np.asarray(mask)
    assert_array_equal(names[labels], model.predict(pixels))
    assert lines[0]["fractions"]["box"] == (labels == 1).mean()
    with Image.open(out / "large.png") as mask:
        assert mask.size == (75, 61)
    assert main(["predict", str(trained), *images]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == f"{images[0]}\tground\t{(labels == 0).mean():.4f}"


def test_masks_are_not_lost(
    boxes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(boxes / "images" / "3.png")
    out = str(tmp_path / "out")
    assert main(["predict", str(trained), image, "--out", out]) == 0
    assert main(["predict", str(trained), image, "--out", out]) == 1
    assert "3.png exists; add --overwrite to replace it" in capsys.readouterr().err
    assert main(["predict", str(trained), image, "--out", out, "--overwrite"]) == 0
    before = Path(image).read_bytes()
    into = ["--out", str(boxes / "images"), "--overwrite"]
    assert main(["predict", str(trained), image, *into]) == 1
    assert "is one of the images; choose another --out" in capsys.readouterr().err
    assert Path(image).read_bytes() == before
    (tmp_path / "damaged.png").write_bytes(b"nothing")
    assert main(["predict", str(trained), str(tmp_path / "damaged.png"), image]) == 1
    captured = capsys.readouterr()
    assert "damaged.png: cannot be read as an image" in captured.err
    assert image in captured.out


def test_a_network_of_other_classes_is_fine_tuned(
    boxes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (boxes / "classes.txt").write_text("floor\ncrate\nlid\n")
    out = tmp_path / "crates.cnnx"
    words = ["--from", str(trained), "--recipe", "fine-tune", "--epochs", "4", "--seed", "3"]
    log = ["--log", str(tmp_path / "run.csv")]
    assert main(["train", str(boxes), "--out", str(out), *words, *log]) == 0
    base, tuned = cnnx.load(trained), cnnx.load(out)
    assert tuned.classes == ["floor", "crate", "lid"]
    assert (tuned.task, tuned.output_shape) == ("segmentation", (*SIZE, 3))
    expected = base.with_classes(tuned.classes, seed=3)
    trainer = cnnx.Trainer(
        expected,
        optimizer=cnnx.AdamW(2e-3),
        loss=cnnx.CrossEntropy(ignore_index=255),
        schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
        seed=3,
    )
    images = cnnx.data.load(boxes, input_shape=(*SIZE, 3))
    tuning = cnnx.callbacks.FineTuning()
    history = trainer.fit(
        images.x, images.y, epochs=4, batch_size=32, validation=0.1, callbacks=[tuning]
    )
    assert_array_equal(tuned.parameters["conv2d_2.weight"], expected.parameters["conv2d_2.weight"])
    written = read_history(tmp_path / "run.csv")
    assert written["validation_mean_iou"] == history["validation_mean_iou"]
    capsys.readouterr()
    classifier = cnnx.models.small((*SIZE, 3), ["a", "b"])
    classifier.save(tmp_path / "small.cnnx")
    from_small = ["--from", str(tmp_path / "small.cnnx"), "--out", str(tmp_path / "no.cnnx")]
    assert main(["train", str(boxes), *from_small]) == 1
    assert "has outputs of shape (3,), expected one per class of each pixel" in (
        capsys.readouterr().err
    )


def test_training_shows_the_mean_iou(
    boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("images", "masks"):
        (boxes / "test" / kind).mkdir(parents=True)
        (boxes / "train" / kind).parent.mkdir(exist_ok=True)
        for index in range(5):
            name = f"{index}.png"
            (boxes / kind / name).rename(boxes / "test" / kind / name)
        (boxes / kind).rename(boxes / "train" / kind)
    assert train(boxes, tmp_path / "boxes.cnnx") == 0
    captured = capsys.readouterr()
    model = cnnx.load(tmp_path / "boxes.cnnx")
    test = cnnx.data.load(boxes).test
    found = cnnx.evaluation.evaluate_segmentation(model, test, ignore_index=255)
    assert (
        f"test pixel accuracy {found.pixel_accuracy:.2%}, mean IoU {found.mean_iou:.4f} of 5 images"
    ) in captured.out
    assert "validation mean IoU 0." in captured.err


def test_a_report_has_the_overlap_and_the_worst_images(
    boxes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    out = tmp_path / "report.html"
    assert main(["report", str(trained), str(boxes), "--out", str(out)]) == 0
    page = out.read_text("utf-8")
    parts = sections(page)
    images = cnnx.data.load(boxes)
    found = cnnx.evaluation.evaluate_segmentation(cnnx.load(trained), images, ignore_index=255)
    assert f"Mean IoU {found.mean_iou:.4f} and pixel accuracy {found.pixel_accuracy:.2%}" in page
    assert f"on 30 images of {boxes}" in page
    worst = [images.names[row] for row in found.worst_images(12)]
    assert [caption[0] for caption in parts["worst-images"].captions] == worst
    assert "not counted" in parts["worst-images"].text
    assert "<script" not in page


def test_a_run_has_a_report(boxes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    network = f"{boxes.parent / 'network.py'}:network"
    words = ["--model", network, "--epochs", "2", "--run-dir", str(folder)]
    assert main(["train", str(boxes), *words]) == 0
    page = (folder / "report.html").read_text("utf-8")
    assert "on 3 images of the held-out images" in page
    assert "mean IoU after the last epoch: validation" in sections(page)["curves"].text


def test_explain_draws_masks_and_the_regions_that_decide(
    boxes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = boxes / "images" / "3.png"
    out = tmp_path / "why"
    capsys.readouterr()
    assert main(["explain", str(trained), str(image), "--out", str(out)]) == 0
    mask, decisive = out / "3-mask.png", out / "3-grad-cam.png"
    model, pixels = cnnx.load(trained), np.asarray(Image.open(image))
    labels = model.predict_proba(pixels).argmax(axis=-1)
    assert capsys.readouterr().out == (
        f"{image}\tbox\t{(labels == 1).mean():.4f}\t{mask}\t{decisive}\n"
    )
    with Image.open(mask) as drawn:
        factor = 256 // max(SIZE)
        assert drawn.size == (SIZE[1] * factor, SIZE[0] * factor)
        small = np.asarray(drawn)[::factor, ::factor]
    assert_array_equal(small, mask_overlay(pixels, labels))
    words = ["--class", "ground", "--method", "occlusion", "--out", str(tmp_path / "other")]
    assert main(["explain", str(trained), str(image), *words]) == 0
    assert "\tground\t" in capsys.readouterr().out
    assert (tmp_path / "other" / "3-occlusion.png").exists()
    assert main(["explain", str(trained), str(image), "--class", "boxx", "--out", "none"]) == 1
    assert "--class is boxx, expected box" in capsys.readouterr().err


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("size", [(20, 35), (50, 31), (9, 9), (70, 15)])
def test_restored_masks_are_resized_ones(resize: str, size: tuple[int, int]) -> None:
    """Resizing a restored mask again gives the mask, where the image is enlarged."""
    mask = np.random.default_rng(1).integers(0, 5, (9, 7), np.uint8)
    restored = _core.restore_mask(mask, *size, resize)
    again = _core.resize_mask(restored, 9, 7, resize)
    inside = _core.resize_mask(np.ones(size, np.uint8), 9, 7, resize) == 1
    assert_array_equal(again[inside], mask[inside])
    assert (restored == 255).any() == (resize == "crop" and size[0] * 7 != size[1] * 9)


def test_a_run_continues_with_the_same_bits(boxes: Path, tmp_path: Path) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    network = ["--model", f"{boxes.parent / 'network.py'}:network", "--schedule", "constant"]
    settings = [*network, "--augment", "flip,affine", "--class-weights", "balanced"]
    assert main(["train", str(boxes), *settings, "--epochs", "4", "--run-dir", str(whole)]) == 0
    assert main(["train", str(boxes), *settings, "--epochs", "2", "--run-dir", str(half)]) == 0
    assert main(["train", str(boxes), "--resume", str(half), "--epochs", "4"]) == 0
    names = ("last.cnnx", "best.cnnx")
    first, second = ([cnnx.load(each / name) for name in names] for each in (whole, half))
    for model, other in zip(first, second, strict=True):
        assert model._core.to_bytes() == other._core.to_bytes()
    assert (whole / "report.html").exists()


def test_the_network_is_a_unet_by_default(
    boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sides are multiples of 16, so that it can halve its maps four times."""
    from cnnx.cli import architectures

    def unet(input_shape: Any, classes: Any, *, seed: int) -> cnnx.Model:
        layers = [cnnx.Conv2d(len(classes), 1)]
        return cnnx.Model(layers, input_shape=input_shape, classes=classes, seed=seed)

    monkeypatch.setattr(architectures, "built_in_networks", lambda: {"unet": unet})
    out = tmp_path / "new.cnnx"
    assert main(["train", str(boxes), "--epochs", "1", "--out", str(out)]) == 0
    assert cnnx.load(out).output_shape == (32, 32, 2)
    options = ["--size", "20x40", "--overwrite", "--out", str(out)]
    assert main(["train", str(boxes), "--epochs", "1", *options]) == 0
    assert cnnx.load(out).output_shape == (20, 40, 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--task", "classification"], "--task is classification, but boxes has masks"),
        (["--model", "small"], "--model small: has outputs of shape (2,), expected one per class"),
    ],
)
def test_other_networks_and_tasks_are_refused(
    boxes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(boxes.parent)
    assert main(["train", "boxes", "--out", "new.cnnx", *options]) == 1
    assert sentence in capsys.readouterr().err


def test_class_folders_are_no_masks(
    folder_of_classes: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    path = str(folder_of_classes)
    assert main(["train", path, "--task", "segmentation"]) == 1
    assert (
        f"--task is segmentation, but {path} has no folders images and" in capsys.readouterr().err
    )
    assert main(["evaluate", str(trained), path]) == 1
    assert "is for classification, but" in capsys.readouterr().err


@pytest.fixture
def folder_of_classes(tmp_path: Path) -> Path:
    for name in ("ground", "box"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for index in range(4):
            Image.new("RGB", (30, 24), (index, 9, 9)).save(
                tmp_path / "classes" / name / f"{index}.png"
            )
    return tmp_path / "classes"


@pytest.mark.parametrize("command", ["compare", "calibrate", "quantize"])
def test_commands_about_images_refuse_models_of_pixels(
    boxes: Path,
    trained: Path,
    tmp_path: Path,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments: dict[str, list[Any]] = {
        "compare": [trained, trained, boxes],
        "quantize": [trained, boxes, "--out", tmp_path / "new.cnnx"],
    }
    given = map(str, arguments.get(command, [trained, boxes]))
    assert main([command, *given]) == 1
    assert "predicts a class for each pixel, expected one for each image" in capsys.readouterr().err


def test_the_doctor_refuses_masks(boxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(boxes)]) == 1
    assert f"{boxes} has masks, expected a class for each image" in capsys.readouterr().err
    with pytest.raises(ValueError, match="check_data: data has masks, expected a class for each"):
        cnnx.doctor.check_data(cnnx.data.load(boxes))
