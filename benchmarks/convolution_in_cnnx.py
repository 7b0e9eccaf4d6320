"""One direction of a convolution in cnnx; a library of the convolution sweep.

Every call returns a new array, as it does for a user of `cnnx.ops`. `cnnx.ops` computes both
gradients at once, so a function for benchmarks alone times each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cnnx
from cnnx import _core

from benchmarks.convolutions import ConvolutionTask, Shape, checked_elements, draw, new_array
from benchmarks.network_in_cnnx import versions as versions


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """The direction as a call, and some elements of its result."""
    settings, direction, threads, _ = ConvolutionTask(*task)
    cnnx.set_num_threads(threads)
    shape = Shape(*settings)
    x, weight, bias, grad_output = draw(shape)

    def forward() -> Any:
        return cnnx.ops.conv2d(
            x,
            weight,
            bias,
            stride=shape.stride,
            padding=shape.padding,
            dilation=shape.dilation,
            groups=shape.groups,
        )

    def gradient() -> Any:
        result = new_array((x if direction == "input_gradient" else weight).shape)
        _core.repeat_conv2d(
            direction,
            *(x, weight, bias, grad_output, result),
            stride=[shape.stride] * 2,
            padding=[shape.padding] * 4,
            dilation=[shape.dilation] * 2,
            groups=shape.groups,
            method="chosen",
            repetitions=1,
        )
        return result

    call = forward if direction == "forward" else gradient
    return call, {"elements": checked_elements(call())}
