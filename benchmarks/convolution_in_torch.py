"""One direction of a convolution in PyTorch; a library of the convolution sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.convolutions import ConvolutionTask, Shape, checked_elements, draw
from benchmarks.network_in_torch import versions as versions


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """The direction as a call, and some elements of its result."""
    settings, direction, threads, mode = ConvolutionTask(*task)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    shape = Shape(*settings)
    layout = torch.channels_last if mode == "channels_last" else torch.contiguous_format
    data = draw(shape)

    def tensor(array: Any, *axes: int) -> torch.Tensor:
        return torch.from_numpy(array.transpose(axes)).clone(memory_format=layout)

    x, grad_output = tensor(data.x, 0, 3, 1, 2), tensor(data.grad_output, 0, 3, 1, 2)
    weight, bias = tensor(data.weight, 3, 2, 0, 1), torch.from_numpy(data.bias).clone()

    def forward() -> torch.Tensor:
        return torch.nn.functional.conv2d(
            x, weight, bias, shape.stride, shape.padding, shape.dilation, shape.groups
        )

    pairs = [[value] * 2 for value in (shape.stride, shape.padding, shape.dilation)]

    def backward(*wanted: bool) -> Any:
        return torch.ops.aten.convolution_backward(
            grad_output,
            x,
            weight,
            [shape.out_channels],
            *pairs,
            False,
            [0, 0],
            shape.groups,
            wanted,
        )

    def input_gradient() -> Any:
        return backward(True, False, False)[0]

    def weight_gradient() -> Any:
        return backward(False, True, True)[1]

    calls = {
        "forward": forward,
        "input_gradient": input_gradient,
        "weight_gradient": weight_gradient,
    }
    call = calls[direction]
    axes = (2, 3, 1, 0) if direction == "weight_gradient" else (0, 2, 3, 1)
    return call, {"elements": checked_elements(call().numpy().transpose(axes))}
