"""A report on a model with a class for each position: every number, from the predictions alone."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import report
from cnnx.drawing.colours import CLASS_COLOURS, POSITIVE, rgb
from cnnx.evaluation import evaluate_segmentation
from cnnx.evaluation.segmentation_page import PredictedMask, segmentation_sections
from page_parts import Part, sections

SHAPE, NAMES = (12, 16, 3), ["ground", "cat", "dog"]
COUNT = 20
SECTIONS = [
    *("totals", "curves", "classes", "confusion-matrix", "confusions", "worst-images"),
    *("network", "findings", "reproduce"),
]


def samples() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (COUNT, *SHAPE), np.uint8)
    y = (x[..., 0] // 86).astype(np.uint8)
    y[random.random(y.shape) < 0.1] = 255
    return x, y


def trained() -> tuple[cnnx.Model, cnnx.History]:
    x, y = samples()
    model = cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=SHAPE, classes=NAMES, seed=1)
    loss = cnnx.CrossEntropy(ignore_index=255)
    trainer = cnnx.Trainer(model, loss=loss, optimizer=cnnx.Adam(0.05))
    return model, trainer.fit(x, y, epochs=6, validation=0.2)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    model, history = trained()
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.write(path, model, samples(), history=history)
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def parts(page: str) -> dict[str, Part]:
    return sections(page)


def predicted() -> Any:
    return trained()[0].predict_proba(samples()[0]).argmax(axis=-1)


def test_the_page_is_complete_and_needs_no_script(page: str, parts: dict[str, Part]) -> None:
    assert list(parts) == SECTIONS
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "mean IoU after the last epoch: validation" in parts["curves"].text


def test_tables_have_the_numbers_of_single_positions(parts: dict[str, Part]) -> None:
    _, y = samples()
    counted, guess = y != 255, predicted()
    header, *rows = parts["classes"].tables[0]
    assert header == ["class", "IoU", "Dice", "precision", "recall", "pixels", "of all"]
    ious = []
    for label, row in enumerate(rows):
        true, said = (y == label) & counted, (guess == label) & counted
        both = int((true & said).sum())
        ious.append(both / int((true | said).sum()))
        assert row == [
            NAMES[label],
            f"{ious[-1]:.4f}",
            f"{2 * both / (int(true.sum()) + int(said.sum())):.4f}",
            f"{both / int(said.sum()):.4f}",
            f"{both / int(true.sum()):.4f}",
            f"{true.sum():,}",
            f"{true.sum() / counted.sum():.2%}",
        ]
    totals = dict(parts["totals"].tables[0][1:])
    wrong = (guess != y) & counted
    assert totals == {
        "mean IoU": f"{np.mean(ious):.4f}",
        "mean Dice": totals["mean Dice"],
        "pixel accuracy": f"{1 - wrong.sum() / counted.sum():.2%}",
        "images": f"{COUNT}",
        "labelled pixels": f"{counted.sum():,}",
        "wrongly predicted pixels": f"{wrong.sum():,}",
    }


def test_the_matrix_and_the_confusions_are_counts(parts: dict[str, Part]) -> None:
    _, y = samples()
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (y[y != 255], predicted()[y != 255]), 1)
    chart = parts["confusion-matrix"].charts[0]
    for true, name in enumerate(NAMES):
        for said, other in enumerate(NAMES):
            title = f"<title>{name} predicted as {other}: {counts[true, said]:,}</title>"
            share = f"{100 * counts[true, said] / counts[true].sum():.1f}"
            cell = re.search(rf"{title}.*?<text[^>]*>([^<]*)</text>", chart)
            assert cell is not None
            assert cell[1] == (share if counts[true, said] else "·")
    errors = {(i, j): counts[i, j] for i in range(3) for j in range(3) if i != j and counts[i, j]}
    order = sorted(errors, key=lambda place: -errors[place])
    _, *rows = parts["confusions"].tables[0]
    assert [row[:3] for row in rows] == [
        [NAMES[i], NAMES[j], f"{errors[i, j]:,}"] for i, j in order
    ]


def test_the_worst_images_come_first(parts: dict[str, Part]) -> None:
    _, y = samples()
    counted = y != 255
    correct = ((predicted() == y) & counted).sum(axis=(1, 2)) / counted.sum(axis=(1, 2))
    order = np.argsort(correct, kind="stable")[:12]
    captions = parts["worst-images"].captions
    assert [caption[0] for caption in captions] == [f"image {row}" for row in order]
    for caption, row in zip(captions, order.tolist(), strict=True):
        assert caption[1].startswith(f"{correct[row]:.2%} of the pixels correct; ")
    first = parts["worst-images"].images[:4]
    kinds = ("image", "mask", "prediction", "wrong pixels")
    assert first == [f"image {order[0]}: {kind}" for kind in kinds]


def test_images_show_their_masks_and_wrong_pixels(page: str) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    _, y = samples()
    guess = predicted()
    found = re.findall(r'src="data:image/png;base64,([^"]+)" alt="image (\d+): (\w+)', page)
    assert len(found) == 48
    for content, index, kind in found:
        drawn = image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
        pixels, row = np.asarray(drawn), int(index)
        if kind == "image":
            np.testing.assert_array_equal(pixels, samples()[0][row])
        elif kind == "mask":
            np.testing.assert_array_equal(pixels, CLASS_COLOURS[y[row]])
        elif kind == "prediction":
            np.testing.assert_array_equal(pixels, CLASS_COLOURS[guess[row]])
        else:
            wrong = (y[row] != guess[row]) & (y[row] != 255)
            np.testing.assert_array_equal((pixels == rgb(POSITIVE)).all(axis=-1), wrong)


@pytest.mark.parametrize("size", [(500, 300), (1000, 3), (40, 700)])
def test_large_images_are_reduced_alike(size: tuple[int, int]) -> None:
    labels = np.random.default_rng(1).integers(0, 3, (size[0] // 2, max(1, size[1] // 2)))
    mask = PredictedMask("large", np.zeros((*size, 3), np.uint8), labels, (labels + 1) % 3)
    evaluation = cnnx.evaluation.SegmentationEvaluation(np.eye(3, dtype=int), NAMES)
    *_, worst = segmentation_sections(evaluation, [mask])
    sizes = set(re.findall(r'width="(\d+)" height="(\d+)"', worst.body))
    assert len(sizes) == 1


def test_an_evaluation_alone_has_no_images(tmp_path: Path) -> None:
    model, _ = trained()
    x, y = samples()
    evaluation = evaluate_segmentation(model, x, y, ignore_index=255)
    report.write(tmp_path / "page.html", model, evaluation)
    parts = sections((tmp_path / "page.html").read_text("utf-8"))
    assert list(parts) == [name for name in SECTIONS if name != "worst-images"]
    assert "no images to examine" in parts["findings"].text
    report.write(tmp_path / "page.html", model, [(x[:5], y[:5]), (x[5:], y[5:])])
    assert "worst-images" not in sections((tmp_path / "page.html").read_text("utf-8"))


def test_a_perfect_model_has_no_confusions(tmp_path: Path) -> None:
    model, _ = trained()
    x, _ = samples()
    report.write(tmp_path / "page.html", model, (x, predicted()))
    parts = sections((tmp_path / "page.html").read_text("utf-8"))
    assert "confusions" not in parts
    assert "worst-images" not in parts


def test_wide_integers_are_pixels(tmp_path: Path) -> None:
    model, _ = trained()
    x, y = samples()
    pages = []
    for each in (x, x.astype(np.int64)):
        report.write(tmp_path / "page.html", model, (each, y))
        pages.append((tmp_path / "page.html").read_text("utf-8"))
    assert sections(pages[1]).keys() == sections(pages[0]).keys()
    assert pages[1].count("data:image") == pages[0].count("data:image") > 0


def test_wrong_data_are_refused(tmp_path: Path) -> None:
    model, _ = trained()
    x, y = samples()
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match="is an evaluation of 2 classes, expected the model's 3"):
        report.write(path, model, cnnx.evaluation.SegmentationEvaluation([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="y has shape"):
        report.write(path, model, (x, y[:, :5]))
    with pytest.raises(TypeError):
        report.write(path, model, cnnx.evaluation.Evaluation([[0.9, 0.1]], [0]))
    assert not path.exists()
