"""The doctor's examination of a model finds planted defects, and nothing in healthy models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.doctor import Finding, check_model
from cnnx.doctor import layer_statistics as statistics

X, Y = cnnx.data.xo(64, seed=1)


def model() -> cnnx.Model:
    return cnnx.models.small((32, 32, 1), ["X", "O"])


def only(findings: list[Finding], check: str) -> Finding:
    (found,) = (each for each in findings if each.check == check)
    return found


# Healthy models.


def colour_images(shape: tuple[int, ...]) -> Any:
    """Smooth noise with the brightness and contrast of photos."""
    coarse = np.random.default_rng(0).normal(0.47, 0.25, (8, 8, 8, shape[2]))
    enlarged = cnnx.ops.upsample2d(coarse, size=shape[:2], mode="bilinear")
    return np.round(enlarged.clip(0, 1) * 255).astype(np.uint8)


LARGE = ("convnext_tiny", "resnet34", "resnet50", "vgg11")


def networks() -> list[Any]:
    """Names of the networks of cnnx.models, of which some take long."""
    functions = {name: getattr(cnnx.models, name) for name in cnnx.models.__all__}
    return [
        pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else [])
        for name, build in functions.items()
        if "input_shape" in inspect.signature(build).parameters
    ]


@pytest.mark.parametrize("name", networks())
def test_new_networks_have_no_findings(name: str) -> None:
    build = getattr(cnnx.models, name)
    height, _, channels = inspect.signature(build).parameters["input_shape"].default
    shape = (min(height, 64), min(height, 64), channels)
    assert check_model(build(shape), colour_images(shape)) == []


def test_a_trained_network_has_no_findings() -> None:
    trained = model()
    x, y = cnnx.data.xo(1000, seed=2)
    cnnx.Trainer(trained, optimizer=cnnx.Adam(2e-3)).fit(x, y, epochs=6)
    assert check_model(trained, X, Y) == []


def test_images_with_a_palette_have_the_brightness_of_their_colours() -> None:
    image = pytest.importorskip("PIL.Image")
    indices = np.random.default_rng(0).integers(0, 40, (8, 32, 32), np.uint8)
    drawn = [image.fromarray(each) for each in indices]
    for each in drawn:
        each.putpalette([255 - index for index in range(256) for _ in range(3)])
    fits_bright = model().with_preprocessing(cnnx.Preprocessing(mean=0.92, std=0.05))
    assert check_model(fits_bright, drawn) == check_model(fits_bright, 255 - indices) == []
    assert only(check_model(fits_bright, indices), "input-scale")


# Planted defects.


def test_dead_channels_are_counted_by_layer() -> None:
    broken = model()
    bias = np.zeros(32, np.float32)
    bias[:20] = -100
    broken.parameters["conv2d_2.bias"] = bias
    found = only(check_model(broken, X), "dead-channels")
    assert (found.severity, found.count) == ("warning", 20)
    assert (found.examples, found.details) == (("relu_2",), ("20 of 32",))
    bias[:] = -100
    broken.parameters["conv2d_2.bias"] = bias
    assert only(check_model(broken, X), "dead-channels").severity == "error"


def test_most_units_of_a_dense_layer_may_be_dead_but_not_nearly_all() -> None:
    broken = model()
    for dead, found in ((50, False), (60, True)):
        broken.parameters["dense_1.bias"] = [-100.0] * dead + [1.0] * (64 - dead)
        checks = [each.check for each in check_model(broken, X)]
        assert checks == ["dead-channels"] * found


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_named(value: float) -> None:
    broken = model()
    weight = broken.parameters["conv2d_2.weight"].copy()
    weight[0, 0, 0, 0] = value
    broken.parameters["conv2d_2.weight"] = weight
    (found,) = check_model(broken, X)
    assert (found.check, found.examples) == ("non-finite-parameters", ("conv2d_2.weight",))


def test_running_statistics_that_are_not_finite_are_named() -> None:
    broken = cnnx.models.resnet20()
    name = next(iter(broken.buffers))
    broken.buffers[name] = np.full_like(broken.buffers[name], np.nan)
    findings = check_model(broken, colour_images((32, 32, 3)))
    assert only(findings, "non-finite-parameters").examples == (name,)


def test_the_first_layer_with_an_overflow_is_named() -> None:
    broken = model()
    for name in ("conv2d_2.weight", "dense_1.weight"):
        broken.parameters[name] = np.full_like(broken.parameters[name], 1e30)
    found = only(check_model(broken, X), "non-finite-outputs")
    assert found.examples == ("dense_1",)


@pytest.mark.parametrize(
    ("factor", "check", "first"),
    [(1e6, "exploding-outputs", "conv2d_1"), (1e-6, "vanishing-outputs", "conv2d_1")],
)
def test_layers_of_a_wrong_scale_are_named(factor: float, check: str, first: str) -> None:
    broken = model()
    broken.parameters["conv2d_1.weight"] = factor * broken.parameters["conv2d_1.weight"]
    found = only(check_model(broken, X), check)
    assert found.severity == "error"
    assert found.examples[0] == first


def test_outputs_that_ignore_the_image_are_found() -> None:
    broken = model()
    broken.parameters["dense_2.weight"] = np.zeros_like(broken.parameters["dense_2.weight"])
    broken.parameters["dense_2.bias"] = [1.0, 0.0]
    findings = check_model(broken, X, Y)
    assert only(findings, "constant-outputs").severity == "error"
    assert only(findings, "one-class").examples == ("X",)
    same = np.repeat(X[:1], 9, axis=0)  # of equal images nothing else can be expected
    assert "constant-outputs" not in [each.check for each in check_model(model(), same)]


def test_one_class_for_all_is_found_with_labels_only() -> None:
    broken = model()
    broken.parameters["dense_2.bias"] = [0.0, 30.0]
    assert only(check_model(broken, X, Y), "one-class").examples == ("O",)
    assert check_model(broken, X) == []
    assert check_model(broken, X, np.ones(64, np.int64)) == []


def test_a_saturated_softmax_is_found() -> None:
    broken = model()
    broken.parameters["dense_2.weight"] = 1000 * broken.parameters["dense_2.weight"]
    assert only(check_model(broken, X), "saturated-softmax").severity == "warning"


def preprocessed(**settings: float) -> cnnx.Model:
    return model().with_preprocessing(cnnx.Preprocessing(**settings))


@pytest.mark.parametrize(
    ("checked", "images"),
    [
        (model, lambda: X.astype(np.float32)),
        (model, lambda: X / np.float32(255 * 255)),
        (lambda: preprocessed(mean=0.485, std=0.229), lambda: (X / 255 - 0.5) / 0.2),
        (lambda: preprocessed(mean=120, std=60), lambda: X),
        (lambda: preprocessed(mean=1, std=0.25), lambda: X),
        (lambda: preprocessed(mean=0.5, std=0.01), lambda: X),
    ],
)
def test_preprocessing_that_does_not_fit_is_found(
    checked: Callable[[], cnnx.Model], images: Callable[[], Any]
) -> None:
    found = only(check_model(checked(), images()), "input-scale")
    assert found.severity == "warning"


def test_a_first_layer_that_normalises_takes_any_scale() -> None:
    layers = [cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2)]
    normalising = cnnx.Model(layers, input_shape=(32, 32, 1))
    assert check_model(normalising, X.astype(np.float32)) == []


def test_constant_channels_and_damaged_images_are_found() -> None:
    images = np.repeat(X, 4, axis=3)
    images[..., 3] = 255
    found = only(check_model(cnnx.models.small((32, 32, 4)), images), "constant-channels")
    assert found.examples == ("channel 3",)
    damaged = X / np.float32(255)
    damaged[5, 3, 3] = np.nan
    findings = check_model(model(), damaged)
    assert only(findings, "not-finite").count == 1


def test_integers_are_pixels() -> None:
    assert check_model(model(), X.astype(np.int32)) == []


def test_models_that_are_no_classifiers_are_examined() -> None:
    regression = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(32, 32, 1))
    cnnx.Trainer(regression, loss=cnnx.MSE()).step(X, Y)
    assert check_model(regression, X) == []
    maps = cnnx.Model([cnnx.Conv2d(2, 3), cnnx.ReLU()], input_shape=(32, 32, 1))
    assert check_model(maps, X) == []
    labels = model()
    cnnx.Trainer(labels, loss=cnnx.BinaryCrossEntropy()).step(X, np.eye(2)[Y])
    assert check_model(labels, X) == []


def test_groups_of_images_give_the_same_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = statistics.layer_statistics(model(), X)
    monkeypatch.setattr(statistics, "_GROUP_BYTES", 1)
    single = statistics.layer_statistics(model(), X)
    assert [each.dead_channels for each in single] == [each.dead_channels for each in whole]
    outputs = model().layer_outputs(X)
    for one, all_at_once in zip(single, whole, strict=True):
        expected = outputs[one.name].astype(np.float64).std()
        assert one.deviation == pytest.approx(expected, rel=1e-6)
        assert all_at_once.deviation == pytest.approx(expected, rel=1e-6)


def test_the_model_is_unchanged() -> None:
    examined = model()
    check_model(examined, X)
    for name, values in model().parameters.items():
        np.testing.assert_array_equal(examined.parameters[name], values)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, X), TypeError, "model is None, expected a cnnx.Model"),
        ((model(), X[:0]), ValueError, "x holds no images"),
        ((model(), X[:, :8]), ValueError, "x has shape"),
        ((model(), X, Y[:5]), ValueError, "expected one label per image"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"check_model: .*{message}"):
        check_model(*arguments)
