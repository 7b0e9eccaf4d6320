"""Every kind of layer as ONNX: ONNX Runtime computes its outputs at every version of operators."""

from __future__ import annotations

from collections.abc import Callable

import cnnx
import pytest
from cnnx.layers.base import Symbol
from cnnx.onnx.export_layers import EXPORTERS
from graph_networks import NETWORKS, build, with_random_values
from layer_kinds import IMAGE, KINDS, model
from onnx_exports import assert_onnx_runtime_agrees, graph

OPSETS = (15, 18, 20, 22)

every_opset = pytest.mark.parametrize("opset", OPSETS)
needs_onnx_runtime = pytest.mark.usefixtures("onnx_runtime")


def test_each_kind_has_an_exporter() -> None:
    assert set(EXPORTERS) == set(KINDS)


@needs_onnx_runtime
@every_opset
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_computes_a_kind(kind: str, changed: bool, opset: int) -> None:
    before = [cnnx.Softplus()] if kind == "reciprocal" else []  # pixels are 0, too
    made = with_random_values(model(kind, *before, changed=changed))
    if opset < 19 and made.layers[-1].kind == "avg_pool2d" and is_dilated(made):
        sentence = r"avg_pool2d_1 has dilation \(2, 3\), which the operators of opset \d+ cannot"
        with pytest.raises(ValueError, match=sentence):
            graph(made, opset=opset)
    else:
        assert_onnx_runtime_agrees(made, opset=opset)


def is_dilated(made: cnnx.Model) -> bool:
    return made._core.layers[-1][1].get("dilation", [1, 1]) != [1, 1]


def convolved(*layers: cnnx.Layer) -> cnnx.Model:
    return cnnx.Model([cnnx.Conv2d(4, 3), *layers], input_shape=IMAGE, seed=4)


def gated() -> cnnx.Model:
    image = cnnx.Input(IMAGE)
    gates = cnnx.Sigmoid()(cnnx.Conv2d(1, 3, padding="same")(image))
    return cnnx.Model.from_graph(image, cnnx.Multiply()(image, gates))


CASES: dict[str, Callable[[], cnnx.Model]] = {
    "convolution, same, even kernel, stride": lambda: convolved(
        cnnx.Conv2d(6, (2, 4), stride=(2, 3), padding="same", dilation=(2, 1), groups=2)
    ),
    "convolution, four sides": lambda: convolved(
        cnnx.Conv2d(6, 3, padding=((2, 0), (1, 3)), bias=False)
    ),
    "transposed convolution, same": lambda: convolved(
        cnnx.ConvTranspose2d(6, (3, 2), stride=(2, 3), padding="same", groups=2)
    ),
    "transposed convolution, four sides": lambda: convolved(
        cnnx.ConvTranspose2d(6, 3, stride=2, padding=((1, 0), (0, 1)), output_padding=(1, 0))
    ),
    "max pool, same": lambda: convolved(cnnx.MaxPool2d((2, 3), stride=2, padding="same")),
    "avg pool, same": lambda: convolved(cnnx.AvgPool2d(3, stride=2, padding="same")),
    "avg pool, padding counts": lambda: convolved(
        cnnx.AvgPool2d(3, stride=2, padding=((1, 2), (0, 1)))
    ),
    "avg pool, padding does not count": lambda: convolved(
        cnnx.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    ),
    "max pool, ceil": lambda: convolved(
        cnnx.MaxPool2d(3, stride=2, padding=((1, 0), (0, 2)), ceil_mode=True)
    ),
    "max pool, dilated, padding of a window and more": lambda: convolved(
        cnnx.MaxPool2d(2, stride=1, padding=2, dilation=2)
    ),
    "max pool, dilated, ceil": lambda: convolved(
        cnnx.MaxPool2d(2, stride=(4, 3), dilation=3, padding=1, ceil_mode=True)
    ),
    "avg pool, ceil, padding counts": lambda: convolved(
        cnnx.AvgPool2d(3, stride=3, padding=1, ceil_mode=True)
    ),
    "avg pool, ceil, padding does not count": lambda: convolved(
        cnnx.AvgPool2d(3, stride=3, padding=1, ceil_mode=True, count_include_pad=False)
    ),
    "adaptive pool, one window": lambda: convolved(cnnx.AdaptiveAvgPool2d(1)),
    "adaptive pool, equal windows": lambda: convolved(cnnx.AdaptiveAvgPool2d((5, 11))),
    "adaptive pool, unequal windows": lambda: convolved(cnnx.AdaptiveAvgPool2d((3, 4))),
    "upsampling to a size": lambda: convolved(cnnx.Upsample2d(size=(7, 23), mode="bilinear")),
    "upsampling, corners": lambda: convolved(
        cnnx.Upsample2d(size=(20, 1), mode="bilinear", align_corners=True)
    ),
    "upsampling, corners, by a factor": lambda: convolved(
        cnnx.Upsample2d(2, mode="bilinear", align_corners=True)
    ),
    "upsampling, nearest, to a size": lambda: convolved(cnnx.Upsample2d(size=(15, 22))),
    "upsampling, nearest, where a float32 rounds down": lambda: convolved(
        cnnx.Upsample2d(size=(20, 29)), cnnx.Upsample2d(size=(36, 7))
    ),
    "upsampling by 1": lambda: convolved(cnnx.Upsample2d(1), cnnx.ReLU()),
    "upsampling, bilinear": lambda: convolved(cnnx.Upsample2d((2, 3), mode="bilinear")),
    "group norm, a group per channel": lambda: convolved(cnnx.GroupNorm(4)),
    "group norm of features": lambda: convolved(cnnx.GlobalAvgPool2d(), cnnx.GroupNorm(2)),
    "layer norm of features": lambda: convolved(cnnx.Flatten(), cnnx.LayerNorm()),
    "weights after flatten and activations": lambda: convolved(
        cnnx.Flatten(), cnnx.PReLU(), cnnx.Scale2d(), cnnx.Dropout(0.5), cnnx.Tanh(), cnnx.Dense(5)
    ),
    "scale of features": lambda: convolved(cnnx.GlobalAvgPool2d(), cnnx.Scale2d(bias=False)),
    "channels of features": lambda: convolved(
        cnnx.GlobalAvgPool2d(), cnnx.ChannelShuffle(2), cnnx.SliceChannels(1, 3)
    ),
    "gates per pixel": gated,
    "flatten of flatten": lambda: convolved(cnnx.Flatten(), cnnx.Flatten(), cnnx.Dense(5)),
    "flatten at the end": lambda: convolved(cnnx.Flatten()),
    "dropout alone": lambda: cnnx.Model([cnnx.Dropout(0.5)], input_shape=IMAGE),
    "flatten of one channel": lambda: convolved(cnnx.Conv2d(1, 1), cnnx.Flatten(), cnnx.Dense(5)),
}


