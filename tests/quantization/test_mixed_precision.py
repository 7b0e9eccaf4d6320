"""Layers in float32: as many as keep the accuracy, or a refusal with the figures."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.quantization import AccuracyDropError, quantize_with_report
from cnnx.quantization.mixed_precision import costs

Labelled = tuple[np.ndarray, np.ndarray]


def branches(input_shape: tuple[int, int, int]) -> cnnx.Model:
    """Two branches of convolutions whose outputs are concatenated."""
    image = cnnx.Input(input_shape)
    first = cnnx.ReLU()(cnnx.Conv2d(8, 5, stride=2, name="first")(image))
    second = cnnx.ReLU()(cnnx.Conv2d(8, 5, stride=2, name="second")(image))
    both = cnnx.MaxPool2d(2)(cnnx.Concat()(first, second))
    maps = cnnx.ReLU()(cnnx.Conv2d(16, 3, name="reader")(both))
    pooled = cnnx.Flatten()(cnnx.MaxPool2d(2)(maps))
    return cnnx.Model.from_graph(image, cnnx.Dense(2, name="logits")(pooled), classes=["X", "O"])


@pytest.fixture(scope="module")
def data() -> tuple[Labelled, Labelled]:
    return cnnx.data.xo(1024, seed=1), cnnx.data.xo(4096, seed=2)


@pytest.fixture(scope="module")
def easy(data: tuple[Labelled, Labelled]) -> cnnx.Model:
    model = branches((32, 32, 1))
    cnnx.Trainer(model).fit(*data[0], epochs=3)
    return model


@pytest.fixture(scope="module")
def hard(easy: cnnx.Model) -> cnnx.Model:
    """The same function, with a channel of the concatenated values 30,000 times larger."""
    model = easy.clone()
    for name, factor in (("first.weight", 30000.0), ("first.bias", 30000.0)):
        array = model.parameters[name].copy()
        array[..., 2] *= factor
        model.parameters[name] = array
    array = model.parameters["reader.weight"].copy()
    array[:, :, 2] /= 30000
    model.parameters["reader.weight"] = array
    return model


def accuracy(model: cnnx.Model, labelled: Labelled) -> float:
    return float(cnnx.evaluation.evaluate(model, *labelled).accuracy)


def test_every_layer_is_int8_if_that_keeps_the_accuracy(
    easy: cnnx.Model, data: tuple[Labelled, Labelled]
) -> None:
    report = quantize_with_report(easy, data[0][0], check=data[1])
    assert report.float_layers == ()
    assert report.int8_part == 1
    assert report.check is not None
    assert report.check.before == accuracy(easy, data[1])
    assert report.check.after == accuracy(report.model, data[1])
    assert report.check.drop <= 0.005


def test_the_layer_with_a_huge_channel_stays_in_floats(
    easy: cnnx.Model, hard: cnnx.Model, data: tuple[Labelled, Labelled]
) -> None:
    np.testing.assert_allclose(hard(data[1][0]), easy(data[1][0]), rtol=1e-3, atol=1e-3)
    report = quantize_with_report(hard, data[0][0], check=data[1])
    assert report.float_layers == ("reader",)
    assert set(report.int8_layers) == {"first", "second", "logits"}
    assert report.check is not None
    assert report.check.drop <= 0.005
    assert report.check.after == accuracy(report.model, data[1])
    assert "in float32: reader" in str(report)


def test_without_labels_the_predicted_classes_decide(
    easy: cnnx.Model, hard: cnnx.Model, data: tuple[Labelled, Labelled]
) -> None:
    assert quantize_with_report(easy, data[0][0]).float_layers == ()
    assert quantize_with_report(hard, data[0][0], min_agreement=0).float_layers == ()
    report = quantize_with_report(hard, data[0][0])
    assert report.float_layers == ("reader",)
    assert report.calibration_images == 256
    assert report.compared_images == 1024
    assert report.agreement is not None
    assert report.agreement >= 0.985
    same = report.model.predict(data[1][0]) == hard.predict(data[1][0])
    assert np.mean(same) >= 0.97


def test_a_warning_if_the_predicted_classes_do_not_agree(
    hard: cnnx.Model, data: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnx.quantization.mixed_precision.LEAST_INT8_PART", 0.95)
    with pytest.warns(cnnx.Warning, match=r"quantize: the quantized model predicts the same class"):
        broken = quantize_with_report(hard, data[0][0])
    assert "reader" in broken.int8_layers
    assert accuracy(broken.model, data[1]) < accuracy(hard, data[1]) - 0.05


def test_a_drop_that_cannot_be_kept_is_refused(
    hard: cnnx.Model, data: tuple[Labelled, Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnx.quantization.mixed_precision.LEAST_INT8_PART", 0.95)
    with pytest.raises(
        AccuracyDropError,
        match=r"quantize: on 4,096 images the accuracy falls from [01]\.\d{4} to 0\.\d{4}, and to "
        r"0\.\d{4} with \d of 4 layers in float32 \(.*\), expected a drop of at most 0\.005",
    ):
        cnnx.quantize(hard, data[0][0], check=data[1])


def test_the_layer_that_reads_the_huge_channel_costs_most(
    hard: cnnx.Model, data: tuple[Labelled, Labelled]
) -> None:
    from cnnx.quantization.calibrated_network import calibrated_network
    from cnnx.quantization.calibration_images import compared_images

    images = compared_images(data[0][0], hard, "test").evenly_spaced()
    found = costs(calibrated_network(hard, images, "mse"))
    assert max(found, key=lambda name: found[name]) == "reader"
    assert found["reader"] > 10 * found["second"]
