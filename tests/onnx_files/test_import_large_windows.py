"""Pools with ceil_mode whose one window exceeds the image, as ONNX Runtime computes them."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_exports import run_onnx
from onnx_models import OnnxModel, imported

OPERATORS = {
    "max": ("MaxPool", {}),
    "average": ("AveragePool", {"count_include_pad": 0}),
    "average of padding": ("AveragePool", {"count_include_pad": 1}),
}


def pooled(operator: str, settings: dict[str, Any], **windows: Any) -> tuple[OnnxModel, str]:
    m = OnnxModel(2, 3, 3, 7, opset=19)
    return m, m.node(operator, "x", ceil_mode=1, **settings, **windows)


@pytest.mark.usefixtures("onnx_runtime")
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "windows",
    [
        {"kernel_shape": [4, 2], "strides": [2, 2]},
        {"kernel_shape": [5, 8], "strides": [3, 2], "pads": [0, 0, 0, 0]},
        {"kernel_shape": [5, 3], "strides": [4, 2], "pads": [1, 1, 0, 0]},
        {"kernel_shape": [3, 2], "strides": [3, 1], "dilations": [2, 1]},
        {"kernel_shape": [3, 3], "strides": [3, 2], "dilations": [2, 2], "pads": [1, 0, 0, 1]},
    ],
    ids=str,
)
def test_one_window_that_exceeds_the_image(operator: str, windows: dict[str, Any]) -> None:
    m, output = pooled(*OPERATORS[operator], **windows)
    x = m.input()
    expected = run_onnx(m.proto(output).SerializeToString(), x, "x")[output]
    got = imported(m, output).run(x)
    assert got.shape == expected.shape
    assert expected.shape[2] == 1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_windows_that_exceed_the_image_by_a_stride_are_refused() -> None:
    m, output = pooled("MaxPool", {}, kernel_shape=[5, 2], strides=[2, 2])
    with pytest.raises(cnnx.onnx.UnsupportedError, match="its windows span 5 pixels of 3"):
        imported(m, output)