@needs_onnx_runtime
@every_opset
@pytest.mark.parametrize("case", CASES)
def test_onnx_runtime_computes_a_setting(case: str, opset: int) -> None:
    assert_onnx_runtime_agrees(with_random_values(CASES[case]()), opset=opset)


DILATED_AVERAGES = {
    "padding counts": cnnx.AvgPool2d(2, stride=1, padding=2, dilation=2),
    "padding does not count": cnnx.AvgPool2d(3, padding=1, dilation=2, count_include_pad=False),
    "ceil": cnnx.AvgPool2d(2, stride=(4, 3), dilation=3, padding=1, ceil_mode=True),
    "same": cnnx.AvgPool2d(3, stride=1, dilation=2, padding="same"),
}


@needs_onnx_runtime
@pytest.mark.parametrize("opset", [19, 22])
@pytest.mark.parametrize("case", DILATED_AVERAGES)
def test_onnx_runtime_computes_dilated_averages(case: str, opset: int) -> None:
    assert_onnx_runtime_agrees(convolved(DILATED_AVERAGES[case]), opset=opset)


def test_dilated_averages_that_onnx_cannot_express_are_refused() -> None:
    dilated = convolved(DILATED_AVERAGES["same"])
    with pytest.raises(ValueError, match=r"avg_pool2d_1 has dilation \(2, 2\), .* type opset=19$"):
        graph(dilated, opset=18)
    wide = convolved(cnnx.AvgPool2d(2, stride=1, padding=2, dilation=2, count_include_pad=False))
    sentence = (
        r"avg_pool2d_1 has dilation \(2, 2\) and padding \(2, 2, 2, 2\) that is not counted, "
    )
    with pytest.raises(ValueError, match=sentence):
        graph(wide, opset=19)


@needs_onnx_runtime
@pytest.mark.parametrize("network", NETWORKS)
def test_onnx_runtime_computes_a_graph(network: str) -> None:
    made = build(network)
    assert_onnx_runtime_agrees(made)
    assert_onnx_runtime_agrees(made, pixels=False)


def transposes(made: cnnx.Model) -> int:
    """Number of Transpose nodes behind the one at the input."""
    return [node.op_type for node in graph(made).nodes].count("Transpose") - 1


def test_weights_take_features_in_the_order_of_the_graph() -> None:
    dense = convolved(cnnx.Flatten(), cnnx.PReLU(), cnnx.Dropout(0.5), cnnx.Dense(5), cnnx.Dense(3))
    assert transposes(dense) == 0
    assert transposes(convolved(cnnx.Flatten())) == 1
    assert transposes(convolved(cnnx.Flatten(), cnnx.Softmax())) == 1
    assert transposes(convolved(cnnx.GlobalAvgPool2d())) == 0
    assert transposes(convolved(cnnx.LayerNorm())) == 2


def read_twice(image: Symbol) -> Symbol:
    flat = cnnx.Flatten()(image)
    return cnnx.Concat()(cnnx.Dense(5)(flat), cnnx.Tanh()(flat))


def test_features_that_something_else_reads_are_in_the_order_of_cnnx() -> None:
    image = cnnx.Input(IMAGE)
    assert transposes(cnnx.Model.from_graph(image, read_twice(image))) == 1


def test_dropout_is_left_out_and_batch_norm_stays() -> None:
    made = convolved(cnnx.BatchNorm2d(), cnnx.Dropout(0.5), cnnx.ReLU())
    operators = [node.op_type for node in graph(made, pixels=False).nodes]
    assert operators == ["Conv", "BatchNormalization", "Relu"]
