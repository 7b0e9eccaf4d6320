"""`cnnx evaluate`, `compare` and `calibrate`: every number follows from the predictions alone."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.cli.compare import signed
from command_line import Run, start
from expected_metrics import ExpectedMetrics, expected_metrics


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, classes: Path) -> Path:
    """A model for larger images that is often wrong."""
    data = cnnx.data.load(classes, input_shape=(20, 20, 1))
    layers = [cnnx.AvgPool2d(4), cnnx.Flatten(), cnnx.Dense(8), cnnx.ReLU(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(20, 20, 1), classes=["O", "X"], seed=3)
    cnnx.Trainer(model, optimizer=cnnx.Adam(0.05)).fit(data.x, data.y, epochs=30)
    out = tmp_path_factory.mktemp("other") / "other.cnnx"
    model.save(out)
    return out


def expected_of(model: Path, images: Path, name: str = "test") -> ExpectedMetrics:
    """Metrics of a set of images, computed from the predictions."""
    loaded = cnnx.load(model)
    data = cnnx.data.load(images / name, input_shape=loaded.input_shape)
    return expected_metrics(loaded, data.x, data.y)


def numbers(text: str) -> list[float]:
    """All numbers of a text, percentages as fractions."""
    found = re.findall(r"[-+]?\d[\d,]*\.?\d*(?:e-\d+)?%?", text)
    return [
        float(each.replace(",", "").rstrip("%")) / (100 if each.endswith("%") else 1)
        for each in found
    ]


def check_interval(interval: Any, hits: list[bool], accuracy: float) -> None:
    """An interval of the accuracy against percentiles over resampled images."""
    random = np.random.default_rng(3)
    count = len(hits)
    means = np.array(hits)[random.integers(count, size=(4000, count))].mean(axis=1)
    np.testing.assert_allclose(interval, np.quantile(means, [0.025, 0.975]), atol=0.06)
    assert interval[0] <= accuracy <= interval[1]


def test_every_number_of_the_text_is_that_of_the_predictions(
    run: Run, other: Path, classes: Path
) -> None:
    expected = expected_of(other, classes)
    outcome = run("evaluate", other, classes, "--per-class")
    assert outcome.status == 0, outcome.err
    parts = outcome.out.strip().split("\n\n")
    head, matrix, table, averages, totals, thresholds = parts
    first, second = head.splitlines()
    assert first == f"20 images of {classes / 'test'}"
    accuracy, correct, incorrect, _, *interval = numbers(second)
    hits = sum(expected.hits)
    assert (accuracy, correct, incorrect) == (pytest.approx(hits / 20), hits, 20 - hits)
    check_interval(interval, expected.hits, accuracy)
    assert [numbers(line) for line in matrix.splitlines()[1:]] == expected.matrix
    for k, line in enumerate(table.splitlines()[1:]):
        assert line.split()[0] == "OX"[k]
        assert numbers(line) == pytest.approx(expected.of_class(k), abs=5e-5)
    for line, values in zip(
        averages.splitlines(), (expected.macro(), expected.weighted()), strict=True
    ):
        assert numbers(line) == pytest.approx([*values, 20], abs=5e-5)
    assert numbers(totals) == pytest.approx(
        [expected.loss, expected.calibration_error()], abs=5.1e-5
    )
    auc, precision, _, f1, threshold, *rates = numbers(thresholds)
    assert (auc, precision) == pytest.approx(
        (expected.roc_auc(), expected.average_precision()), abs=5.1e-5
    )
    best = expected.best_threshold()
    assert threshold == pytest.approx(best, abs=5.1e-5)
    assert [*rates, f1] == pytest.approx(expected.at(best), abs=5.1e-5)


def test_the_json_has_the_metrics_of_the_predictions(run: Run, other: Path, classes: Path) -> None:
    expected = expected_of(other, classes)
    outcome = run("evaluate", other, classes, "--json")
    found = json.loads(outcome.out, parse_constant=pytest.fail)
    assert outcome.out.count("\n") == 1
    assert (found["model"], found["images"]) == (str(other), str(classes / "test"))
    assert found["accuracy"] == expected.accuracy
    assert found["loss"] == pytest.approx(expected.loss, rel=1e-5)
    assert found["confusion_matrix"] == expected.matrix
    for k, each in enumerate(found["per_class"]):
        values = [each[name] for name in ("precision", "recall", "f1", "count")]
        assert values == pytest.approx(expected.of_class(k))
    for name, values in (
        ("macro_average", expected.macro()),
        ("weighted_average", expected.weighted()),
    ):
        assert list(found[name].values()) == pytest.approx(values)
    check_interval(found["confidence_intervals"]["accuracy"], expected.hits, expected.accuracy)
    bins = [each for each in found["calibration"]["bins"] if each["count"]]
    for each, (count, confidence, accuracy) in zip(bins, expected.gaps(), strict=True):
        assert each["count"] == count
        assert (each["confidence"], each["accuracy"]) == pytest.approx((confidence, accuracy))
    assert [each["index"] for each in found["top_losses"]] == expected.by_loss()
    assert [each["index"] for each in found["most_certain_errors"]] == expected.certain_errors()
    files = [
        file.relative_to(classes / "test").as_posix()
        for file in sorted((classes / "test").rglob("*.png"))
    ]
    assert [each["name"] for each in found["top_losses"]] == [files[i] for i in expected.by_loss()]
    assert found["threshold_curve"]["roc_auc"] == pytest.approx(expected.roc_auc())
    points = found["threshold_curve"]["points"]
    assert [point["threshold"] for point in points] == [k / 20 for k in range(1, 20)]
    for point in points:
        values = [point[name] for name in ("precision", "recall", "f1")]
        assert values == pytest.approx(expected.at(point["threshold"]))
    confused = [(each["count"], each["true"], each["predicted"]) for each in found["most_confused"]]
    assert confused == [(n, "OX"[y], "OX"[p]) for n, y, p in expected.confused()]


def tables(page: str) -> list[list[list[str]]]:
    """Cells of every table of a page, without the header."""
    found = []
    for table in re.findall(r"<table>(.*?)</table>", page, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table)[1:]
        found.append([re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows])
    return found


def test_every_number_of_the_page_is_that_of_the_predictions(
    run: Run, other: Path, classes: Path
) -> None:
    expected = expected_of(other, classes)
    outcome = run("evaluate", other, classes, "--html", "page.html")
    assert outcome.status == 0, outcome.err
    page = Path("page.html").read_text(encoding="utf-8")
    totals, per_class, confused, calibration, thresholds = tables(page)
    named = {name: numbers(value)[0] for name, value, _ in totals}
    assert named == pytest.approx(
        {
            "accuracy": expected.accuracy,
            "macro F1": expected.macro()[2],
            "balanced accuracy": np.mean([expected.of_class(k)[1] for k in (0, 1)]),
            "loss": expected.loss,
            "expected calibration error": expected.calibration_error(),
            "images": 20,
            "correct": sum(expected.hits),
            "incorrect": 20 - sum(expected.hits),
        },
        abs=5.1e-5,
    )
    check_interval(numbers(totals[0][2]), expected.hits, expected.accuracy)
    rows = [[float(cell) for cell in cells] for _, *cells in per_class]
    averages = ((*expected.macro(), 20), (*expected.weighted(), 20))
    every = (expected.of_class(0), expected.of_class(1), *averages)
    for row, values in zip(rows, every, strict=True):
        assert row == pytest.approx(values, abs=5.1e-5)
    assert [(int(n), y, p) for y, p, n in confused] == [
        (n, "OX"[y], "OX"[p]) for n, y, p in expected.confused()
    ]
    for (_, *cells), values in zip(calibration, expected.gaps(), strict=True):
        assert [number for cell in cells for number in numbers(cell)] == pytest.approx(
            values, abs=5.1e-5
        )
    for threshold, precision, recall, _, f1 in thresholds:
        given = (float(precision), float(recall), float(f1))
        exact = float(threshold)
        if exact not in [k / 10 for k in range(1, 10)]:
            exact = expected.best_threshold()
        assert given == pytest.approx(expected.at(exact), abs=5.1e-5)
    captions = re.findall(r"<figcaption><b>(\w)</b> (.*?)%<br>label (\w), loss\s(.*?)<br>", page)
    order = expected.by_loss()[:24] + expected.certain_errors()[:24]
    for (predicted, confidence, label, loss), i in zip(captions, order, strict=True):
        assert (predicted, label) == ("OX"[expected.predicted[i]], "OX"[expected.labels[i]])
        assert float(confidence) / 100 == pytest.approx(max(expected.probabilities[i]), abs=5.1e-4)
        assert float(loss) == pytest.approx(expected.losses[i], abs=5.1e-3)
    assert f"area {expected.roc_auc():.4f}" in page
    assert f"Average precision {expected.average_precision():.4f}" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_the_page_of_a_model_without_errors(run: Run, classes: Path) -> None:
    Path("pets").symlink_to(classes / "train")
    data = cnnx.data.load(classes / "train", input_shape=(16, 16, 1))
    good = cnnx.models.small((16, 16, 1), ["O", "X"])
    cnnx.Trainer(good).fit(data.x, data.y, epochs=40, batch_size=16)
    good.save("good.cnnx")
    outcome = run("evaluate", "good.cnnx", "pets", "--html", "page.html")
    assert "accuracy 100.00% (60 correct, 0 incorrect)" in outcome.out
    page = Path("page.html").read_text(encoding="utf-8")
    assert 'id="mistakes"' not in page
    assert 'id="confusion-matrix"' in page


def test_rates_without_both_classes_are_not_defined(run: Run, classes: Path, other: Path) -> None:
    Path("pets").mkdir()
    (Path("pets") / "O").symlink_to(classes / "test" / "O")
    outcome = run("evaluate", other, "pets", "--per-class", "--html", "page.html")
    assert "ROC AUC not defined, average precision not defined\n" in outcome.out
    page = Path("page.html").read_text(encoding="utf-8")
    for text in (outcome.out, re.sub(r"base64,[^\"]*", "", page)):
        assert not re.search(r"\b(nan|inf)\b", text)
    assert "ROC curve: area not defined" in page
    found = json.loads(run("evaluate", other, "pets", "--json").out)
    assert found["threshold_curve"]["roc_auc"] is None


def test_outputs_are_checked_before_the_images_are_read(
    run: Run, model: Path, classes: Path
) -> None:
    Path("page.html").write_text("old")
    run("evaluate", model, "nowhere", "--html", "page.html").refused("page.html exists; add --over")
    run("evaluate", model, classes, "--html", model, "--overwrite").refused("are the same file")
    run("evaluate", model, classes, "--html", "no/page.html").refused("there is no folder no")
    run("evaluate", model, classes, "--html", "r.pdf").refused("in HTML; type --html r.html")
    assert run("evaluate", model, classes, "--html", "page.html", "--overwrite").status == 0
    assert Path("page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    copy = Path("copy.cnnx")
    copy.write_bytes(model.read_bytes())
    run("calibrate", copy, classes / "train", "--out", "page.html").refused("page.html exists")
    run("calibrate", copy, classes / "train", "--out", copy).refused("are the same file")


def exact_p_value(one: int, other: int) -> float:
    tail = sum(comb(one + other, k) for k in range(min(one, other) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2 ** (one + other))))


def test_every_number_of_a_comparison_is_that_of_the_predictions(
    run: Run, model: Path, other: Path, classes: Path
) -> None:
    first, second = expected_of(model, classes), expected_of(other, classes)
    outcome = run("compare", model, other, classes)
    assert outcome.status == 0, outcome.err
    totals, per_class, images = outcome.out.strip().split("\n\n")
    lines = totals.splitlines()
    assert lines[0] == f"20 images of {classes / 'test'}"
    for line, file, expected in zip(lines[1:3], (model, other), (first, second), strict=True):
        assert line.startswith(f"{file} ")
        accuracy, _, *interval = numbers(line.removeprefix(str(file)))
        assert accuracy == pytest.approx(expected.accuracy)
        check_interval(interval, expected.hits, accuracy)
    pairs = list(zip(first.hits, second.hits, strict=True))
    one = sum(a and not b for a, b in pairs)
    two = sum(b and not a for a, b in pairs)
    difference, _, low, high = numbers(lines[3])
    assert difference == pytest.approx(100 * (two - one) / 20)
    random = np.random.default_rng(4)
    differences = np.array([b - a for a, b in pairs])[random.integers(20, size=(4000, 20))]
    quantiles = 100 * np.quantile(differences.mean(axis=1), [0.025, 0.975])
    np.testing.assert_allclose([low, high], quantiles, atol=6)
    assert numbers(lines[4]) == [one, two, pytest.approx(exact_p_value(one, two), rel=1e-3)]
    for k, line in enumerate(per_class.splitlines()[1:]):
        (_, recall_1, f1_1, count), (_, recall_2, f1_2, _) = first.of_class(k), second.of_class(k)
        values = [count, recall_1, recall_2, f1_1, f1_2, f1_2 - f1_1]
        assert numbers(line) == pytest.approx(values, abs=1.1e-4)
    distances = [
        sum(abs(p - q) for p, q in zip(a, b, strict=True)) / 2
        for a, b in zip(first.probabilities, second.probabilities, strict=True)
    ]
    files = sorted((classes / "test").rglob("*.png"))
    shown = [line.split() for line in images.splitlines()[1:]]
    for cells, i in zip(shown, sorted(range(20), key=lambda i: -distances[i])[:10], strict=True):
        assert cells[0] == files[i].relative_to(classes / "test").as_posix()
        assert cells[1::2][:2] == ["OX"[first.labels[i]], f"{max(first.probabilities[i]):.2f}"]
        assert cells[2::2] == ["OX"[first.predicted[i]], "OX"[second.predicted[i]]]
        assert cells[-1] == f"{max(second.probabilities[i]):.2f}"
    found = json.loads(run("compare", model, other, classes, "--json").out)
    assert found["mcnemar"]["only_first"] == one
    assert found["accuracy_difference"] == pytest.approx((two - one) / 20)
    assert [each["accuracy"] for each in found["models"]] == [first.accuracy, second.accuracy]


def test_models_that_cannot_be_compared_are_refused(run: Run, model: Path, classes: Path) -> None:
    three = cnnx.models.small((16, 16, 1), ["A", "O", "X"])
    three.save("three.cnnx")
    run("compare", model, "three.cnnx", classes).refused(
        "three.cnnx has the classes A, O, X, expected those of .*, O, X"
    )
    run("compare", model, classes, model).refused("is a folder, expected a")
    run("compare", model, "missing.cnnx", classes).refused("missing.cnnx: no such file")
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    values = cnnx.Model(layers, input_shape=(16, 16, 1))
    cnnx.Trainer(values, loss=cnnx.MSE())
    values.save("values.cnnx")
    several = cnnx.Model(layers, input_shape=(16, 16, 1), classes=["O", "X"])
    cnnx.Trainer(several, loss=cnnx.BinaryCrossEntropy())
    several.save("several.cnnx")
    for command in ("evaluate", "calibrate"):
        run(command, "values.cnnx", classes / "train").refused("predicts values, expected a class")
        run(command, "several.cnnx", classes / "train").refused("predicts several classes per im")
    run("compare", model, "several.cnnx", classes).refused("predicts several classes per image")


def test_calibrate_names_the_model_that_it_refuses(run: Run, classes: Path) -> None:
    layers = [cnnx.Flatten(), cnnx.Dense(2), cnnx.Softmax()]
    cnnx.Model(layers, input_shape=(16, 16, 1), classes=["O", "X"]).save("softmax.cnnx")
    run("calibrate", "softmax.cnnx", classes / "test").refused(
        "calibrate: softmax.cnnx: the model ends in softmax, expected one without it"
    )


def test_a_difference_that_is_rounded_to_0_has_a_plus() -> None:
    assert [signed(value, 2) for value in (-0.004, -0.0, 0.004, -0.006)] == [
        *("+0.00", "+0.00", "+0.00", "-0.01")
    ]


def test_calibrate_saves_the_temperature(run: Run, other: Path, classes: Path) -> None:
    copy = Path("copy.cnnx")
    copy.write_bytes(other.read_bytes())
    (Path("sets")).mkdir()
    for name, source in (("train", "train"), ("validation", "train"), ("test", "test")):
        (Path("sets") / name).symlink_to(classes / source)
    random = np.random.default_rng(1)
    noisy = cnnx.load(copy)
    weight = noisy.parameters["dense_1.weight"]
    noisy.parameters["dense_1.weight"] = weight + random.normal(0, 0.3, weight.shape)
    noisy.save(copy)
    before = expected_of(copy, classes, "train")
    outcome = run("calibrate", copy, "sets", "--out", "calibrated.cnnx")
    assert outcome.status == 0, outcome.err
    after = expected_of(Path("calibrated.cnnx"), classes, "train")
    temperature = cnnx.load("calibrated.cnnx").temperature
    first, second, third, last = outcome.out.strip().splitlines()
    assert first == "60 images of sets/validation"
    assert numbers(second) == pytest.approx([temperature, 1], abs=5.1e-5)
    assert numbers(third.replace("->", "")) == pytest.approx(
        [before.loss, after.loss, before.calibration_error(), after.calibration_error()],
        abs=5.1e-5,
    )
    assert last == "saved calibrated.cnnx"
    assert after.loss < before.loss
    assert cnnx.load(copy).temperature == 1
    assert run("calibrate", copy, "sets").status == 0
    assert copy.read_bytes() == Path("calibrated.cnnx").read_bytes()
    assert f"temperature    {temperature:.4f}, calibrated" in run("info", copy).out
    run("calibrate", copy, classes).refused("has a test set but no validation set, expected images")


def test_a_closed_pipe_ends_the_command_quietly(model: Path, classes: Path, tmp_path: Path) -> None:
    words = ("evaluate", model, classes, "--per-class", "--html", "page.html")
    with start(*words, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
