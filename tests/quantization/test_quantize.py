"""`cnnx.quantize` on small trained models."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.quantization import quantize_with_report
from cnnx.quantization.ranges import CALIBRATIONS, Calibration


@pytest.fixture(scope="module")
def trained() -> tuple[cnnx.Model, np.ndarray, np.ndarray]:
    x, y = cnnx.data.xo(1024, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    cnnx.Trainer(model).fit(x, y, epochs=2)
    return model, x, y


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_outputs_are_near(
    trained: tuple[cnnx.Model, np.ndarray, np.ndarray], calibration: Calibration
) -> None:
    model, x, _ = trained
    quantized = cnnx.quantize(model, x, calibration=calibration)
    expected = model(x)
    error = np.abs(quantized(x) - expected).mean() / np.abs(expected).mean()
    assert 0 < error < 0.03
    assert [layer.kind for layer in quantized.layers].count("quantize") == 4
    assert (quantized.predict(x) == model.predict(x)).mean() > 0.99
    assert quantized.classes == model.classes


def test_refusals(trained: tuple[cnnx.Model, np.ndarray, np.ndarray]) -> None:
    model, x, _ = trained
    with pytest.raises(TypeError, match="quantize: model is 3, expected"):
        cnnx.quantize(3, x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quantize: calibration is 'best', expected 'mse' or"):
        cnnx.quantize(model, x, calibration="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quantize: images is empty, expected at least one image"):
        cnnx.quantize(model, x[:0])
    with pytest.raises(ValueError, match="quantize: images holds NaN or infinity"):
        cnnx.quantize(model, np.full((1, 32, 32, 1), np.nan))


class Tensor:
    """Images of another library."""

    def __init__(self, x: np.ndarray) -> None:
        self._x = x

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self._x


@pytest.mark.slow
def test_every_form_of_images_gives_the_same_model(
    trained: tuple[cnnx.Model, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    model, x, y = trained
    np.savez(tmp_path / "images.npz", x=x, y=y)
    expected = quantize_with_report(model, x)
    assert expected.calibration_images == 256
    forms = (
        *(list(x), Tensor(x), x[..., 0]),
        *(cnnx.data.Dataset(x, y, ("X", "O")), tmp_path / "images.npz"),
    )
    for images in forms:
        found = quantize_with_report(model, images)  # type: ignore[arg-type]
        assert found.ranges == expected.ranges
        np.testing.assert_array_equal(found.model(x[:9]), expected.model(x[:9]))


def test_the_copy_keeps_what_the_model_has_besides_layers() -> None:
    x, y = cnnx.data.xo(64, seed=1)
    layers = [cnnx.Conv2d(4, 5, stride=4), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    how = cnnx.Preprocessing(resize="fit", mean=0.4, std=0.3)
    model = cnnx.Model(layers, input_shape=(32, 32, 1), classes=["X", "O"], preprocessing=how)
    trainer = cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    trainer.fit(x, np.eye(2, dtype=np.float32)[y], epochs=1)
    model.temperature = 1.5
    copy = cnnx.quantize(model, x)
    assert copy.preprocessing == model.preprocessing
    assert copy.temperature == 1.5
    assert copy.classes == ["X", "O"]
    np.testing.assert_allclose(copy.predict_proba(x), model.predict_proba(x), atol=0.02)


def test_models_that_cannot_be_quantized(
    trained: tuple[cnnx.Model, np.ndarray, np.ndarray],
) -> None:
    model, x, y = trained
    with pytest.raises(ValueError, match="quantize: the model's layer conv2d_1 has int8 weights"):
        cnnx.quantize(cnnx.quantize(model, x), x)
    pool = cnnx.Model([cnnx.AvgPool2d(32), cnnx.Flatten()], input_shape=(32, 32, 1))
    with pytest.raises(ValueError, match="quantize: the model has no layer that can compute in"):
        cnnx.quantize(pool, x)
    with pytest.raises(ValueError, match=r"quantize: check: y has shape \(3,\), expected"):
        cnnx.quantize(model, x, check=(x, y[:3]))
    with pytest.raises(ValueError, match="quantize: max_accuracy_drop is -1, expected"):
        cnnx.quantize(model, x, max_accuracy_drop=-1)
    with pytest.raises(ValueError, match=r"quantize: min_agreement is 1\.5, expected a number"):
        cnnx.quantize(model, x, min_agreement=1.5)
    with pytest.raises(ValueError, match="quantize: max_accuracy_drop is 5, expected a part of 1"):
        cnnx.quantize(model, x, check=(x, y), max_accuracy_drop=5)
    with pytest.raises(ValueError, match=r"quantize: max_accuracy_drop is 0, expected check=\(x,"):
        cnnx.quantize(model, x, max_accuracy_drop=0)
    with pytest.raises(ValueError, match="min_agreement is 1, expected max_accuracy_drop"):
        cnnx.quantize(model, x, check=(x, y), min_agreement=1)
    damaged = model.clone()
    kernel = damaged.parameters["conv2d_1.weight"]
    for value in (3e38, np.nan):
        damaged.parameters["conv2d_1.weight"] = np.full_like(kernel, value)
        with pytest.raises(FloatingPointError, match="quantize: the outputs of a layer are not"):
            cnnx.quantize(damaged, x)


def test_images_that_are_all_the_same_are_warned_about(
    trained: tuple[cnnx.Model, np.ndarray, np.ndarray],
) -> None:
    model, x, _ = trained
    reason = "so the ranges of the activations are unknown, expected images as those to predict"
    with pytest.warns(cnnx.Warning, match=f"^quantize: images are 4 times the same one, {reason}"):
        cnnx.quantize(model, x[[5] * 4])
    with pytest.warns(cnnx.Warning, match=f"^quantize: all pixels of images are 0, {reason}"):
        cnnx.quantize(model, np.zeros((4, 32, 32, 1)), min_agreement=0)
    cnnx.quantize(model, x[:1], min_agreement=0)  # a warning would be an error
