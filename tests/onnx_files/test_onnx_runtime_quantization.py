"""Trained networks that ONNX Runtime has quantized, imported: the same predictions in integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cnnx
import numpy as np
import pytest
from cnnx import BatchNorm2d, Conv2d, Dense, GlobalAvgPool2d, Input, MaxPool2d, Model, ReLU
from onnx_exports import as_tensor, random_pixels, run_onnx

pytestmark = pytest.mark.usefixtures("onnx_runtime")

CALIBRATION, TESTED = 96, 400
STEPS = 12  # by which outputs may differ: one rounding in each layer moves those of all after it


def plain() -> Model:
    return cnnx.models.small((32, 32, 1), ["X", "O"], seed=3)


def residual() -> Model:
    image = Input((32, 32, 1))
    x = MaxPool2d(2)(ReLU()(BatchNorm2d()(Conv2d(8, 3, padding="same", bias=False)(image))))
    for channels in (8, 8):
        inner = ReLU()(BatchNorm2d()(Conv2d(channels, 3, padding="same")(x)))
        x = ReLU()(cnnx.Add()(BatchNorm2d()(Conv2d(channels, 3, padding="same")(inner)), x))
    outputs = Dense(2)(GlobalAvgPool2d()(x))
    return Model.from_graph(image, outputs, classes=["X", "O"], seed=3)


class Quantized(NamedTuple):
    """File of a quantized network, and images that it classifies."""

    file: Path
    model: Model
    pixels: Any
    signed_bytes: bool  # in operators of ONNX Runtime's own


NETWORKS: dict[str, Callable[[], Model]] = {"plain": plain, "residual": residual}
FORMS: dict[str, dict[str, Any]] = {
    "QDQ": {"per_channel": True},
    "QDQ, one scale, uint8": {"per_channel": False, "activation_type": "QUInt8"},
    "QOperator": {"per_channel": True, "activation_type": "QUInt8"},
    "QOperator, one scale": {"per_channel": False},
}


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request: pytest.FixtureRequest) -> Model:
    x, y = cnnx.data.xo(512, seed=1)
    model = NETWORKS[request.param]()
    cnnx.Trainer(model, optimizer=cnnx.Adam(0.01)).fit(x, y, epochs=2)
    return model


@pytest.fixture(params=FORMS)
def quantized(request: pytest.FixtureRequest, trained: Model, tmp_path: Path) -> Quantized:
    quantization = pytest.importorskip("onnxruntime.quantization")
    x, _ = cnnx.data.xo(CALIBRATION, seed=2)
    cnnx.onnx.save(trained, tmp_path / "model.onnx", input="float32", labels=False)
    shapes = pytest.importorskip("onnxruntime.quantization.shape_inference")
    shapes.quant_pre_process(  # folds batch norms
        tmp_path / "model.onnx", tmp_path / "folded.onnx", skip_symbolic_shape=True
    )
    settings = dict(FORMS[request.param])
    settings["activation_type"] = quantization.QuantType[settings.get("activation_type", "QInt8")]
    quantization.quantize_static(
        tmp_path / "folded.onnx",
        tmp_path / "quantized.onnx",
        reader(quantization.CalibrationDataReader, as_tensor(trained, x)),
        quant_format=quantization.QuantFormat[request.param.partition(",")[0]],
        weight_type=quantization.QuantType.QInt8,
        **settings,
    )
    pixels, _ = cnnx.data.xo(TESTED, seed=3)
    signed_bytes = request.param == "QOperator, one scale"
    return Quantized(tmp_path / "quantized.onnx", trained, pixels, signed_bytes)


def reader(base: Any, images: Any) -> Any:
    """Calibration images, in the form that ONNX Runtime reads."""

    class Reader(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches: Iterator[Any] = iter(np.split(images, 4))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"images": batch}

    return Reader()


def test_predictions_are_those_of_onnx_runtime(quantized: Quantized) -> None:
    back = cnnx.onnx.load(quantized.file)
    assert back.classes == ["X", "O"]
    tensor = as_tensor(quantized.model, quantized.pixels)
    file = quantized.file.read_bytes()
    expected = run_onnx(file, tensor, signed_bytes=quantized.signed_bytes)["probabilities"]
    values = back.predict_proba(quantized.pixels)
    assert np.mean(values.argmax(1) == expected.argmax(1)) >= 0.99
    np.testing.assert_allclose(values, expected, rtol=0, atol=STEPS / 256)


def test_every_weight_is_int8(quantized: Quantized) -> None:
    back = cnnx.onnx.load(quantized.file)
    counts, own = (Counter(kinds(model)) for model in (back, quantized.model))
    for kind in ("conv2d", "dense", "add", "max_pool2d"):
        assert counts[kind] == own[kind]
    scales = [name for name in back.buffers if name.endswith("weight_scale")]
    assert len(scales) == own["conv2d"] + own["dense"]


def test_convolutions_are_next_to_their_rounding(quantized: Quantized) -> None:
    """Inference computes both in one step."""
    found = kinds(cnnx.onnx.load(quantized.file))
    followers = [found[index + 1] for index, kind in enumerate(found) if kind == "conv2d"]
    assert {*followers} == {"quantize"}


def kinds(model: Model) -> list[str]:
    return [layer.kind for layer in model.layers]


def test_pixels_of_the_file_stay_pixels(trained: Model, tmp_path: Path) -> None:
    """A file that preprocesses pixels itself keeps its preprocessing."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    cnnx.onnx.save(trained, tmp_path / "model.onnx", labels=False)
    x = random_pixels(trained, 16)
    quantization.quantize_static(
        tmp_path / "model.onnx",
        tmp_path / "quantized.onnx",
        reader(quantization.CalibrationDataReader, x),
    )
    back = cnnx.onnx.load(tmp_path / "quantized.onnx")
    assert back.preprocessing == trained.preprocessing
    expected = run_onnx((tmp_path / "quantized.onnx").read_bytes(), x)["probabilities"]
    np.testing.assert_allclose(back.predict_proba(x), expected, rtol=0, atol=STEPS / 256)
