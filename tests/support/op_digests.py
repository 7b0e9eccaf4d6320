"""Print, as JSON, one hash per op of its results on fixed inputs; run by test_every_isa.py.

Not part of the package. Two instruction sets that promise the same bits must print the same hashes.
Every input ends where an unmapped page begins (on Linux), so a kernel that reads past its last
element crashes.

    python tests/support/op_digests.py THREADS
"""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import json
import mmap
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import cnnx
import layer_kinds
import numpy as np
from activation_names import ACTIVATIONS, reads_output
from cnnx import ops
from samples import AnyArray, Float32Array, gaussians

Call: TypeAlias = "Callable[[], object]"


def before_an_unmapped_page(array: AnyArray) -> AnyArray:
    """A copy whose last byte is the last readable one."""
    if sys.platform != "linux" or array.size == 0:
        return array
    page = mmap.PAGESIZE
    pages = -(-array.nbytes // page)
    memory = mmap.mmap(-1, (pages + 1) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    no_access = 0
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(start + pages * page), ctypes.c_size_t(page), no_access) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(memory, array.dtype, array.size, pages * page - array.nbytes)
    copy = copy.reshape(array.shape)
    copy[...] = array
    return copy


class Inputs:
    """Gaussians of any shape, each array placed before an unmapped page."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def __call__(self, *shape: int) -> Float32Array:
        return before_an_unmapped_page(gaussians(self.rng, *shape))

    def like(self, array: AnyArray) -> Float32Array:
        return self(*array.shape)


def conv2d_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    cases: list[tuple[tuple[int, ...], int, tuple[int, int], dict[str, Any]]] = [
        ((2, 9, 11, 3), 5, (3, 3), {"padding": 1}),
        ((1, 28, 28, 1), 6, (5, 5), {}),
        ((2, 11, 37, 1), 6, (5, 5), {"padding": 2}),
        ((3, 13, 7, 6), 20, (3, 3), {"padding": "same", "stride": 2}),
        ((2, 8, 9, 20), 24, (3, 3), {"padding": 1}),
        ((1, 12, 15, 33), 65, (3, 3), {}),
        ((2, 7, 13, 24), 24, (3, 3), {"padding": 1, "groups": 24}),
        ((2, 9, 13, 20), 40, (3, 3), {"padding": 1, "stride": 2, "groups": 5}),
        ((2, 7, 9, 12), 18, (3, 3), {"padding": 1, "groups": 6}),
        ((2, 7, 9, 22), 22, (3, 3), {"padding": 1, "groups": 11}),
        ((2, 8, 17, 20), 20, (3, 3), {"padding": 1, "stride": 2, "groups": 5}),
        ((2, 8, 17, 24), 24, (3, 3), {"padding": 1, "groups": 3}),
        ((2, 8, 11, 64), 96, (3, 3), {"padding": 1, "groups": 2}),
        ((2, 13, 13, 24), 12, (3, 2), {"groups": 4, "dilation": 2, "stride": 2, "padding": (2, 1)}),
        ((5, 6, 6, 17), 16, (1, 1), {"stride": 3}),
        ((1, 3, 4, 8), 9, (5, 5), {"padding": 3}),
        ((4, 32, 32, 16), 16, (3, 3), {"padding": 1}),
        ((3, 6, 6, 24), 20, (3, 3), {"padding": 1}),
        ((2, 8, 7, 130), 128, (3, 3), {"padding": 1}),
    ]
    for size, out_channels, kernel, settings in cases:
        x, bias = inputs(*size), inputs(out_channels)
        weight = inputs(*kernel, size[3] // settings.get("groups", 1), out_channels)
        yield from both("conv2d", inputs, (x, weight), (bias,), settings)


def conv_transpose2d_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    cases: list[tuple[tuple[int, ...], int, tuple[int, int], dict[str, Any]]] = [
        ((2, 5, 7, 20), 12, (4, 4), {"stride": 2, "padding": 1}),
        ((1, 6, 5, 33), 17, (3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ((2, 8, 9, 24), 20, (3, 3), {"padding": 1}),
        ((1, 3, 4, 6), 5, (2, 2), {"stride": 3, "output_padding": 2}),
        ((2, 9, 11, 16), 3, (5, 5), {"padding": "same"}),
        ((2, 9, 11, 1), 6, (5, 5), {"padding": "same"}),
        ((2, 7, 9, 20), 20, (3, 3), {"stride": 2, "padding": 1, "groups": 5}),
        ((2, 5, 6, 24), 24, (4, 4), {"stride": 2, "padding": 1, "groups": 24}),
        ((2, 5, 6, 12), 18, (3, 2), {"stride": 2, "dilation": 3, "groups": 6}),
    ]
    for size, out_channels, kernel, settings in cases:
        x, bias = inputs(*size), inputs(out_channels)
        weight = inputs(*kernel, out_channels // settings.get("groups", 1), size[3])
        yield from both("conv_transpose2d", inputs, (x, weight), (bias,), settings)


def pool_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size, kernel, settings in (
        ((2, 8, 8, 6), 2, {}),
        ((1, 7, 13, 20), 2, {"padding": "same"}),
        ((3, 13, 7, 33), 3, {"stride": 2, "padding": 1}),
        ((1, 9, 6, 3), (4, 2), {"stride": (1, 3), "padding": ((3, 0), (1, 1))}),
    ):
        for name in ("max_pool2d", "avg_pool2d"):
            yield from both(name, inputs, (inputs(*size), kernel), (), settings)
        counted = {**settings, "count_include_pad": False}
        yield from both("avg_pool2d", inputs, (inputs(*size), kernel), (), counted)


def batch_norm_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((2, 3, 5, 1), (1, 64, 65, 1), (2, 9, 7, 17), (5, 4, 4, 100), (3, 5, 3, 600)):
        x, grad_output = inputs(*size), inputs(*size)
        weight, bias = inputs(size[3]), inputs(size[3])
        mean, variance = (
            before_an_unmapped_page(array) for array in ops.batch_norm2d_training(x)[1:]
        )
        yield "batch_norm2d", partial(ops.batch_norm2d, x, weight, bias, mean, variance)
        yield "batch_norm2d_training", partial(ops.batch_norm2d_training, x, weight, bias)
        arguments = (grad_output, x, weight, mean, variance)
        yield "batch_norm2d_backward", partial(ops.batch_norm2d_backward, *arguments)


def group_norm_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size, groups in (
        ((2, 3, 5, 1), 1),
        ((1, 64, 65, 6), 3),
        ((3, 9, 7, 34), 2),
        ((2, 5, 3, 600), 40),
        ((7, 1, 1, 40), 5),
        ((130, 51), 3),
    ):
        x, grad_output, weight, bias = (
            *(inputs(*size), inputs(*size)),
            *(inputs(size[-1]), inputs(size[-1])),
        )
        for name, settings in (("group_norm", (groups,)), ("layer_norm", ())):
            yield name, partial(getattr(ops, name), x, weight, bias, *settings)
            backward = getattr(ops, f"{name}_backward")
            yield f"{name}_backward", partial(backward, grad_output, x, weight, *settings)


def prelu_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((1, 1), (2, 9, 7, 3), (1, 64, 65, 1), (5, 4, 4, 17), (33, 600)):
        yield from both("prelu", inputs, (inputs(*size), inputs(size[-1])), (), {})


def lrn_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size, window in (((1, 1), 1), ((2, 9, 7, 3), 2), ((1, 64, 65, 33), 5), ((3, 100), 250)):
        settings = {"alpha": 0.5, "beta": 0.75, "k": 2.0}
        yield from both("lrn", inputs, (inputs(*size), window), (), settings)


def global_response_norm_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((1, 1, 1, 1), (2, 9, 7, 3), (1, 64, 65, 33), (5, 4, 4, 17)):
        x, weight, bias = inputs(*size), inputs(size[-1]), inputs(size[-1])
        yield "global_response_norm", partial(ops.global_response_norm, x, weight, bias)
        backward = partial(ops.global_response_norm_backward, inputs(*size), x, weight)
        yield "global_response_norm_backward", backward


def l2_norm_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((1, 1), (2, 9, 7, 3), (1, 64, 65, 33), (3, 600)):
        for epsilon in (1e-12, 1.0):
            yield from both("l2_norm", inputs, (inputs(*size),), (), {"epsilon": epsilon})
        for weight in ((), (inputs(size[-1]),)):
            yield from both("rms_norm", inputs, (inputs(*size), *weight), (), {"epsilon": 1e-3})


def scale2d_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((1, 1), (2, 9, 7, 3), (1, 64, 65, 1), (5, 4, 4, 17), (33, 600)):
        x, weight, bias = inputs(*size), inputs(size[-1]), inputs(size[-1])
        yield from both("scale2d", inputs, (x, weight), (bias,), {})


def parameter_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for images, size in ((1, (1, 1, 1)), (3, (5, 7, 6)), (9, (1, 65, 33))):
        x, weight = inputs(images, 2, 3, 4), inputs(*size)
        yield "parameter", partial(ops.parameter, x, weight)
        grad_output = inputs(images, *size)
        yield "parameter_backward", partial(ops.parameter_backward, grad_output, x, weight)


def resampling_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for size in ((1, 1, 1, 1), (2, 5, 7, 6), (1, 4, 3, 33)):
        yield from both("global_avg_pool2d", inputs, (inputs(*size),), (), {})
        yield from both("adaptive_avg_pool2d", inputs, (inputs(*size), (3, 2)), (), {})
        yield from both("zero_pad2d", inputs, (inputs(*size), ((1, 0), (2, 3))), (), {})
        for mode in ("nearest", "bilinear"):
            yield from both("upsample2d", inputs, (inputs(*size), (2, 3)), (), {"mode": mode})


def rearranging_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for channels in (4, 12, 36):
        x = inputs(2, 4, 6, channels)
        for mode in ("reflect", "edge"):
            yield from both("pad2d", inputs, (x, ((2, 1), (0, 3))), (), {"mode": mode})
        yield from both("crop2d", inputs, (x, ((2, 1), (0, 3))), (), {})
        yield from both("channel_shuffle", inputs, (x, 2), (), {})
        yield from both("slice_channels", inputs, (x, 1, 3), (), {})
        for mode in ("DCR", "CRD"):
            yield from both("depth_to_space", inputs, (x, 2), (), {"mode": mode})
            yield from both("space_to_depth", inputs, (x, 2), (), {"mode": mode})


def later_settings_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    """Settings that came after the recorded digests of earlier versions, under other names."""
    for size in ((2, 9, 12, 19), (1, 8, 7, 6)):
        windows = {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}
        calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
            ("max_pool2d", (2,), windows),
            ("avg_pool2d", ((2, 3),), windows),
            ("avg_pool2d", (3,), {"stride": 2, "ceil_mode": True}),
            ("upsample2d", (), {"size": (7, 4)}),
            ("upsample2d", (), {"size": (13, 5), "mode": "bilinear"}),
            ("upsample2d", (), {"size": (7, 15), "mode": "bilinear", "align_corners": True}),
        ]
        for op, arguments, settings in calls:
            for name, call in both(op, inputs, (inputs(*size), *arguments), (), settings):
                yield f"{name} with later settings", call


def dense_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for batch, in_features, out_features in ((1, 400, 120), (65, 84, 10), (7, 33, 17), (64, 1, 3)):
        x, weight = inputs(batch, in_features), inputs(in_features, out_features)
        yield from both("dense", inputs, (x, weight), (inputs(out_features),), {})


def elementwise_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for length in (1, 7, 17, 1003):
        x, grad_output = inputs(3, length), inputs(3, length)
        for name in (*ACTIVATIONS, "softmax", "log_softmax"):
            settings = layer_kinds.arguments(name)
            forward, backward = getattr(ops, name), getattr(ops, f"{name}_backward")
            yield name, partial(forward, before_an_unmapped_page(8 * x), **settings)
            saved = before_an_unmapped_page(forward(x, **settings)) if reads_output(name) else x
            yield f"{name}_backward", partial(backward, grad_output, saved, **settings)


def quantize_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for length in (1, 7, 17, 1003):
        yield from both("quantize", inputs, (inputs(3, length), 0.02, 100), (), {})


def layer_calls() -> Iterator[tuple[str, Call]]:
    """Every kind of layer behind a convolution: its output, and all gradients of a step."""
    for kind in layer_kinds.KINDS:
        for changed in (False, True):
            model = layer_kinds.model(kind, cnnx.Conv2d(4, 1), changed=changed, trained=True)
            yield f"{kind} layer", partial(outputs_and_gradients, model)
    yield "multiply layer", partial(outputs_and_gradients, pixel_gates())


def pixel_gates() -> cnnx.Model:
    """A product of images with one factor per pixel."""
    image = cnnx.Input((5, 7, 3))
    maps, gates = cnnx.Conv2d(37, 1)(image), cnnx.Conv2d(1, 3, padding=1)(image)
    return cnnx.Model.from_graph(image, cnnx.Multiply()(maps, gates), seed=4)


def outputs_and_gradients(model: cnnx.Model) -> tuple[Float32Array, ...]:
    inputs = Inputs()
    x, y = inputs(3, *model.input_shape), inputs(3, *model.output_shape)
    trainer = cnnx.Trainer(model, loss=cnnx.MSE())
    outputs = model(x)
    trainer.compute_gradients(x, y)
    return outputs, trainer.gradients


def loss_calls(inputs: Inputs) -> Iterator[tuple[str, Call]]:
    for rows, outputs in ((1, 1), (7, 10), (65, 17), (3, 1003)):
        logits = inputs(rows, outputs)
        labels = before_an_unmapped_page(inputs.rng.integers(0, outputs, rows))
        targets = before_an_unmapped_page(inputs.rng.random((rows, outputs), dtype=np.float32))
        soft_labels = before_an_unmapped_page(targets / targets.sum(axis=1, keepdims=True))
        weights = before_an_unmapped_page(inputs.rng.random(outputs, dtype=np.float32))
        losses: list[tuple[str, AnyArray, dict[str, Any]]] = [
            ("cross_entropy", soft_labels, {}),
            ("cross_entropy", soft_labels, {"class_weights": weights, "label_smoothing": 0.1}),
            ("cross_entropy", labels, {"class_weights": weights}),
            ("cross_entropy", labels, {"label_smoothing": 0.1}),
            ("binary_cross_entropy", targets, {}),
            ("mean_squared_error", targets, {}),
            ("mean_absolute_error", targets, {}),
            ("huber", targets, {"delta": 0.75}),
        ]
        for loss, target, settings in losses:
            for name in (loss, f"{loss}_backward"):
                yield name, partial(getattr(ops, name), logits, target, **settings)


def both(
    name: str,
    inputs: Inputs,
    arguments: tuple[Any, ...],
    bias: tuple[Float32Array, ...],
    settings: dict[str, Any],
) -> Iterator[tuple[str, Call]]:
    """The op, and its backward with a gradient of the output's shape."""
    forward, backward = getattr(ops, name), getattr(ops, f"{name}_backward")
    yield name, partial(forward, *arguments, *bias, **settings)
    grad_output = inputs.like(forward(*arguments, **settings))
    yield f"{name}_backward", partial(backward, grad_output, *arguments, **settings)


def digests() -> dict[str, str]:
    hashes = {name: hashlib.sha256() for name, op in vars(ops).items() if inspect.isfunction(op)}
    hashes.update({f"{kind} layer": hashlib.sha256() for kind in layer_kinds.KINDS})
    inputs = Inputs()
    for calls in (
        conv2d_calls,
        conv_transpose2d_calls,
        pool_calls,
        resampling_calls,
        batch_norm_calls,
        group_norm_calls,
        prelu_calls,
        dense_calls,
        elementwise_calls,
        loss_calls,
        rearranging_calls,
        later_settings_calls,
        lrn_calls,
        global_response_norm_calls,
        l2_norm_calls,
        scale2d_calls,
        parameter_calls,
        quantize_calls,
        lambda _: layer_calls(),
    ):
        for name, call in calls(inputs):
            result = call()
            for array in result if isinstance(result, tuple) else (result,):
                hashes.setdefault(name, hashlib.sha256()).update(np.asarray(array).tobytes())
    nothing = hashlib.sha256().hexdigest()
    return {name: "" if h.hexdigest() == nothing else h.hexdigest() for name, h in hashes.items()}


if __name__ == "__main__":
    cnnx.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"isa": cnnx.isa(), **digests()}))
