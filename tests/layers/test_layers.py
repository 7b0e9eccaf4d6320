"""Layers as recipes: their settings, and their refusals in one sentence, without a model."""

from __future__ import annotations

from collections.abc import Callable

import cnnx
import numpy as np
import pytest

Make = Callable[[], object]


def test_a_recipe_keeps_its_settings_in_one_form() -> None:
    layer = cnnx.Conv2d(8, (3, 5), stride=2, padding=((1, 2), (3, 4)), dilation=(1, 2), groups=2)
    assert layer.kind == "conv2d"
    assert layer.name is None
    assert layer.settings == {
        "out_channels": 8,
        "kernel_size": [3, 5],
        "stride": [2, 2],
        "padding": [1, 2, 3, 4],
        "dilation": [1, 2],
        "groups": 2,
        "bias": True,
        "algorithm": "auto",
        "int8_weight": False,
    }
    assert cnnx.Conv2d(8, 3, padding=(1, 2)).settings["padding"] == [1, 1, 2, 2]
    assert cnnx.Conv2d(8, [3, 3], padding="same").settings["padding"] == "same"


@pytest.mark.parametrize("pool", [cnnx.MaxPool2d, cnnx.AvgPool2d])
def test_a_pool_steps_by_its_window(pool: type[cnnx.Layer]) -> None:
    assert pool((2, 3)).settings["stride"] == [2, 3]  # type: ignore[call-arg, arg-type]
    assert pool((2, 3), stride=1).settings["stride"] == [1, 1]  # type: ignore[call-arg, arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    layer = cnnx.Conv2d(np.int64(8), np.int32(3), stride=(np.uint8(2), 1))  # type: ignore[arg-type]
    assert layer.settings == cnnx.Conv2d(8, 3, stride=(2, 1)).settings
    assert cnnx.Dense(np.int16(4)).settings["out_features"] == 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: cnnx.Conv2d(3, 32, 3), "the model infers in_channels"),
        (lambda: cnnx.Conv2d(3, 32, 3, 1, 1), "got 3, 1, 1 after out_channels and kernel_size"),
        (lambda: cnnx.Conv2d(3, 32, (3, 3)), "stride and the rest go by name"),
        (lambda: cnnx.Dense(784, 10), "the model infers in_features"),
        (lambda: cnnx.MaxPool2d(2, 2), "stride"),
        (lambda: cnnx.AvgPool2d(2, 2), "stride"),
        (lambda: cnnx.Conv2d(3.0, 3), "Conv2d: out_channels is 3.0, expected an integer"),  # type: ignore[arg-type]
        (lambda: cnnx.Conv2d(True, 3), "Conv2d: out_channels is True, expected an integer"),
        (lambda: cnnx.Conv2d(3, 3.0), r"Conv2d: kernel_size is 3.0, expected an integer or"),  # type: ignore[arg-type]
        (lambda: cnnx.Conv2d(3, (3, 3, 3)), r"Conv2d: kernel_size is \(3, 3, 3\), expected"),
        (lambda: cnnx.Conv2d(3, 3, stride="2"), "Conv2d: stride is '2', expected"),  # type: ignore[arg-type]
        (lambda: cnnx.Conv2d(3, 3, padding="full"), "Conv2d: padding is 'full', expected .*same"),
        (lambda: cnnx.Conv2d(3, 3, padding=((1, 2), 3)), r"Conv2d: padding is \(\(1, 2\), 3\)"),  # type: ignore[arg-type]
        (lambda: cnnx.Conv2d(3, 3, bias=1), "Conv2d: bias is 1, expected True or False"),  # type: ignore[arg-type]
        (lambda: cnnx.Dense("10"), "Dense: out_features is '10', expected an integer"),  # type: ignore[arg-type]
        (lambda: cnnx.LeakyReLU("x"), "LeakyReLU: negative_slope is 'x', expected a number"),  # type: ignore[arg-type]
        (lambda: cnnx.ReLU(name=3), "ReLU: name is 3, expected text"),  # type: ignore[arg-type]
        (lambda: cnnx.Conv2d(3, 3, padding_mode="zeros"), "padding_mode"),  # type: ignore[call-arg]
    ],
)
def test_wrong_types_are_refused(make: Make, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: cnnx.Conv2d(0, 3), "conv2d: out_channels is 0, expected an integer from 1"),
        (lambda: cnnx.Conv2d(2**62, 3), "conv2d: out_channels is 4611686018427387904, expected"),
        (lambda: cnnx.Conv2d(3, 0), r"conv2d: kernel_size is \(0, 0\), expected two integers >= 1"),
        (lambda: cnnx.Conv2d(3, 3, stride=(1, 0)), r"conv2d: stride is \(1, 0\), expected"),
        (lambda: cnnx.Conv2d(3, 3, dilation=0), r"conv2d: dilation is \(0, 0\), expected"),
        (lambda: cnnx.Conv2d(3, 3, padding=-1), "conv2d: padding is .*-1.*, expected"),
        (lambda: cnnx.Conv2d(3, 3, groups=0), "conv2d: groups is 0, expected"),
        (lambda: cnnx.Dense(0), "dense: out_features is 0, expected"),
        (lambda: cnnx.MaxPool2d(0), r"max_pool2d: kernel_size is \(0, 0\), expected"),
        (lambda: cnnx.AvgPool2d(2, stride=-1), r"avg_pool2d: stride is \(-1, -1\), expected"),
        (lambda: cnnx.LeakyReLU(float("nan")), "LeakyReLU: negative_slope is nan, expected"),
        (lambda: cnnx.LeakyReLU(float("inf")), "LeakyReLU: negative_slope is inf, expected"),
        (lambda: cnnx.ReLU(name=""), "ReLU: name is empty, expected letters"),
    ],
)
def test_wrong_values_are_refused(make: Make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "layer",
    [
        cnnx.Conv2d(3, 3, padding=((1, 2), (0, 1)), name="edges"),
        cnnx.MaxPool2d(2, padding="same"),
        cnnx.AvgPool2d((3, 2), padding=1),
        cnnx.LeakyReLU(0.5),
        cnnx.PReLU(0.5),
        cnnx.GroupNorm(4, epsilon=0.5),
        cnnx.LayerNorm(name="last"),
    ],
)
def test_a_layer_prints_as_it_is_written(layer: cnnx.Layer) -> None:
    again = eval(repr(layer), vars(cnnx))
    assert (again.settings, again.name) == (layer.settings, layer.name)
