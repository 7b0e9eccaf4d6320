"""Plots: what their artists show is the data, and bad arguments are refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.evaluation import Evaluation
from python_process import run_python

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib: install the extra plot")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

RANDOM = np.random.default_rng(2)
P = RANDOM.dirichlet([0.6, 0.8, 1.0], 200)
THREE = Evaluation(P, RANDOM.integers(0, 3, 200), ["a", "b", "c"])
TWO = Evaluation(RANDOM.uniform(size=100), RANDOM.integers(0, 2, 100), ["no", "yes"])
MODEL = cnnx.models.lenet5()
IMAGE = cnnx.data.xo(1, size=28, seed=1)[0][0]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    pyplot.close("all")


def a_history() -> cnnx.History:
    history = cnnx.History()
    history.add((2.0, 0.3), {"loss": 1.5, "accuracy": 0.4}, 1.0)
    history.add((1.0, 0.6), {"loss": 1.2, "accuracy": math.nan}, 1.5)
    return history


def image_of(ax: Any) -> Any:
    return np.asarray(ax.images[0].get_array())


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_history(metric: str) -> None:
    history = a_history()
    ax = cnnx.plot.history(history, metric)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", metric)
    for line, name in zip(ax.lines, (metric, f"validation_{metric}"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2])
        np.testing.assert_array_equal(line.get_ydata(), getattr(history, name))
    assert [text.get_text() for text in ax.get_legend().texts] == ["training", "validation"]


def test_a_history_file_is_plotted(tmp_path: Path) -> None:
    x, y = cnnx.data.xo(64, seed=1)
    log = cnnx.callbacks.CSVLog(tmp_path / "log.csv")
    history = cnnx.Trainer(cnnx.models.small()).fit(x, y, epochs=2, callbacks=[log])
    ax = cnnx.plot.history(tmp_path / "log.csv", "seconds")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), history.seconds)
    assert len(cnnx.plot.history(history).lines) == 1


def test_the_given_axes_are_drawn_into() -> None:
    _, (left, right) = pyplot.subplots(1, 2)
    assert cnnx.plot.history(a_history(), ax=left) is left
    assert cnnx.plot.reliability(THREE, ax=right) is right
    assert len(pyplot.get_fignums()) == 1


def test_reliability() -> None:
    ax = cnnx.plot.reliability(THREE, 10)
    filled = [each for each in THREE.calibration(10).bins if each.count]
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [each.confidence for each in filled])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [each.accuracy for each in filled])
    assert [bar.get_height() for bar in ax.patches] == [each.accuracy for each in filled]
    assert [bar.get_x() for bar in ax.patches] == [each.lower for each in filled]


def test_threshold_curve() -> None:
    for evaluation, positive in ((TWO, None), (THREE, "b")):
        ax = cnnx.plot.threshold_curve(evaluation, positive)
        curve = evaluation.threshold_curve(positive)
        for line, values in zip(ax.lines, (curve.precision, curve.recall, curve.f1), strict=False):
            np.testing.assert_array_equal(line.get_xdata(), curve.thresholds[1:])
            np.testing.assert_array_equal(line.get_ydata(), values[1:])
        assert ax.lines[3].get_xdata()[0] == curve.best_f1.threshold
        assert ax.get_xlabel() == f"threshold for {curve.positive}"


def test_confusion_matrix() -> None:
    ax = cnnx.plot.confusion_matrix(THREE)
    counts = THREE.confusion_matrix
    written = {tuple(map(int, text.get_position()[::-1])): text.get_text() for text in ax.texts}
    assert written == {place: str(count) for place, count in np.ndenumerate(counts) if count}
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    # All of a row correct is the full colour, none is white.
    perfect = image_of(cnnx.plot.confusion_matrix(np.eye(30, dtype=int)))
    np.testing.assert_allclose(perfect[3, 3] * 255, [0x1F, 0x6F, 0xB2])
    assert perfect[3, 4].tolist() == [1, 1, 1]
    assert not len(cnnx.plot.confusion_matrix(np.eye(30, dtype=int)).texts)


def test_filters() -> None:
    weight = MODEL.parameters["conv2d_2.weight"]
    image = image_of(cnnx.plot.filters(MODEL, "conv2d_2"))
    assert image.shape == (6 * 6 - 1, 16 * 6 - 1, 3)
    # Row 2, column 3: output channel 3 of input channel 2.
    tile = image[12:17, 18:23].astype(float)
    orange = tile[..., 2] < tile[..., 0]  # blue is missing where it is positive
    clear = np.abs(weight[:, :, 2, 3]) > np.abs(weight).max() / 20
    np.testing.assert_array_equal(orange[clear], (weight[:, :, 2, 3] > 0)[clear])
    colour = cnnx.models.resnet20()
    image = image_of(cnnx.plot.filters(colour))
    kernels = colour.parameters["conv2d_1.weight"]
    expected = 127.5 + kernels[..., 5] / np.abs(kernels).max() * 127.5
    np.testing.assert_allclose(image[4:7, 4:7], expected, atol=0.51)


def test_feature_maps_and_overlay() -> None:
    ax = cnnx.plot.feature_maps(MODEL, IMAGE, layer="relu_1")
    maps = cnnx.explain.feature_maps(MODEL, IMAGE, layer="relu_1")
    np.testing.assert_array_equal(image_of(ax), cnnx.drawing.colours.heat(maps))
    heat = cnnx.explain.grad_cam(MODEL, IMAGE)
    expected = cnnx.drawing.colours.overlay(IMAGE, heat)
    for image in (IMAGE, IMAGE[..., 0], (IMAGE / 255).astype(np.float32)):
        np.testing.assert_array_equal(image_of(cnnx.plot.overlay(image, heat)), expected)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: cnnx.plot.history(cnnx.History()), ValueError, "no epoch is finished"),
        (lambda: cnnx.plot.history(3), TypeError, "history: history is 3, expected a History"),
        (lambda: cnnx.plot.history(a_history(), "los"), ValueError, "history: metric is 'los'"),
        (
            lambda: cnnx.plot.history(a_history(), ax=3),
            TypeError,
            "history: ax is 3, expected an",
        ),
        (lambda: cnnx.plot.reliability(P), TypeError, "reliability: evaluation is .*an Evaluation"),
        (lambda: cnnx.plot.threshold_curve(THREE), ValueError, "positive is None with 3 classes"),
        (lambda: cnnx.plot.confusion_matrix([[1, 2]]), ValueError, "matrix has shape"),
        (
            lambda: cnnx.plot.confusion_matrix([[0.5]]),
            ValueError,
            "float64 values, expected",
        ),
        (lambda: cnnx.plot.confusion_matrix([[-1]]), ValueError, "holds -1, expected counts"),
        (lambda: cnnx.plot.confusion_matrix([[1]], ["a", "b"]), ValueError, "classes has 2 names"),
        (lambda: cnnx.plot.filters(MODEL, "conv2d_3"), ValueError, "has no layer 'conv2d_3'"),
        (lambda: cnnx.plot.filters(MODEL, "relu_1"), ValueError, "'relu_1' is no convolution"),
        (lambda: cnnx.plot.filters("lenet"), TypeError, "filters: model is 'lenet'"),
        (lambda: cnnx.plot.feature_maps(MODEL, [IMAGE, IMAGE]), ValueError, "x holds 2 images"),
        (lambda: cnnx.plot.overlay(IMAGE, [[1.0]]), ValueError, "values have shape"),
        (lambda: cnnx.plot.overlay([1.0], [1.0]), ValueError, "image has shape"),
        (lambda: cnnx.plot.overlay([[5.0]], [[1.0]]), ValueError, "image holds 5.0 to 5.0"),
        (lambda: cnnx.plot.overlay([[1.0]], [[math.nan]]), ValueError, "hold NaN or infinity"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
    assert not pyplot.get_fignums()  # no empty figure is left behind


def test_a_missing_package_is_one_sentence() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import cnnx\n"
        "try: cnnx.plot.confusion_matrix([[1]])\n"
        "except ImportError as error: print(error)\n"
    )
    assert run_python("-c", code).strip() == (
        "confusion_matrix: needs the package matplotlib, which is not installed: "
        "pip install 'cnnx[plot]'"
    )
