"""`cnnx.quantize` on small trained models."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
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
