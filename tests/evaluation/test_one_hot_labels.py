"""One-hot labels: every function that takes labels of images takes them, as `Trainer.fit` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from numpy.typing import NDArray

X, Y = cnnx.data.xo(200, size=16, seed=1)
ONE_HOT = np.eye(2, dtype=np.float32)[Y]


@pytest.fixture(scope="module")
def model() -> cnnx.Model:
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    cnnx.Trainer(model).fit(X, ONE_HOT, epochs=1)
    return model


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, bool])
def test_labels_are_the_positions_of_the_ones(model: cnnx.Model, dtype: Any) -> None:
    evaluation = cnnx.evaluation.evaluate(model, X, ONE_HOT.astype(dtype))
    np.testing.assert_array_equal(evaluation.labels, Y)
    assert evaluation.accuracy == pytest.approx(
        cnnx.Trainer(model).evaluate(X, ONE_HOT)["accuracy"]
    )


def test_other_functions_of_labels(model: cnnx.Model, tmp_path: Path) -> None:
    copy = model.clone()
    temperature = cnnx.evaluation.calibrate(copy, X, Y)
    assert cnnx.evaluation.calibrate(copy, X, ONE_HOT) == temperature
    chances = model.predict_proba(X)
    ranks = [cnnx.metrics.top_k_accuracy(chances, each, k=1) for each in (Y, ONE_HOT)]
    assert ranks[0] == ranks[1]
    cnnx.quantize(model, X, check=(X, ONE_HOT))
    cnnx.report.write(tmp_path / "report.html", model, (X[:20], ONE_HOT[:20]))


@pytest.mark.parametrize("row", [[0.5, 0.5], [0, 0], [1, 1], [np.nan, 1], [2, -1]])
def test_rows_that_name_no_class_are_refused(model: cnnx.Model, row: list[float]) -> None:
    labels: NDArray[Any] = ONE_HOT.copy()
    labels[7] = row
    sentence = (
        r"^evaluate: y has the row \[.*\] at position 7, expected one-hot labels, a single 1 per "
        r"row, or one label per image: y\.argmax\(axis=1\)"
    )
    with pytest.raises(ValueError, match=sentence):
        cnnx.evaluation.evaluate(model, X, labels)


def test_where_a_label_is_needed_the_line_that_makes_it_is_named() -> None:
    remedy = r"expected labels .*; of one-hot labels: y\.argmax\(axis=1\)$"
    with pytest.raises(ValueError, match=rf"^CrossEntropy.balanced: y has .*{remedy}"):
        cnnx.CrossEntropy.balanced(ONE_HOT)
    with pytest.raises(ValueError, match=rf"^Dataset: y has shape \(200, 2\), {remedy}"):
        cnnx.data.Dataset(X, ONE_HOT.astype(np.int64), ("X", "O"))
