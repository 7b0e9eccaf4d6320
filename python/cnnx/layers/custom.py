"""A layer that is a pair of functions of the user's own, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cnnx.arguments import boolean, shown
from cnnx.layers.base import Layer
from cnnx.layers.custom_functions import CustomFunctions, sizes_of

__all__ = ["Custom"]

# The shape of one image's output, or a function of the shapes of one image of every input.
OutputShape: TypeAlias = "tuple[int, ...] | Callable[..., tuple[int, ...]]"


class Custom(Layer):
    """A layer of your own: functions of NumPy arrays, called once per batch, for experiments.

    ``forward(x)`` returns the outputs of a batch, and ``backward(grad_output, x)`` the gradient of
    ``sum(grad_output * forward(x))`` with respect to `x`. With several inputs these are
    ``forward(x1, x2)`` and ``backward(grad_output, x1, x2)``, which returns a tuple of gradients.
    The arrays are float32 with the batch as their first axis, and copies, so the functions may keep
    and change them. The results depend on the arguments alone: the functions may be called again.
    They cannot use the model or its trainer, which wait for them. Several threads that predict call
    them one after the other.

    The first backward compares the gradient with differences of the outputs of a few images, in
    float64, along random directions, and refuses one that is wrong.

    The layer has no parameters; those of a `Dense` or `Scale2d` before it are trained. Not possible
    with such a layer: `Model.save`, pickle, checkpoints and ONNX, because a file cannot hold the
    functions, and `quantize`. In C++, ``cnnx/custom_layer.h`` adds kinds that files hold.

    Args:
        forward: function of the inputs.
        backward: function of the output's gradient and the inputs.
        output_shape: shape of the output of one image; or a function of the shapes of one image of
            every input that returns it.
        check_gradient: False for a gradient that is no derivative on purpose, such as that of a
            straight-through estimator or a gradient reversal.
        name: name of the layer; "custom_1" and so on when None.

    Raises:
        TypeError: if an argument has another type. Calls of the model raise it for a result that is
            no array.
        ValueError: if output_shape has a size below 1. Calls of the model raise it for results of
            another shape, and for a wrong gradient.
        FloatingPointError: of calls of the model, for NaN or infinity from finite inputs.

    Example:
        >>> import cnnx
        >>> import numpy as np
        >>> def sine(x):
        ...     return np.sin(3 * x)
        >>> def sine_backward(grad_output, x):
        ...     return grad_output * 3 * np.cos(3 * x)
        >>> activation = cnnx.layers.Custom(sine, sine_backward, lambda shape: shape)
        >>> layers = [cnnx.AvgPool2d(4), activation, cnnx.Flatten(), cnnx.Dense(2)]
        >>> model = cnnx.Model(layers, input_shape=(32, 32, 1), classes=["X", "O"])
        >>> x, y = cnnx.data.xo(128, seed=1)
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=1)
        >>> model.layers[1]
        ModelLayer('custom_1', custom, (8, 8, 1))
    """

    kind = "custom"

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        output_shape: OutputShape,
        *,
        check_gradient: bool = True,
        name: str | None = None,
    ) -> None:
        for argument, function, result in (
            ("forward", forward, "the inputs that returns the outputs"),
            ("backward", backward, "(grad_output, *inputs) that returns the gradients"),
        ):
            if not callable(function):
                raise TypeError(
                    f"Custom: {argument} is {shown(function)}, expected a function of {result}"
                )
        shape: Any = output_shape
        if not callable(shape):
            shape = sizes_of(shape, "Custom: output_shape is")
        checks = boolean(check_gradient, "Custom", "check_gradient")
        functions = CustomFunctions(forward, backward, shape, checks)
        self._describe({"functions": functions}, name)

    def __repr__(self) -> str:
        functions = self.settings["functions"]
        return f"Custom({functions.described()}{self._shown_name()})"
