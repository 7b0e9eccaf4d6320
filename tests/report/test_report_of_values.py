"""A report on a model of values: every number, from the predictions alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import svg_charts
from cnnx import report
from cnnx.evaluation import RegressionEvaluation
from cnnx.evaluation.regression_page import regression_sections
from page_parts import Part, sections

SHAPE, COUNT = (12, 16, 3), 60


def trained() -> tuple[cnnx.Model, Any, Any, cnnx.History]:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (COUNT, *SHAPE), np.uint8)
    x = (x * random.random((COUNT, 1, 1, 3))).astype(np.uint8)
    y = (x.mean(axis=(1, 2)) / 255 * [1, 2, -1] + random.normal(0, 0.05, (COUNT, 3))).astype("f4")
    layers = [cnnx.GlobalAvgPool2d(), cnnx.Dense(3)]
    trainer = cnnx.Trainer(
        cnnx.Model(layers, input_shape=SHAPE, seed=1), loss=cnnx.MSE(), optimizer=cnnx.Adam(0.05)
    )
    return trainer.model, x, y, trainer.fit(x, y, epochs=20, validation=0.2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Part], Any, Any]:
    model, x, y, history = trained()
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.write(path, model, (x, y), history=history)
    predicted = np.asarray(model.predict(x), np.float64)
    return sections(path.read_text("utf-8")), predicted, y.astype(np.float64)


def test_the_page_is_complete(written: Any) -> None:
    parts, _, _ = written
    assert list(parts) == [
        *("totals", "curves", "outputs", "predictions", "worst-images", "network", "findings"),
        "reproduce",
    ]
    assert "R2 after the last epoch: validation" in parts["curves"].text
    assert "mean absolute error after the last epoch: validation" in parts["curves"].text


def test_the_tables_have_the_numbers_of_the_predictions(written: Any) -> None:
    parts, predicted, y = written
    errors = predicted - y
    r2 = 1 - (errors**2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert dict(parts["totals"].tables[0][1:]) == {
        "R2": f"{r2.mean():.4f}",
        "mean absolute error": f"{np.abs(errors).mean():.4g}",
        "root mean squared error": f"{np.sqrt((errors**2).mean()):.4g}",
        "images": str(COUNT),
        "values of an image": "3",
    }
    _, *rows = parts["outputs"].tables[0]
    for k, row in enumerate(rows):
        assert row == [
            str(k),
            f"{r2[k]:.4f}",
            f"{np.abs(errors[:, k]).mean():.4g}",
            f"{np.sqrt((errors[:, k] ** 2).mean()):.4g}",
            f"{y[:, k].mean():.4g}",
            f"{y[:, k].std():.4g}",
        ]


def test_the_charts_have_the_means_of_groups(written: Any) -> None:
    parts, predicted, y = written
    charts = parts["predictions"].charts
    assert len(charts) == 3
    for k, chart in enumerate(charts):
        groups = np.array_split(np.argsort(y[:, k], kind="stable"), 20)
        expected = [(y[rows, k].mean(), predicted[rows, k].mean()) for rows in groups]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            svg_charts.lines(chart)["prediction"], expected, atol=2e-3 * scale
        )


def test_the_largest_errors_come_first(written: Any) -> None:
    parts, predicted, y = written
    order = np.argsort(-np.abs(predicted - y).mean(axis=1), kind="stable")[:24]
    captions = parts["worst-images"].captions
    assert [caption[2] for caption in captions] == [f"image {row}" for row in order]
    first = ", ".join(f"{value:.4g}" for value in y[order[0]])
    assert captions[0][1] == f"target {first}"


def test_evaluations_batches_and_many_outputs(tmp_path: Path) -> None:
    model, x, y, _ = trained()
    path = tmp_path / "page.html"
    report.write(path, model, cnnx.evaluation.evaluate_regression(model, x, y))
    assert "worst-images" not in sections(path.read_text("utf-8"))
    report.write(path, model, [(x[:7], y[:7]), (x[7:], y[7:])])
    assert "worst-images" not in sections(path.read_text("utf-8"))
    random = np.random.default_rng(1)
    many = RegressionEvaluation(random.random((2, 50)), random.random((2, 50)))
    with pytest.raises(ValueError, match="is an evaluation of 50 values, expected the model's 3"):
        report.write(path, model, many)
    _, outputs, *_ = regression_sections(many, [])
    assert outputs.body.count("<tr>") == 21
    with pytest.raises(ValueError, match="y has shape"):
        report.write(path, model, (x, y[:, :2]))
