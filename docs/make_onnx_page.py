"""Write docs/onnx.md: the operators of ONNX that cnnx imports, and the official cases that pass.

python docs/make_onnx_page.py      needs the package onnx

A case passes unless tests/support/refused_onnx_cases.py has it. tests/onnx_backend runs every case
and compares the page.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "onnx.md"
sys.path.insert(0, str(ROOT / "tests" / "support"))

import onnx  # noqa: E402
from cnnx.onnx.norm_patterns import LOCAL_RESPONSE_NORM, RESPONSE_NORM  # noqa: E402
from cnnx.onnx.operators import OPERATORS  # noqa: E402
from cnnx.onnx.patterns import LOG_SIGMOID  # noqa: E402
from cnnx.onnx.quantized_operators import REPLACED  # noqa: E402
from onnx_backend import cases_in_scope  # noqa: E402
from refused_onnx_cases import REFUSED  # noqa: E402

_NOT_IN_ONNX = {LOCAL_RESPONSE_NORM, LOG_SIGMOID, RESPONSE_NORM}  # patterns of several nodes
# Operator: layers of cnnx, conditions.
ROWS = {
    "Abs": ("`maximum`", ""),
    "Add": ("`add`", "two activations, or an activation and a constant (1)"),
    "AveragePool": ("`avg_pool2d`", "1-D or 2-D"),
    "BatchNormalization": ("`batch_norm2d`", "of images, in inference; else (1)"),
    "Cast": ("none", "to a type of real numbers"),
    "CastLike": ("none", ""),
    "Celu": ("`elu`", "a positive alpha"),
    "Clip": ("`relu`, `relu6`, `clip`", "constant bounds"),
    "Concat": ("`concat`", "along any axis but the batch; constants as `parameter`"),
    "Conv": ("`conv2d`", "1-D or 2-D"),
    "ConvTranspose": ("`conv_transpose2d`", "1-D or 2-D"),
    "DequantizeLinear": ("none", "of weights (3), pixels, or bytes of a QuantizeLinear"),
    "DepthToSpace": ("`depth_to_space`", ""),
    "Div": ("`reciprocal`, `multiply`", "by an activation, or by a constant (1)"),
    "Dropout": ("`dropout`", "one output, not in training mode"),
    "Einsum": ("`matmul`", "matrices of two activations, such as 'bhid,bhjd->bhij'"),
    "Elu": ("`elu`", ""),
    "Expand": ("`upsample2d`", "arrays of 3 or 4 axes, not along the batch"),
    "Flatten": ("`flatten`", "keeps the batch"),
    "Gather": (
        "`slice_channels`, `crop2d`, `upsample2d`",
        "channels; rows or columns in equal steps, or of nearest upsampling",
    ),
    "GatherND": ("`slice_channels`, `crop2d`, `upsample2d`", "as Gather, along one axis"),
    "Gelu": ("`gelu`", ""),
    "Gemm": ("`dense`", "constant weights"),
    "GlobalAveragePool": ("`global_avg_pool2d`, `adaptive_avg_pool2d`", ""),
    "GlobalMaxPool": ("`max_pool2d`", ""),
    "GroupNormalization": ("`group_norm`", ""),
    "HardSigmoid": ("`hard_sigmoid`", ""),
    "HardSwish": ("`hard_swish`", ""),
    "Identity": ("none", ""),
    "InstanceNormalization": ("`group_norm`", ""),
    "LRN": ("`lrn`", "also by an AveragePool, as PyTorch writes it with an odd size"),
    "LayerNormalization": ("`layer_norm`, `group_norm`", "one output"),
    "LeakyRelu": ("`leaky_relu`", ""),
    "LogSoftmax": ("`log_softmax`", "over one axis"),
    "LpNormalization": ("`l2_norm`", "p 2, over any axis but the batch"),
    "MatMul": (
        "`dense`, 1x1 `conv2d`, `matmul`",
        "with a constant matrix or matrices, or of two activations",
    ),
    "Max": (
        "`maximum`, `relu`, `clip`",
        "activations, constants and numbers, repeated to one shape",
    ),
    "MaxPool": ("`max_pool2d`", "1-D or 2-D, without the output of indices"),
    "Mean": ("`add`", "activations"),
    "MeanVarianceNormalization": ("`group_norm`", "over the pixels, or pixels and channels"),
    "Min": ("`maximum`, `clip`", "of activations and constant numbers"),
    "Mish": ("`mish`", ""),
    "Mul": ("`multiply`", "two activations, or an activation and a constant (1)"),
    "Neg": ("none", "(1)"),
    "PRelu": ("`prelu`", "one slope, or one per channel"),
    "Pad": (
        "`zero_pad2d`, `pad2d`, `crop2d`",
        "by a constant; height and width also reflect or edge, and negative pads crop them",
    ),
    "Pow": ("`multiply`", "the square"),
    "QGemm": ("`dense`, `quantize`", "(4)"),
    "QLinearAdd": ("`add`, `quantize`", "(4)"),
    "QLinearAveragePool": ("`avg_pool2d`, `quantize`", "(4)"),
    "QLinearConcat": ("`concat`, `quantize`", "(4)"),
    "QLinearConv": ("`conv2d`, `quantize`", "(4)"),
    "QLinearGlobalAveragePool": ("`adaptive_avg_pool2d`, `quantize`", "(4)"),
    "QLinearLeakyRelu": ("`leaky_relu`, `quantize`", "(4)"),
    "QLinearMatMul": ("`dense`, `quantize`", "(4)"),
    "QLinearMul": ("`multiply`, `quantize`", "(4)"),
    "QLinearSigmoid": ("`sigmoid`, `quantize`", "(4)"),
    "QLinearSoftmax": ("`softmax`, `quantize`", "(4)"),
    "QuantizeLinear": ("`quantize`", "uint8 or int8, one scale for the array"),
    "RMSNormalization": ("`rms_norm`", "one output"),
    "ReduceL2": (
        "`l2_norm`, `global_response_norm`",
        "in a division by the norm, bounded or with at most 1e-8 added; in ConvNeXt V2",
    ),
    "ReduceMax": ("`max_pool2d`", "over any axes but the batch"),
    "ReduceMean": ("`avg_pool2d`, `adaptive_avg_pool2d`", "over any axes but the batch"),
    "ReduceMin": ("`max_pool2d`", "over any axes but the batch"),
    "ReduceSum": ("`avg_pool2d`", "over any axes but the batch (1)"),
    "Reciprocal": ("`reciprocal`", ""),
    "Relu": ("`relu`", ""),
    "Reshape": ("`flatten`, `reshape`, `depth_to_space`, `space_to_depth`", "(2)"),
    "Resize": ("`upsample2d`", "nearest or linear, in the forms of PyTorch and Keras"),
    "Selu": ("`selu`", "its own alpha and gamma"),
    "Shape": ("none", "known sizes"),
    "Shrink": ("`hard_shrink`, `soft_shrink`", "a bias of 0 or of lambd"),
    "Sigmoid": ("`sigmoid`", ""),
    "SimplifiedLayerNormalization": ("`rms_norm`", "one output"),
    "Size": ("none", "known sizes"),
    "Slice": (
        "`slice_channels`, `crop2d`, `max_pool2d`",
        "neighbouring channels; rows and columns with steps from 1",
    ),
    "Softmax": ("`softmax`", "over one axis"),
    "Softplus": ("`softplus`", ""),
    "Softsign": ("`softsign`", ""),
    "SpaceToDepth": ("`space_to_depth`", ""),
    "Split": ("`slice_channels`, `crop2d`", "along the channels, the height or the width"),
    "SplitToSequence": ("`slice_channels`, `crop2d`", "read by SequenceAt at constant positions"),
    "Squeeze": ("none", ""),
    "Sub": ("`add`", "as Add (1)"),
    "Sum": ("`add`", "activations and constants"),
    "Swish": ("`silu`", "alpha 1"),
    "Tanh": ("`tanh`", ""),
    "Tile": ("`concat`, `upsample2d`", "not along the batch, at most 64 times"),
    "Transpose": ("none", "(2)"),
    "Unsqueeze": ("none", ""),
    "Upsample": ("`upsample2d`", ""),
}
HEAD = """# Operators of ONNX

