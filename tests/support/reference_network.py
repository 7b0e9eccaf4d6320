"""Reference of a whole network, forward and backward in float64: each layer may read any earlier
one.

Not part of the package; each layer is an op of `reference`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import reference
from reference.arrays import Array, real
from reference_random import uniform

Arrays: TypeAlias = "dict[str, Array]"
Images: TypeAlias = "npt.ArrayLike | Mapping[str, npt.ArrayLike]"

DROPOUT_STREAM = 4
MOST_LAYERS = 2**16  # the random numbers of a step are its layers' side by side
HAVE_A_WEIGHT = ("conv2d", "conv_transpose2d", "dense", "scale2d")
NORMS = ("global_response_norm", "group_norm", "layer_norm")


class Step(NamedTuple):
    """A train step: the trainer's seed, and the number of earlier steps."""

    seed: int = 0
    number: int = 0


FIRST_STEP = Step()


class Node(NamedTuple):
    """A layer of a model, its index and the names of its inputs."""

    kind: str
    settings: dict[str, Any]
    name: str
    inputs: list[str]
    trainable: bool
    place: int


def reference_settings(layer_settings: dict[str, Any]) -> dict[str, Any]:
    """A layer's settings in the form of `reference`."""
    settings = dict(layer_settings)
    for name, value in settings.items():
        if name in ("padding", "cropping") and isinstance(value, list):
            settings[name] = ((value[0], value[1]), (value[2], value[3]))
        elif isinstance(value, list):
            settings[name] = tuple(value)
    for unused in ("out_channels", "out_features", "algorithm", "int8_weight"):
        settings.pop(unused, None)
    return settings


def flat_input(x: Mapping[str, npt.ArrayLike]) -> Array:
    """Arrays of several inputs side by side, (count, 1, 1, numbers)."""
    parts = [real(each).reshape(len(real(each)), -1) for each in x.values()]
    return np.concatenate(parts, axis=1)[:, np.newaxis, np.newaxis]


