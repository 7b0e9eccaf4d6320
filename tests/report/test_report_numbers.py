"""Every printed or drawn number of a report, recomputed from the predictions alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cnnx
import numpy as np
import pytest
import svg_charts
from cnnx import report
from numpy.typing import NDArray
from page_parts import Part, sections
from svg_charts import number

SECTIONS = [
    *("totals", "curves", "classes", "confusion-matrix", "confusions", "calibration"),
    *("thresholds", "mistakes", "certain-errors", "network", "findings", "reproduce"),
]
# A chart has places with two decimals, on axes of at least 150 pixels.
DRAWN = {"atol": 2e-4, "rtol": 0.0}


@dataclass
class Case:
    """A report, and the predictions that its numbers follow from."""

    model: cnnx.Model
    history: cnnx.History
    names: list[str]
    y: NDArray[np.int64]
    p: NDArray[np.float64]
    parts: dict[str, Part]

    @property
    def predicted(self) -> NDArray[np.int64]:
        return self.p.argmax(axis=1)

    @property
    def confidence(self) -> NDArray[np.float64]:
        return self.p.max(axis=1)

    @property
    def losses(self) -> NDArray[np.float64]:
        return -np.log(self.p[np.arange(len(self.y)), self.y])

    @property
    def matrix(self) -> NDArray[np.int64]:
        counts = np.zeros((len(self.names), len(self.names)), np.int64)
        for true, predicted in zip(self.y, self.predicted, strict=True):
            counts[true, predicted] += 1
        return counts

    def rates(self) -> NDArray[np.float64]:
        """Precision, recall and F1 of each class, (classes, 3)."""
        rows = []
        for k in range(len(self.names)):
            true, predicted = self.y == k, self.predicted == k
            both = int((true & predicted).sum())
            precision = both / predicted.sum() if predicted.any() else 0.0
            recall = both / true.sum()
            rows.append((precision, recall, 2 * both / (true.sum() + predicted.sum())))
        return np.array(rows)


def make_case(classes: int, folder: Path) -> Case:
    """A network of a few classes, trained a little on bright and dark images."""
    random = np.random.default_rng(classes)
    names = [f"class {k}" for k in range(classes)]
    x = random.integers(0, 90, (700, 12, 12, 1), np.uint8)
    y = random.integers(0, classes, 700)
    x += (y * (160 // classes))[:, np.newaxis, np.newaxis, np.newaxis].astype(np.uint8)
    y = np.where(random.random(700) < 0.15, random.integers(0, classes, 700), y)
    model = cnnx.models.small((12, 12, 1), names)
    trainer = cnnx.Trainer(model)
    history = trainer.fit(x[:300], y[:300], epochs=4, validation=0.2, progress=None)
    page = folder / f"{classes}.html"
    report.write(page, model, (x[300:], y[300:]), history=history, title="Numbers")
    found = sections(page.read_text(encoding="utf-8"))
    p = model.predict_proba(x[300:]).astype(np.float64)
    return Case(model, history, names, y[300:], p, found)


@pytest.fixture(scope="module", params=[2, 7])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(request.param, tmp_path_factory.mktemp("report"))


def values(rows: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    return np.array([[number(cell) for cell in row] for row in rows])


def test_all_sections_are_there(case: Case) -> None:
    assert list(case.parts) == [
        name for name in SECTIONS if name != "thresholds" or len(case.names) == 2
    ]


def test_totals(case: Case) -> None:
    rows = {row[0]: row[1:] for row in case.parts["totals"].tables[0][1:]}
    correct = case.predicted == case.y
    rates = case.rates()
    expected = {
        "accuracy": f"{correct.mean():.2%}",
        "macro F1": f"{rates[:, 2].mean():.4f}",
        "balanced accuracy": f"{rates[:, 1].mean():.2%}",
        "images": f"{len(case.y):,}",
        "correct": f"{correct.sum():,}",
        "incorrect": f"{(~correct).sum():,}",
        "expected calibration error": f"{calibration(case)[1]:.2%}",
    }
    if len(case.names) > 5:
        ranks = (case.p > case.p[np.arange(len(case.y)), case.y][:, np.newaxis]).sum(axis=1)
        expected["top-5 accuracy"] = f"{(ranks < 5).mean():.2%}"
    assert {name: rows[name][0] for name in expected} == expected
    assert float(rows["loss"][0]) == pytest.approx(case.losses.mean(), abs=1.01e-4)
    assert set(rows) == {*expected, "loss"}


def test_intervals(case: Case) -> None:
    rows = {row[0]: row[2] for row in case.parts["totals"].tables[0][1:]}
    correct = case.predicted == case.y
    random = np.random.default_rng(3)
    draws = correct[random.integers(0, len(correct), (4000, len(correct)))].mean(axis=1)
    ends = [number(word) for word in rows["accuracy"].split(" to ")]
    np.testing.assert_allclose(ends, np.quantile(draws, (0.025, 0.975)), atol=0.006)
    ends = [number(word) for word in rows["macro F1"].split(" to ")]
    resampled = []
    for _ in range(500):
        chosen = random.integers(0, len(case.y), len(case.y))
        part = Case(case.model, case.history, case.names, case.y[chosen], case.p[chosen], {})
        resampled.append(part.rates()[:, 2].mean())
    np.testing.assert_allclose(ends, np.quantile(resampled, (0.025, 0.975)), atol=0.012)


def test_curves(case: Case) -> None:
    history = vars(case.history)
    part = case.parts["curves"]
    assert f"{len(case.history)} epochs in {sum(history['seconds']):.1f} s" in part.text
    for chart, name, caption in zip(part.charts, ("loss", "accuracy"), part.captions, strict=True):
        drawn = svg_charts.lines(chart)
        for label, values_of in (("training", name), ("validation", f"validation_{name}")):
            expected = list(enumerate(history[values_of], start=1))
            spread = max(max(history[name]), max(history[f"validation_{name}"]))
            np.testing.assert_allclose(drawn[label], expected, atol=4e-4 * max(1.0, spread))
            form = ".4g" if name == "loss" else ".2%"
            assert f"{label} {history[values_of][-1]:{form}}" in caption[0]


def test_classes(case: Case) -> None:
    rows = case.parts["classes"].tables[0][1:]
    rates = case.rates()
    counts = np.bincount(case.y, minlength=len(case.names))
    expected = [
        [name, *(f"{rate:.4f}" for rate in each), f"{count:,}"]
        for name, each, count in zip(case.names, rates, counts, strict=True)
    ]
    for name, weights in (("macro average", None), ("weighted average", counts)):
        means = np.average(rates, axis=0, weights=weights)
        expected.append([name, *(f"{mean:.4f}" for mean in means), f"{len(case.y):,}"])
    assert rows == expected


def test_confusions(case: Case) -> None:
    cells = svg_charts.cells(case.parts["confusion-matrix"].charts[0])
    assert cells == case.matrix.ravel().tolist()
    pairs = [
        (-case.matrix[i, j], i, j)
        for i, j in np.ndindex(case.matrix.shape)
        if i != j and case.matrix[i, j]
    ]
    expected = [[case.names[i], case.names[j], f"{-n:,}"] for n, i, j in sorted(pairs)]
    assert case.parts["confusions"].tables[0][1:] == expected[:20]


@pytest.mark.parametrize("section", ["mistakes", "certain-errors"])
def test_mistakes(case: Case, section: str) -> None:
    part = case.parts[section]
    if section == "mistakes":
        order = np.argsort(-case.losses, kind="stable")
    else:
        errors = np.flatnonzero(case.predicted != case.y)
        order = errors[np.argsort(-case.confidence[errors], kind="stable")]
    assert len(part.captions) == min(24, len(order))
    for index, (first, second, third) in zip(order, part.captions, strict=False):
        name = case.names[case.predicted[index]]
        assert first == f"{name} {case.confidence[index]:.1%}"
        label, loss = second.split(", loss\N{NO-BREAK SPACE}")
        assert label == f"label {case.names[case.y[index]]}"
        assert float(loss) == pytest.approx(case.losses[index], abs=0.0051)
        assert third == f"image {index}"
    overlays = sum(text.endswith("Grad-CAM") for text in part.images)
    assert overlays == (len(part.captions) if section == "mistakes" else 0)


def calibration(case: Case) -> tuple[list[tuple[float, ...]], float, float]:
    """(lower, upper, count, confidence, accuracy) of 15 bins with images, and both errors."""
    rows, expected, largest = [], 0.0, 0.0
    correct = case.predicted == case.y
    for k in range(15):
        inside = (case.confidence > k / 15) & (case.confidence <= (k + 1) / 15)
        if not inside.any():
            continue
        mean, accuracy = case.confidence[inside].mean(), correct[inside].mean()
        rows.append((k / 15, (k + 1) / 15, inside.sum(), mean, accuracy))
        expected += inside.mean() * abs(mean - accuracy)
        largest = max(largest, abs(mean - accuracy))
    return rows, expected, largest


def test_calibration(case: Case) -> None:
    part = case.parts["calibration"]
    rows, expected, largest = calibration(case)
    assert part.tables[0][1:] == [
        [f"{low:.1%} to {high:.1%}", f"{count:,}", f"{mean:.2%}", f"{accuracy:.2%}"]
        for low, high, count, mean, accuracy in rows
    ]
    assert f"error {expected:.2%}, maximum calibration error {largest:.2%}" in part.text
    svg = ElementTree.fromstring(part.charts[0])
    x, y = svg_charts.axis(svg, "x"), svg_charts.axis(svg, "y")
    points = [(x(float(c.attrib["cx"])), y(float(c.attrib["cy"]))) for c in svg.iter("circle")]
    np.testing.assert_allclose(points, [(row[3], row[4]) for row in rows], **DRAWN)
    heights = [float(r.attrib["height"]) for r in svg.iter("rect") if r.get("class") == "count"]
    drawn = [height for height in heights if height > 0]
    counts = np.array([row[2] for row in rows])
    np.testing.assert_allclose(np.array(drawn) / max(drawn), counts / counts.max(), atol=1e-3)


def test_thresholds(case: Case) -> None:
    if len(case.names) != 2:
        assert "thresholds" not in case.parts
        return
    part = case.parts["thresholds"]
    p, positive = case.p[:, 1], case.y == 1

    def rates(threshold: float) -> tuple[float, ...]:
        chosen = p >= threshold
        true, false = int((chosen & positive).sum()), int((chosen & ~positive).sum())
        precision = true / (true + false) if true + false else 1.0
        f1 = 2 * true / (true + false + positive.sum())
        return precision, true / positive.sum(), false / (~positive).sum(), f1

    best = max(sorted(set(p), reverse=True), key=lambda each: rates(each)[-1])
    lines = sorted([best, *(k / 10 for k in range(1, 10))])
    expected = [(each, *rates(each)) for each in lines]
    np.testing.assert_allclose(values(part.tables[0][1:]), expected, atol=6e-5)
    pairs = p[positive][:, np.newaxis], p[~positive][np.newaxis]
    auc = (pairs[0] > pairs[1]).mean() + (pairs[0] == pairs[1]).mean() / 2
    assert f"ROC curve: area {auc:.4f}" in part.text
    steps = [rates(each) for each in sorted(set(p), reverse=True)]
    recalls = np.diff([0.0, *(each[1] for each in steps)])
    average = float((recalls * [each[0] for each in steps]).sum())
    assert f"Average precision {average:.4f}" in part.text
    assert f"The best F1 is {rates(best)[-1]:.4f}, at {best:.4f}" in part.text
    assert f"best F1 at {best:.4f}" in part.text
    known = np.array([rates(math.inf), *(rates(each) for each in set(p))])
    for chart, columns in zip(part.charts, ([2, 1], [1, 0]), strict=False):
        for point in svg_charts.lines(chart)["model"]:
            assert np.abs(known[:, columns] - point).max(axis=1).min() < DRAWN["atol"]
    drawn = svg_charts.lines(part.charts[2])
    by_threshold = {each: rates(each) for each in set(p)}
    for name, column in (("precision", 0), ("recall", 1), ("F1", 3)):
        reference = sorted((each, rate[column]) for each, rate in by_threshold.items())
        assert len(drawn[name]) == len({each for each, _ in drawn[name]})
        for threshold, rate in drawn[name]:
            nearest = min(reference, key=lambda each: abs(each[0] - threshold))
            close = [r for t, r in reference if abs(t - nearest[0]) < DRAWN["atol"]]
            assert min(abs(r - rate) for r in close) < 3e-3


def test_network(case: Case) -> None:
    part = case.parts["network"]
    sizes = {name: int(np.prod(array.shape)) for name, array in case.model.parameters.items()}
    assert f"{sum(sizes.values()):,} parameters, {4 * sum(sizes.values()):,} bytes" in part.text
    counted = {row[0]: row[4] for row in part.tables[0][1:]}
    for layer in case.model.layers:
        own = sum(size for name, size in sizes.items() if name.startswith(f"{layer.name}."))
        assert counted[layer.name] == (f"{own:,}" if own else "")


def test_the_machine(case: Case) -> None:
    rows: dict[str, Any] = dict(case.parts["reproduce"].tables[-1][1:])
    assert rows["cnnx"] == cnnx.__version__
    assert rows["NumPy"] == np.__version__
    assert rows["threads"] == str(cnnx.get_num_threads())
    assert rows["instruction set"] == cnnx.isa()


def test_findings(case: Case) -> None:
    part = case.parts["findings"]
    assert "no findings" in part.text or len(part.tables[0]) > 1


def test_an_accuracy_is_in_the_introduction(tmp_path: Path, case: Case) -> None:
    page = tmp_path / "page.html"
    evaluation = cnnx.evaluation.Evaluation(case.p.astype(np.float32), case.y, case.names)
    report.write(page, case.model, evaluation)
    text = page.read_text(encoding="utf-8")
    accuracy = (case.predicted == case.y).mean()
    assert f"{accuracy:.2%} of {len(case.y):,} images are classified correctly" in text
    parts = sections(text)
    assert "without a history" in parts["curves"].text
    assert "no images to examine" in parts["findings"].text
    assert parts["mistakes"].images == []