`docs/make_onnx_page.py` writes this page, and `tests/onnx_backend` runs every case that it counts.
[exchange.md](exchange.md) says how to import and export models.

`cnnx.onnx.load` reads operator sets from 6 on. It converts the operators below if their conditions
hold, and refuses a file with one error that lists every other node with its reason. "Cases" are the
official tests of one node (`onnx.backend.test`, onnx {version}) whose first input and outputs are
float32: how many pass, of how many. Every other one is refused, for a reason in
[refused_onnx_cases.py](../tests/support/refused_onnx_cases.py).

| operator | layers | conditions | cases |
|---|---|---|---:|
"""
TAIL = """
(1) A constant scale or shift per channel becomes part of the weights of the layer before, or a
`scale2d`. One per pixel becomes a `scale2d` of the flattened image. A constant that repeats the
activation becomes a `parameter`, as does one of several matrices, one that is joined with an
activation, or one that a layer computes with, such as positions that are convolved. (2) The
importer notes the order of axes and changes weights. Where an operator needs other axes than a
layer has, `reshape` and `channel_shuffle` move them. (3) A weight that is int8 with the zero point
0, or uint8 with 128, stays int8 if it has one scale or one per output. Any other becomes float32.
(4) Operators of bytes become those of real numbers, with a `quantize` behind them.

| official tests | pass | refused |
|---|---:|---:|
"""


def page() -> str:
    """The text of docs/onnx.md: the operators and how many of their official cases pass."""
    imported = (OPERATORS.keys() - _NOT_IN_ONNX) | REPLACED
    if ROWS.keys() != imported:
        raise SystemExit(f"not in both ROWS and the importer: {ROWS.keys() ^ imported}")
    cases = cases_in_scope()
    counts = Counter((case.category, case.operator, case.name not in REFUSED) for case in cases)
    lines = [HEAD.format(version=onnx.__version__)]
    for operator, (layers, conditions) in ROWS.items():
        passed, refused = (counts["Node", operator, passes] for passes in (True, False))
        outcomes = f"{passed} of {passed + refused}" if passed + refused else ""
        lines.append(f"| {operator} | {layers} | {conditions} | {outcomes} |\n")
    lines.append(TAIL)
    for category in dict.fromkeys(case.category for case in cases):
        passed, refused = (
            sum(n for (own, _, each), n in counts.items() if own == category and each is passes)
            for passes in (True, False)
        )
        lines.append(f"| {category} | {passed} | {refused} |\n")
    return "".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # computing the expected values overflows here and there
    PAGE.write_text(page(), encoding="utf-8")