class ReferenceNetwork:
    """A model's layers, with its parameters and buffers by name."""

    def __init__(self, model: cnnx.Model) -> None:
        self.parameters = {name: real(value) for name, value in model.parameters.items()}
        self.buffers = {name: real(value) for name, value in model.buffers.items()}
        self.nodes = [
            Node(kind, reference_settings(settings), name, inputs, trainable, place)
            for place, (kind, settings, name, inputs, trainable) in enumerate(model._core.layers)
        ]

    def __call__(self, x: Images, step: Step | None = None) -> Array:
        """The last layer's output, in inference or in a train step."""
        return self.outputs(x, step)[self.nodes[-1].name]

    def outputs(self, x: Images, step: Step | None = None) -> Arrays:
        """Every layer's output by name, the image as "input"; a train step updates the buffers.

        Several inputs, arrays in the order of `Model.inputs`, lie side by side in "input".
        """
        found = {"input": flat_input(x) if isinstance(x, Mapping) else real(x)}
        for node in self.nodes:
            found[node.name] = self._forward(node, [found[name] for name in node.inputs], step)
        return found

    def gradients(
        self, x: Images, grad_output: Callable[[Array], Array], step: Step = FIRST_STEP
    ) -> Arrays:
        """Gradients of every parameter, frozen ones too, given the loss's gradient with respect to
        the network's output.
        """
        outputs = self.outputs(x, step)
        found = self._all_gradients(outputs, grad_output(outputs[self.nodes[-1].name]), step)[1]
        return {name: found[name] for name in self.parameters}

    def output_gradients(self, x: Images, grad_output: npt.ArrayLike) -> Arrays:
        """Gradients of the image, as "input", and of every layer's output, in inference."""
        return self._all_gradients(self.outputs(x), real(grad_output), None)[0]

    def _all_gradients(
        self, outputs: Arrays, grad_output: Array, step: Step | None
    ) -> tuple[Arrays, Arrays]:
        """The gradients of outputs and of parameters, by name."""
        grads = {name: np.zeros_like(output) for name, output in outputs.items()}
        grads[self.nodes[-1].name] = grad_output
        found: Arrays = {}
        for node in reversed(self.nodes):
            inputs = [outputs[name] for name in node.inputs]
            grad_inputs, own = self._backward(
                node, grads[node.name], inputs, outputs[node.name], step
            )
            for name, grad in zip(node.inputs, grad_inputs, strict=True):
                grads[name] = grads[name] + grad
            found.update({f"{node.name}.{name}": grad for name, grad in own.items()})
        return grads, found

    def _own(self, node: Node, *names: str) -> list[Array | None]:
        """The layer's parameters; None for a missing one."""
        return [self.parameters.get(f"{node.name}.{name}") for name in names]

    def _forward(self, node: Node, inputs: list[Array], step: Step | None) -> Array:
        x, kind, settings = inputs[0], node.kind, dict(node.settings)
        if kind == "flatten":
            return x.reshape(len(x), -1)
        if kind == "reshape":
            return x.reshape(len(x), *settings["size"], settings["channels"])
        if kind == "add":
            return real(sum(inputs))
        if kind == "multiply":
            return real(x * per_image(inputs[1], x))
        if kind == "maximum":
            return reference.maximum(*inputs)
        if kind == "matmul":
            return reference.matmul(*inputs, **settings)
        if kind == "concat":
            return np.concatenate(inputs, axis=-1)
        if kind == "dropout":
            return x if step is None else x * dropout_factors(node, x, step)
        if kind == "batch_norm2d":
            return self._batch_norm(node, x, step)
        if kind == "prelu":
            return reference.prelu(x, self.parameters[f"{node.name}.weight"])
        if kind == "parameter":
            return reference.parameter(x, self.parameters[f"{node.name}.weight"])
        if kind == "rms_norm":
            return reference.rms_norm(x, *self._own(node, "weight"), epsilon=settings["epsilon"])
        if kind in (*HAVE_A_WEIGHT, *NORMS):
            for unused in ("bias", "kernel_size"):
                settings.pop(unused, None)
            return real(getattr(reference, kind)(x, *self._own(node, "weight", "bias"), **settings))
        return real(getattr(reference, kind)(x, **settings))

    def _batch_norm(self, node: Node, x: Array, step: Step | None) -> Array:
        weight, bias = self._own(node, "weight", "bias")
        epsilon, momentum = node.settings["epsilon"], node.settings["momentum"]
        mean_name, variance_name = (f"{node.name}.running_{s}" for s in ("mean", "variance"))
        if not uses_its_own_statistics(node, x, step):
            mean, variance = self.buffers[mean_name], self.buffers[variance_name]
            return reference.batch_norm2d(x, weight, bias, mean, variance, epsilon=epsilon)
        output, mean, variance = reference.batch_norm2d_training(x, weight, bias, epsilon=epsilon)
        pixels = x.size // x.shape[-1]
        for name, value in (
            (mean_name, mean),
            (variance_name, variance * pixels / (pixels - 1)),
        ):
            self.buffers[name] = (1 - momentum) * self.buffers[name] + momentum * value
        return output

    def _backward(
        self, node: Node, grad: Array, inputs: list[Array], output: Array, step: Step | None
    ) -> tuple[list[Array], Arrays]:
        """The gradients of the inputs and of the parameters."""
        x, kind, settings = inputs[0], node.kind, dict(node.settings)
        if kind in ("flatten", "reshape"):
            return [grad.reshape(x.shape)], {}
        if kind == "add":
            return [grad for _ in inputs], {}
        if kind == "multiply":
            return [grad * per_image(inputs[1], x), factor_gradient(grad * x, inputs[1])], {}
        if kind == "maximum":
            return reference.maximum_backward(grad, *inputs), {}
        if kind == "matmul":
            return reference.matmul_backward(grad, *inputs, **settings), {}
        if kind == "concat":
            ends = np.cumsum([each.shape[-1] for each in inputs])
            return np.split(grad, ends[:-1], axis=-1), {}
        if kind == "dropout":
            return [grad if step is None else grad * dropout_factors(node, x, step)], {}
        if kind == "batch_norm2d":
            return self._batch_norm_backward(node, grad, x, step)
        if kind == "prelu":
            slopes = self.parameters[f"{node.name}.weight"]
            grad_input, grad_weight = reference.prelu_backward(grad, x, slopes)
            return [grad_input], {"weight": grad_weight}
        if kind == "parameter":
            grad_input, grad_weight = reference.parameter_backward(grad, x)
            return [grad_input], {"weight": grad_weight}
        if kind == "rms_norm":
            (weight,) = self._own(node, "weight")
            grad_input, grad_weight = reference.rms_norm_backward(
                grad, x, weight, epsilon=settings["epsilon"]
            )
            return [grad_input], {} if weight is None else {"weight": grad_weight}
        backward = getattr(reference, f"{kind}_backward")
        if kind in HAVE_A_WEIGHT:
            has_bias = settings.pop("bias")
            settings.pop("kernel_size", None)
            (weight,) = self._own(node, "weight")
            grad_input, grad_weight, grad_bias = backward(grad, x, weight, **settings)
            own = {"weight": grad_weight}
            return [grad_input], {**own, "bias": grad_bias} if has_bias else own
        if kind in NORMS:
            (weight,) = self._own(node, "weight")
            grad_input, grad_weight, grad_bias = backward(grad, x, weight, **settings)
            return [grad_input], {"weight": grad_weight, "bias": grad_bias}
        saved = output if "output" in inspect.signature(backward).parameters else x
        return [backward(grad, saved, **settings)], {}

    def _batch_norm_backward(
        self, node: Node, grad: Array, x: Array, step: Step | None
    ) -> tuple[list[Array], Arrays]:
        (weight,) = self._own(node, "weight")
        epsilon = node.settings["epsilon"]
        if uses_its_own_statistics(node, x, step):
            grad_input, grad_weight, grad_bias = reference.batch_norm2d_backward(
                grad, x, weight, epsilon=epsilon
            )
        else:
            mean, variance = (
                self.buffers[f"{node.name}.running_{s}"] for s in ("mean", "variance")
            )
            grad_input, grad_weight, grad_bias = reference.batch_norm2d_frozen_backward(
                grad, x, weight, mean, variance, epsilon=epsilon
            )
        return [grad_input], {} if weight is None else {"weight": grad_weight, "bias": grad_bias}


