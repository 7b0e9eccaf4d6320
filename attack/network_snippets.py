"""Functions whose source is pasted into the programs that compare networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import reference
from reference_network import ReferenceNetwork, Step

INPUTS = 3  # batches per case, see compare_most


def results_of(model: cnnx.Model, x: Any, y: Any, seed: int, recompute: bool) -> dict[str, Any]:
    """The outputs of a network, and loss, gradients and running statistics of a train step."""
    found = {"output": model(x)}
    trained = model.clone()
    trainer = cnnx.Trainer(
        trained, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE(), seed=seed, recompute=recompute
    )
    found["loss"] = np.asarray(trainer.compute_gradients(x, y))
    start = 0
    for name, value in trained.parameters.items():
        gradient = trainer.gradients[start : start + value.size]
        found[f"gradient of {name}"] = gradient.reshape(value.shape).copy()
        start += value.size
    return {**found, **trained.buffers}


def gradients_at(model: cnnx.Model, x: Any, y: Any) -> dict[str, Any]:
    """The gradients of the outputs, times y, with respect to the images and to every layer."""
    names = ["input", *(layer.name for layer in model.layers)]
    return {f"gradient at {name}": model.gradients(x, y, of=name) for name in names}


class RoundedNetwork(ReferenceNetwork):
    """The reference network with relative errors in all outputs and gradients."""

    def __init__(self, model: cnnx.Model, noise: float, rng: Any) -> None:
        super().__init__(model)
        self.noise = noise
        self.rng = rng

    def rounded(self, array: Any) -> Any:
        """The array with an error in each element."""
        return array * (1 + self.noise * self.rng.uniform(-1, 1, np.shape(array)))

    def _forward(self, node: Any, inputs: Any, step: Any) -> Any:
        return self.rounded(super()._forward(node, inputs, step))

    def _backward(self, node: Any, grad: Any, inputs: Any, output: Any, step: Any) -> Any:
        grads, own = super()._backward(node, grad, inputs, output, step)
        return (
            [self.rounded(each) for each in grads],
            {name: self.rounded(each) for name, each in own.items()},
        )


def by_reference(model: cnnx.Model, x: Any, y: Any, seed: int, noise: float, rng: Any) -> Any:
    """The results by the reference, with relative errors in every layer."""
    network = RoundedNetwork(model, noise, rng)
    found = {"output": network(x)}
    trained = RoundedNetwork(model, noise, rng)
    outputs = []

    def gradient(output: Any) -> Any:
        outputs.append(output)
        return reference.mean_squared_error_backward(output, y)

    gradients = trained.gradients(x, gradient, Step(seed))
    found["loss"] = np.asarray(reference.mean_squared_error(outputs[0], y))
    found.update({f"gradient of {name}": each for name, each in gradients.items()})
    return {**found, **trained.buffers}


def with_bounds(
    compute: Callable[..., dict[str, Any]], inputs: int, skipped: list[str], noise: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Expected results of every input, and bounds of their rounding errors.

    A bound is what relative errors of `noise` in every output and gradient of the network change in
    any element of an array, twice.
    """
    expected, bounds = {}, {}
    for index in range(inputs):
        exact = compute(index, 0.0, 0)
        changed = [compute(index, noise, seed) for seed in range(3)]
        for name, value in exact.items():
            if name in skipped:
                continue
            size = np.abs(value).max(initial=0)
            change = max(np.abs(each[name] - value).max(initial=0) for each in changed)
            expected[f"{index} {name}"] = value
            bounds[f"{index} {name}"] = np.full(
                np.shape(value), 2 * change + 2.0**-20 * size + 1e-30
            )
    return expected, bounds


def compare_most(compare: Callable[..., None], compute: Any, expected: Any, bounds: Any) -> None:
    """Fail if the results of two inputs or more are beyond their bounds.

    A rounding error may carry one input across the kink of a ReLU, where the gradient jumps.
    """
    inputs = {name.split()[0] for name in expected}
    failures = []
    for index in sorted(inputs):
        actual = {f"{index} {name}": value for name, value in compute(int(index)).items()}
        own = {name: value for name, value in expected.items() if name.split()[0] == index}
        try:
            compare(actual, own, bounds)
        except AssertionError as error:
            failures.append(str(error))
    assert len(failures) < 2, failures[0]
