"""Quantized models as ONNX: int8 weights with scales, which ONNX Runtime computes in integers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.onnx.export_layers import EXPORTERS
from cnnx.onnx.graph_builder import LayerExport, Signal
from comparison import assert_same_bits
from onnx_exports import checked, content, expected, graph, random_pixels, run_onnx
from quantized_networks import NETWORKS, partly, plain, residual

every_network = pytest.mark.parametrize("name", NETWORKS)


@pytest.mark.usefixtures("onnx_runtime")
@every_network
@pytest.mark.parametrize("opset", [15, 18, 21, 23])
def test_onnx_runtime_computes_it(name: str, opset: int) -> None:
    """Sums of products are the same integers, their rounding differs in the last bit of float32."""
    model = NETWORKS[name]()
    file = content(model, opset=opset)
    checked(file)
    pixels = random_pixels(model, 16)
    output, values = expected(model, pixels)
    np.testing.assert_allclose(run_onnx(file, pixels)[output], values, rtol=0, atol=0.02)


@pytest.mark.usefixtures("onnx_runtime")
def test_onnx_runtime_computes_in_integers(tmp_path: Path) -> None:
    operators = optimized(content(plain(), labels=False), tmp_path / "optimized.onnx")
    assert operators["QLinearConv"] == 3
    assert operators["QGemm"] == 1
    assert not {"Conv", "FusedConv", "Gemm", "MatMul", "MatMulNBits"} & {*operators}


def optimized(file: bytes, path: Path) -> Counter[str]:
    """Operators that ONNX Runtime executes for a file."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@every_network
@pytest.mark.parametrize("settings", [{}, {"opset": 15, "input": "float32"}])
def test_it_comes_back_with_the_same_bits(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    model = NETWORKS[name]()
    cnnx.onnx.save(model, tmp_path / "model.onnx", **settings)
    back = cnnx.onnx.load(tmp_path / "model.onnx")
    assert described(back) == described(model)
    for each in model.parameters:
        if each.endswith(".weight"):
            assert_same_bits(back.parameters[each], model.parameters[each])
    for each in model.buffers:
        assert_same_bits(back.buffers[each], model.buffers[each])
    pixels = random_pixels(model, 8)
    assert_same_bits(back(pixels), model(pixels))


def described(model: cnnx.Model) -> list[tuple[str, str, Any]]:
    return [
        (kind, name, settings.get("int8_weight", settings.get("scale")))
        for kind, settings, name, *_ in model._core.layers
    ]


def test_weights_are_int8_and_the_bias_counts_in_units_of_the_sums() -> None:
    model = plain()
    arrays = graph(model).initializers
    scales = model.buffers["conv2d_1.weight_scale"]
    whole = arrays["conv2d_1.weight"]
    assert (whole.dtype, whole.shape) == (np.int8, (16, 3, 3, 3))
    weight = whole.astype(np.float32) * scales[:, np.newaxis, np.newaxis, np.newaxis]
    assert_same_bits(weight.transpose(2, 3, 1, 0), model.parameters["conv2d_1.weight"])
    units = np.float64(np.float32(1 / 255)) * scales
    bias = arrays["conv2d_1.bias"]
    assert bias.dtype == np.int32
    np.testing.assert_array_equal(bias, np.rint(model.parameters["conv2d_1.bias"] / units))


def test_a_bias_of_sums_of_real_numbers_stays_float32() -> None:
    model = partly()
    bias = graph(model).initializers["conv2d_1.bias"]
    assert_same_bits(bias, model.parameters["conv2d_1.bias"])


def test_a_bias_beyond_int32_stays_float32() -> None:
    model = plain()
    model.buffers["conv2d_1.weight_scale"] = np.full(16, 1e-12)
    bias = graph(model).initializers["conv2d_1.bias"]
    assert_same_bits(bias, model.parameters["conv2d_1.bias"])


# The check before the file is in place.


def coarser(layer: LayerExport) -> Signal:
    settings = {**layer.settings, "scale": 1.01 * layer.settings["scale"]}
    return QUANTIZE(LayerExport(**{**vars(layer), "settings": settings}))


def squashed(layer: LayerExport) -> Signal:
    return layer.last("Tanh", layer.x)


QUANTIZE = EXPORTERS["quantize"]
WRONG = {
    "another scale": ("quantize", coarser, "the ONNX graph has other quantize layers than the"),
    "another operator": ("silu", squashed, "the outputs of the ONNX graph differ"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_graph_that_computes_something_else_is_not_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, exporter, sentence = WRONG[case]
    monkeypatch.setitem(EXPORTERS, kind, exporter)
    with pytest.raises(ValueError, match=f"^save: {sentence}"):
        cnnx.onnx.save(partly(), tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_one_other_whole_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cnnx.onnx.export_weights as module

    own = module.whole_weight
    monkeypatch.setattr(
        module, "whole_weight", lambda weight, scales: own(weight, scales) ^ np.int8(1)
    )
    with pytest.raises(ValueError, match=r"^save: the outputs of the ONNX graph differ"):
        cnnx.onnx.save(residual(), tmp_path / "model.onnx")


@pytest.mark.parametrize("seed", range(3))
def test_other_forms_of_layers_do_not_hide_that_a_bias_is_rounded(
    seed: int, tmp_path: Path
) -> None:
    """An adaptive pooling comes back as another one, so that outputs are compared."""
    pytest.importorskip("onnx")
    layers = [
        *(cnnx.Conv2d(4, 3, padding=1), cnnx.ReLU(), cnnx.Conv2d(6, 3), cnnx.ReLU()),
        *(cnnx.AdaptiveAvgPool2d(2), cnnx.Flatten(), cnnx.Dense(4)),
    ]
    model = cnnx.Model(layers, input_shape=(12, 12, 1), seed=seed)
    quantized = cnnx.quantize(model, random_pixels(model, 96), min_agreement=0)
    cnnx.onnx.save(quantized, tmp_path / "model.onnx")
    pixels = random_pixels(model, 8, seed=1)
    assert_same_bits(cnnx.onnx.load(tmp_path / "model.onnx")(pixels), quantized(pixels))
