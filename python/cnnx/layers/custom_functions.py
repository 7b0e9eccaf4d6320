"""Calls of the functions of a `Custom` layer, with checks of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnx.arguments import FloatArray, is_integer, shown
from cnnx.layers.gradient_check import disagreement

_CHECKED_IMAGES = 4  # of the batch whose gradient is checked


class CustomFunctions:
    """Functions between batches of arrays, as the core calls them.

    Args:
        forward: function of the inputs.
        backward: function of the output's gradient and the inputs.
        output_shape: shape of one image's output, or a function of those of the inputs.
        check_gradient: whether the first gradient for inputs of a shape is checked.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        output_shape: Any,
        check_gradient: bool,
    ) -> None:
        self._forward = forward
        self._backward = backward
        self._output_shape = output_shape
        self._check_gradient = check_gradient
        self._checked: set[tuple[tuple[int, ...], ...]] = set()  # shapes of one image

    def __str__(self) -> str:
        return _name_of(self._forward)

    def __repr__(self) -> str:
        """Names alone: processes that train together compare it."""
        return self.described()

    def described(self) -> str:
        """The arguments, with functions by their names."""
        shape = self._output_shape
        names = [_name_of(each) for each in (self._forward, self._backward)]
        names.append(_name_of(shape) if callable(shape) else repr(shape))
        if not self._check_gradient:
            names.append("check_gradient=False")
        return ", ".join(names)

    def output_sizes(self, shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
        """Shape of one image's output.

        Raises:
            TypeError: if the function returns no sizes.
            ValueError: if a size is below 1.
        """
        given = self._output_shape
        if not callable(given):
            return tuple(given)
        return sizes_of(given(*map(tuple, shapes)), f"Custom: {_name_of(given)} returned")

    def forward(self, layer: str, inputs: Sequence[FloatArray], shape: tuple[int, ...]) -> Any:
        """Outputs of a batch, of this shape.

        Raises:
            TypeError: if the result is no array of numbers.
            ValueError: if it has another shape.
            FloatingPointError: if it is not finite, but the inputs are.
        """
        what = f"layer {layer}: forward {_name_of(self._forward)}"
        finite = _all_finite(inputs)  # before the function changes them
        return _checked(self._forward(*inputs), shape, what, finite)

    def backward(
        self, layer: str, grad_output: FloatArray, inputs: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Gradients of a batch, one per input.

        Raises:
            TypeError: if the result is no array of numbers, or no tuple of them for several inputs.
            ValueError: if one has another shape, or if the first one is wrong.
            FloatingPointError: if one is not finite, but the inputs are.
        """
        what = f"layer {layer}: backward {_name_of(self._backward)}"
        shapes = [each.shape for each in inputs]
        finite = _all_finite([grad_output, *inputs])
        of_images = tuple(shape[1:] for shape in shapes)
        if self._check_gradient and finite and of_images not in self._checked:
            self._compare(what, [each[:_CHECKED_IMAGES].copy() for each in inputs])
            self._checked.add(of_images)
        return self._gradients(what, grad_output, inputs, finite)

    def _gradients(
        self, what: str, grad_output: FloatArray, inputs: Sequence[FloatArray], finite: bool
    ) -> list[FloatArray]:
        shapes = [each.shape for each in inputs]
        result = self._backward(grad_output, *inputs)
        several = len(shapes) > 1
        if several and not (isinstance(result, (tuple, list)) and len(result) == len(shapes)):
            raise TypeError(
                f"{what} returned {shown(result)}, expected a tuple of {len(shapes)} gradients, "
                "one per input"
            )
        gradients = result if several else [result]
        return [
            _checked(each, shape, what, finite)
            for each, shape in zip(gradients, shapes, strict=True)
        ]

    def _compare(self, what: str, inputs: list[FloatArray]) -> None:
        """Compare the gradient with differences of the outputs."""

        def gradients(grad_output: FloatArray, point: list[FloatArray]) -> list[FloatArray]:
            return self._gradients(what, grad_output, point, False)

        found = disagreement(lambda point: self._forward(*point), gradients, inputs)
        if found is not None:
            measured, claimed = found
            raise ValueError(
                f"{what} is wrong: along a random direction sum(grad_output * output) changes by "
                f"{measured:.4g}, but the gradient says {claimed:.4g}; expected the gradient with "
                "respect to the inputs, or check_gradient=False if it is no derivative on purpose"
            )


def sizes_of(given: Any, what: str) -> tuple[int, ...]:
    """A shape as a tuple of integers; one size may stand alone.

    Raises:
        TypeError: if it is no list of sizes.
        ValueError: if a size is below 1.
    """
    sizes = (given,) if is_integer(given) else given
    is_list = isinstance(sizes, (tuple, list)) and all(is_integer(each) for each in sizes)
    if not is_list:
        raise TypeError(f"{what} {shown(given)}, expected the shape of one image's output")
    if not sizes or min(sizes) < 1:
        raise ValueError(f"{what} {shown(given)}, expected sizes of at least 1")
    return tuple(int(each) for each in sizes)


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _all_finite(arrays: Sequence[FloatArray]) -> bool:
    return all(bool(np.isfinite(each).all()) for each in arrays)


def _checked(result: Any, shape: tuple[int, ...], what: str, finite: bool) -> FloatArray:
    """A result as an array of float32 of this shape, finite if it has to be."""
    try:
        array = np.asarray(result)
    except ValueError:  # a list of arrays of different shapes
        array = np.empty((), object)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{what} returned {shown(result)} of dtype {array.dtype}, expected an array of real "
            f"numbers of shape {shape}"
        )
    if array.shape != shape:
        raise ValueError(f"{what} returned an array of shape {array.shape}, expected {shape}")
    with np.errstate(over="ignore"):  # it is infinite then, and refused
        array = np.ascontiguousarray(array, np.float32)
    if finite and not np.isfinite(array).all():
        value = "NaN" if np.isnan(array).any() else "infinity"
        raise FloatingPointError(
            f"{what} returned {value} for finite arrays, expected finite numbers"
        )
    return array
