"""The truth of a whole network: any chain of layers, forward and backward, in float64.

Not part of the package; each layer is an op of reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import cnnx
import numpy.typing as npt
import reference
from reference import Array, real

Gradients: TypeAlias = "dict[str, Array]"
# What a layer does to its input, and what it makes of a gradient: (grad_input, its parameters').
Forward: TypeAlias = "Callable[[Array], Array]"
Backward: TypeAlias = "Callable[[Array, Array, Array], tuple[Array, Gradients]]"


def settings_of(layer: cnnx.Layer) -> dict[str, Any]:
    """The layer's attributes in the form that reference takes."""
    settings = dict(layer.attributes)
    for name, value in settings.items():
        if name == "padding" and isinstance(value, list):
            settings[name] = ((value[0], value[1]), (value[2], value[3]))
        elif isinstance(value, list):
            settings[name] = tuple(value)
    return settings


class ReferenceNetwork:
    """Layers with their parameters by name, as a model has them."""

    def __init__(
        self, layers: Sequence[cnnx.Layer], parameters: Mapping[str, npt.ArrayLike]
    ) -> None:
        self.parameters = {name: real(value) for name, value in parameters.items()}
        ordinals: Counter[str] = Counter()
        self.steps: list[tuple[Forward, Backward]] = []
        for layer in layers:
            ordinals[layer.kind] += 1
            self.steps.append(self._step(layer, f"{layer.kind}_{ordinals[layer.kind]}"))

    def __call__(self, x: npt.ArrayLike) -> Array:
        return self._outputs(x)[-1]

    def gradients(self, x: npt.ArrayLike, grad_output: Callable[[Array], Array]) -> Gradients:
        """Of every parameter, given the loss's gradient with respect to the network's output."""
        outputs = self._outputs(x)
        grad = grad_output(outputs[-1])
        found: Gradients = {}
        for index in reversed(range(len(self.steps))):
            _, backward = self.steps[index]
            grad, own = backward(grad, outputs[index], outputs[index + 1])
            found.update(own)
        return {name: found[name] for name in self.parameters}

    def _outputs(self, x: npt.ArrayLike) -> list[Array]:
        outputs = [real(x)]
        for forward, _ in self.steps:
            outputs.append(forward(outputs[-1]))
        return outputs

    def _step(self, layer: cnnx.Layer, name: str) -> tuple[Forward, Backward]:
        kind, settings = layer.kind, settings_of(layer)
        if kind == "flatten":
            return (
                lambda x: x.reshape(len(x), -1),
                lambda grad, x, y: (grad.reshape(x.shape), {}),
            )
        forward = getattr(reference, kind)
        backward = getattr(reference, f"{kind}_backward")
        if kind in ("conv2d", "dense"):
            has_bias = settings.pop("bias")
            sizes = ("out_channels", "kernel_size", "out_features")
            settings = {key: value for key, value in settings.items() if key not in sizes}

            def run(x: Array) -> Array:
                bias = self.parameters[f"{name}.bias"] if has_bias else None
                return real(forward(x, self.parameters[f"{name}.weight"], bias, **settings))

            def run_backward(grad: Array, x: Array, y: Array) -> tuple[Array, Gradients]:
                weight = self.parameters[f"{name}.weight"]
                grad_input, grad_weight, grad_bias = backward(grad, x, weight, **settings)
                own = {f"{name}.weight": grad_weight}
                return grad_input, {**own, f"{name}.bias": grad_bias} if has_bias else own

            return run, run_backward
        reads_output = kind in ("sigmoid", "tanh", "softmax")
        return (
            lambda x: forward(x, **settings),
            lambda grad, x, y: (backward(grad, y if reads_output else x, **settings), {}),
        )