def uses_its_own_statistics(node: Node, x: Array, step: Step | None) -> bool:
    """Whether a batch norm uses the batch's statistics: in training, unless it is frozen or there
    is only one pixel, which has no variance.
    """
    return step is not None and node.trainable and x.size > x.shape[-1]


def dropout_factors(node: Node, x: Array, step: Step) -> Array:
    """0 for a dropped number, else the scale of the others."""
    rate = node.settings["rate"]
    numbers = dropout_numbers(step, node.place, x.size)
    return np.where(real(numbers) < rate, 0.0, 1 / (1 - rate)).reshape(x.shape)


@cache
def dropout_numbers(step: Step, place: int, count: int) -> list[float]:
    number = step.number * MOST_LAYERS + place
    return [uniform(step.seed, DROPOUT_STREAM, number, index) for index in range(count)]


def is_per_pixel(factors: Array, x: Array) -> bool:
    return factors.shape == (*x.shape[:-1], 1)


def per_image(factors: Array, x: Array) -> Array:
    """Factors of the shape of x, or one per pixel or per image and channel, in a shape that
    broadcasts to x.
    """
    if factors.shape == x.shape or is_per_pixel(factors, x):
        return factors
    return factors.reshape(len(x), 1, 1, -1)


def factor_gradient(products: Array, factors: Array) -> Array:
    """The sums of gradients times images over everything that a factor multiplied."""
    if factors.shape == products.shape:
        return products
    if is_per_pixel(factors, products):
        return products.sum(axis=-1, keepdims=True)
    return products.sum(axis=(1, 2)).reshape(factors.shape)
