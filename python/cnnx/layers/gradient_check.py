"""Comparison of a gradient with differences of its function, for functions of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from cnnx.arguments import FloatArray

# Of arrays of any float type: the output, or the numbers of which a gradient is given.
_Function: TypeAlias = "Callable[[list[Any]], Any]"
# The gradients of sum(grad_output * function(inputs)), from grad_output and the inputs.
_Gradients: TypeAlias = "Callable[[Any, list[FloatArray]], list[FloatArray]]"

# Steps in units of the inputs, and the relative error that passes.
_STEPS = (1e-3, 1e-4, 1e-2)
_TOLERANCE = 0.02
_NOISE = 0.1  # of the second point, in units of the inputs


def disagreement(
    function: _Function, gradients: _Gradients, inputs: list[FloatArray]
) -> tuple[float, float] | None:
    """A measured and a claimed change of ``sum(grad_output * function(inputs))``, if they differ.

    The function may have a kink at the inputs, such as that of ReLU at the zeros that another ReLU
    wrote, or be undefined beside them, as a square root is. So its gradient is correct if it is at
    the inputs, or at a point near them.

    Args:
        function: called with new arrays, of float32 or float64.
        gradients: called with new arrays of float32.
        inputs: arrays of float32.
    """
    random = np.random.default_rng(0)
    scales = [math.sqrt(np.square(x, dtype=np.float64).mean()) or 1.0 for x in inputs]
    near = [
        (x + _NOISE * scale * random.normal(size=x.shape)).astype(np.float32)
        for x, scale in zip(inputs, scales, strict=True)
    ]
    differing = None
    for point in (inputs, near):
        with np.errstate(all="ignore"):  # where the function is undefined
            found = _at(function, gradients, point, scales, random)
        if found is None:
            return None
        if all(map(math.isfinite, found)):
            differing = differing or found
    return differing


def _at(
    function: _Function,
    gradients: _Gradients,
    point: list[FloatArray],
    scales: list[float],
    random: np.random.Generator,
) -> tuple[float, float] | None:
    """Changes that differ at a point; not finite where the function is undefined."""
    shape = np.shape(function([x.copy() for x in point]))
    # A random direction finds wrong parts. One near the gradient finds a wrong size.
    for is_near in (False, True):
        # An output of one number stands for itself, not for a sum.
        grad_output = random.normal(size=shape).astype(np.float32) if shape else np.ones(())
        given = gradients(grad_output.copy(), [x.copy() for x in point])
        directions = [
            scale * (random.normal(size=gradient.shape) + (_unit(gradient) if is_near else 0))
            for scale, gradient in zip(scales, given, strict=True)
        ]
        claimed = sum(
            float((direction * gradient).sum(dtype=np.float64))
            for direction, gradient in zip(directions, given, strict=True)
        )
        squares = [float(np.square(each, dtype=np.float64).sum()) for each in given]
        usual = math.sqrt(sum(s * s * each for s, each in zip(scales, squares, strict=True)))

        measured = [_change(function, grad_output, point, directions, step) for step in _STEPS]
        # A kink between both points, or rounding of the outputs, spoils one step, not all.
        errors = [abs(each - claimed) for each in measured]
        error, closest = min(zip(map(_or_infinity, errors), measured, strict=True))
        if not error <= _TOLERANCE * max(abs(claimed), abs(closest), usual):
            return closest, claimed
    return None


def _unit(gradient: FloatArray) -> Any:
    """The gradient with a mean square of 1, or zeros."""
    exact = gradient.astype(np.float64)
    return exact / (math.sqrt(np.square(exact).mean()) or 1.0)


def _change(
    function: _Function, grad_output: Any, point: list[Any], directions: list[Any], step: float
) -> float:
    """Central difference of ``sum(grad_output * function)`` along the directions."""
    sums = []
    for distance in (step, -step):
        moved = [x + distance * each for x, each in zip(point, directions, strict=True)]
        sums.append(float((grad_output * function(moved)).sum(dtype=np.float64)))
    return (sums[0] - sums[1]) / (2 * step)


def _or_infinity(number: float) -> float:
    return number if math.isfinite(number) else math.inf
