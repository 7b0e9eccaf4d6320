"""The speed of every op relative to the CPU's limits, on one thread.

    python -m benchmarks.kernels [--isa avx2] [--rounds 40] [--attempts 4] [--quick]

Convolutions and dense layers are compared with the peak of fused multiply-adds. All other ops do
little arithmetic and are compared with NumPy's copy or addition of arrays of the same size. Both
limits are measured in the same run, before and after every turn of a kernel. The fraction is formed
within each round, and the median over the rounds counts.

Only executed multiplications count. Direct convolution skips the rows of a window beyond the image
and multiplies the columns beyond it as zeros. The weight gradient, and strides above 1, skip both.
Winograd's tiles of m x m outputs cost (m + 2)^2 multiplications per pair of channels, with stride 2
(kernel + 6)^2 for 4 x 4 outputs; its transforms are not counted. The bits of the result identify
the algorithm chosen for a shape.

Goals are set for direct convolution, packing included; the best attempt counts. Exits 1 when a goal
is missed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.convolutions import DIRECTIONS, Shape, depthwise, square
from benchmarks.options import kernel_options

if TYPE_CHECKING:
    from benchmarks.network_description import FloatArray

GOALS = {
    "avx512": {"forward": 0.85, "input_gradient": 0.85, "weight_gradient": 0.80},
    "avx2": {"forward": 0.80, "input_gradient": 0.80, "weight_gradient": 0.70},
}
METHODS = {"direct": 0, "winograd2x2": 2, "winograd4x4": 4}  # and the side of a tile
HELD_TO_THE_GOAL = (Shape(32, 32, 32), Shape(16, 64, 64), Shape(56, 64, 64))
SHOWN = (
    *(Shape(28, 1, 32, padding=0), Shape(26, 32, 64, padding=0), Shape(32, 3, 32)),
    *(Shape(32, 16, 16), Shape(8, 64, 64), Shape(14, 256, 256), Shape(32, 16, 32, stride=2)),
    *(square(28, 1, 6, 5), Shape(14, 6, 16, 5, padding=0), square(28, 32, 32, 5)),
    *(square(14, 256, 128, 1), square(24, 64, 128, 1), Shape(14, 256, 256, groups=8)),
    *(depthwise(56, 64), depthwise(24, 64, stride=2), depthwise(14, 256)),
)
DENSE = ((64, 400, 120), (64, 4096, 512), (64, 9216, 128), (1, 9216, 128))
IMAGES = (64, 32, 32, 32)
PARAMETERS = ((64, 64, 4), 512)  # a dense layer of eight million


class Convolution:
    """One shape and direction, on arrays that are allocated once."""

    def __init__(self, shape: Shape, direction: str) -> None:
        """Draw the arrays."""
        from benchmarks.peak import gaussians

        self._direction, self._shape = direction, shape
        images = (shape.batch, shape.size, shape.size, shape.in_channels)
        results = (shape.batch, shape.out_size, shape.out_size, shape.out_channels)
        self._x, self._weight = gaussians(images), gaussians(shape.weight_shape)
        self._grad_output, self._bias = gaussians(results), gaussians((shape.out_channels,))
        shapes = dict(zip(DIRECTIONS, (results, images, shape.weight_shape), strict=True))
        self._result = gaussians(shapes[direction])

    def run(self, count: int, method: str) -> FloatArray:
        """Compute the direction `times` times."""
        from cnnx import _core

        _core.repeat_conv2d(
            self._direction,
            *(self._x, self._weight, self._bias, self._grad_output, self._result),
            stride=[self._shape.stride] * 2,
            padding=[self._shape.padding] * 4,
            dilation=[self._shape.dilation] * 2,
            groups=self._shape.groups,
            method=method,
            repetitions=count,
        )
        return self._result

    def chosen(self) -> str:
        """The method chosen for the shape, identified by the bits of its result."""
        bits, shape = self.run(1, "chosen").copy(), self._shape
        # Winograd's method takes several groups only of whole sixteens of channels.
        channels = (shape.in_channels // shape.groups, shape.out_channels // shape.groups)
        sixteens = shape.groups == 1 or all(count % 16 == 0 for count in channels)
        tiles = {3: (2, 4), 5: (2,), 7: (4,)}.get(shape.kernel_size, ())
        fits = shape.stride == 1 and sixteens and (shape.groups == 1 or shape.kernel_size < 7)
        if shape.stride == 2:
            tiles, fits = (4,), shape.kernel_size in (3, 5, 7) and shape.groups == 1
        for method, tile in METHODS.items():
            if (tile == 0 or (fits and tile in tiles)) and np.array_equal(
                self.run(1, method), bits
            ):
                return method
        raise ValueError(f"{self._shape} {self._direction}: no method has these bits")

    def operations(self, method: str) -> int:
        """Floating-point operations executed: two per multiplication."""
        shape, kernel = self._shape, self._shape.kernel_size
        pairs = shape.batch * shape.out_channels * shape.in_channels // shape.groups
        tile = METHODS[method]
        if tile:
            covered = shape.size if self._direction == "input_gradient" else shape.out_size
            points = 3 * (tile + 2) if kernel == 7 else tile + kernel - 1
            if shape.stride == 2:  # of the even and the odd taps
                points = kernel + 6
            return 2 * pairs * (-(-covered // tile) * points) ** 2
        starts = np.arange(shape.out_size)[:, None] * shape.stride - shape.padding
        places = starts + np.arange(kernel)
        inside = int(((places >= 0) & (places < shape.size)).sum())
        both = self._direction == "weight_gradient" or shape.stride > 1
        covered = shape.size if self._direction == "input_gradient" else shape.out_size
        return 2 * pairs * inside * (inside if both else kernel * covered)


class Row(NamedTuple):
    """An op limited by memory traffic."""

    name: str
    call: Callable[[], object]
    moved: float  # bytes read and written


def layer_ops() -> Iterator[Row]:
    """Activations, softmax and pools, whose results are fresh arrays."""
    import cnnx

    from benchmarks.peak import gaussians

    x, gradient = gaussians(IMAGES), gaussians(IMAGES, 1)
    pooled = gradient[:, ::2, ::2].copy()
    small, large = pooled.nbytes, x.nbytes
    ops = cnnx.ops
    logits = x.reshape(-1, IMAGES[-1])
    yield Row("relu", lambda: ops.relu(x), 2 * large)
    yield Row("relu_backward", lambda: ops.relu_backward(gradient, x), 3 * large)
    yield Row("sigmoid", lambda: ops.sigmoid(x), 2 * large)
    yield Row("tanh", lambda: ops.tanh(x), 2 * large)
    yield Row("softmax", lambda: ops.softmax(logits), 2 * large)
    few = x.reshape(-1, 4)
    yield Row("softmax of 4 classes", lambda: ops.softmax(few), 2 * large)
    for kind, pool, pool_backward, reads in (
        ("max_pool2d", ops.max_pool2d, ops.max_pool2d_backward, small + large),
        ("avg_pool2d", ops.avg_pool2d, ops.avg_pool2d_backward, small),
    ):
        yield Row(f"{kind} 2x2", partial(pool, x, 2), large + small)
        yield Row(f"{kind}_backward 2x2", partial(pool_backward, pooled, x, 2), reads + large)


def optimizers() -> Iterator[Row]:
    """Updates: they read and write every parameter and slot, and read every gradient."""
    import cnnx

    from benchmarks.peak import gaussians

    input_shape, outputs = PARAMETERS
    for name, optimizer, slots in (
        ("SGD", cnnx.SGD(1e-6), 0),
        ("SGD with momentum", cnnx.SGD(1e-6, momentum=0.9), 1),
        ("Adam", cnnx.Adam(1e-6), 2),
        ("AdamW", cnnx.AdamW(1e-6), 2),
    ):
        model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(outputs)], input_shape=input_shape)
        trainer = cnnx.Trainer(model, optimizer=optimizer)
        trainer.gradients[...] = gaussians(trainer.gradients.shape)
        yield Row(name, trainer.apply_gradients, trainer.gradients.nbytes * (3 + 2 * slots))


def repeated(call: Callable[[], object]) -> Callable[[int], None]:
    """The call as a function of the number of repetitions."""

    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


def show(
    name: str, what: str, speed: float, unit: str, fraction: float, goal: float | None = None
) -> None:
    """Print a row."""
    verdict = (
        "" if goal is None else f"  goal {goal:.0%}  {'met' if fraction >= goal else 'MISSED'}"
    )
    print(f"  {name:42} {what:32} {speed / 1e9:7.1f} {unit} {fraction:6.1%}{verdict}", flush=True)


def convolutions(goals: dict[str, float], rounds: int, attempts: int) -> bool:
    """Print the convolutions; returns whether the goals were met."""
    from benchmarks.peak import Peak, speed_and_fraction

    peak = Peak()
    print(f"peak {statistics.median(peak() for _ in range(15)) / 1e9:.0f} GFLOP/s; fraction of it")
    met = True
    for shape in (*HELD_TO_THE_GOAL, *SHOWN):
        for direction in DIRECTIONS:
            convolution = Convolution(shape, direction)
            chosen = convolution.chosen()
            judged = shape in HELD_TO_THE_GOAL
            for method in dict.fromkeys((chosen, "direct") if judged else (chosen,)):
                goal = goals[direction] if judged and method == "direct" else None
                best = (0.0, 0.0)
                for _ in range(attempts):
                    run = partial(convolution.run, method=method)
                    work = convolution.operations(method)
                    speed, fraction = speed_and_fraction(peak, run, work, rounds)
                    best = max(best, (fraction, speed))
                    if goal is None or best[0] >= goal:
                        break
                met = met and (goal is None or best[0] >= goal)
                what = f"{direction} {method}" + (" (chosen)" if method == chosen else "")
                show(f"{shape}, batch {shape.batch}", what, best[1], "GFLOP/s", best[0], goal)
    return met


def dense_layers(rounds: int) -> None:
    """Print the dense layers."""
    import cnnx

    from benchmarks.peak import Peak, gaussians, speed_and_fraction

    peak = Peak()
    for batch, inputs, outputs in DENSE:
        x, weight = gaussians((batch, inputs)), gaussians((inputs, outputs))
        bias, gradient = gaussians((outputs,)), gaussians((batch, outputs))
        for what, call, times in (
            ("forward", partial(cnnx.ops.dense, x, weight, bias), 1),
            ("both gradients", partial(cnnx.ops.dense_backward, gradient, x, weight), 2),
        ):
            work = 2 * times * batch * inputs * outputs
            speed, fraction = speed_and_fraction(peak, repeated(call), work, rounds)
            show(
                f"dense {inputs}->{outputs}, batch {batch}", what, speed, "GFLOP/s", fraction, None
            )


def moving_ops(rounds: int) -> None:
    """Print the ops limited by memory traffic."""
    from benchmarks.peak import adding, copying, gaussians, speed_and_fraction

    print("fraction of NumPy's copying or, for optimizers, adding; 8 MB of images, 8 M parameters")
    parameters = (int(np.prod(PARAMETERS[0])) * PARAMETERS[1],)
    for rows, reference in (
        (layer_ops(), copying(gaussians(IMAGES))),
        (optimizers(), adding(gaussians(parameters))),
    ):
        for name, call, moved in rows:
            speed, fraction = speed_and_fraction(reference, repeated(call), moved, rounds)
            show(name, "", speed, "GB/s   ", fraction)


def main() -> int:
    """Print all results; returns 1 if a goal is missed."""
    arguments = kernel_options(__doc__.splitlines()[0], GOALS, 40, 4)
    import cnnx

    isa = cnnx.isa()
    if isa not in GOALS:
        print(f"no goals for {isa}, expected one of {', '.join(GOALS)}", file=sys.stderr)
        return 1
    cnnx.set_num_threads(1)
    print(f"{machine.headline()}\n{isa}, 1 thread")
    met = convolutions(GOALS[isa], arguments.rounds, arguments.attempts)
    dense_layers(arguments.rounds)
    moving_ops(arguments.rounds)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
