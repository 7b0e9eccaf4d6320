"""Functions whose source is pasted into the programs that compare networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import reference
from reference_network import ReferenceNetwork, Step

INPUTS = 3  # batches per case, see compare_most


def results_of(model: cnnx.Model, x: Any, y: Any, seed: int, **settings: Any) -> dict[str, Any]:
    """The outputs of a network, and loss, gradients and running statistics of a train step.

    `settings` are further ones of the trainer.
    """
    found = {"output": model(x)}
    trained = model.clone()
    trainer = cnnx.Trainer(trained, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE(), seed=seed, **settings)
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
    """The reference network with relative errors in all parameters, outputs and gradients."""

    def __init__(self, model: cnnx.Model, noise: float, rng: Any) -> None:
        super().__init__(model)
        self.noise = noise
        self.rng = rng
        self.parameters = {name: self.rounded(each) for name, each in self.parameters.items()}

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


def step_by_reference(network: RoundedNetwork, x: Any, y: Any, step: Step) -> dict[str, Any]:
    """Loss and gradients of a train step, and the changes of the running statistics."""
    outputs = []
    before = {name: np.array(array) for name, array in network.buffers.items()}

    def gradient(output: Any) -> Any:
        outputs.append(output)
        return reference.mean_squared_error_backward(output, y)

    gradients = network.gradients(x, gradient, step)
    return {
        "loss": np.asarray(reference.mean_squared_error(outputs[0], y)),
        **{f"gradient of {name}": each for name, each in gradients.items()},
        **{name: network.buffers[name] - each for name, each in before.items()},
    }


def by_reference(
    model: cnnx.Model, x: Any, y: Any, seed: int, shards: int, noise: float, rng: Any
) -> dict[str, Any]:
    """The results by the reference, shard by shard, with relative errors in every layer."""
    network = RoundedNetwork(model, noise, rng)
    found = {"output": network(x), **network.buffers}
    for shard in range(shards):
        rows = slice(len(x) * shard // shards, len(x) * (shard + 1) // shards)
        if rows.start == rows.stop:
            continue
        alone = RoundedNetwork(model, noise, rng)
        means = step_by_reference(alone, x[rows], y[rows], Step(seed, shard))
        for name, mean in means.items():
            found[name] = found.get(name, 0.0) + (rows.stop - rows.start) / len(x) * mean
    return found


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


def of_a_step(results: dict[str, Any], skipped: list[str]) -> dict[str, Any]:
    """The results of a train step, and the gradients of all parameters as one vector."""
    found = {
        name: np.asarray(value, np.float64)
        for name, value in results.items()
        if name not in skipped and not name.startswith("gradient at ")
    }
    own = [found[name].ravel() for name in sorted(found) if name.startswith("gradient of ")]
    return {**found, "gradient": np.concatenate(own)}


def with_norms(
    compute: Callable[..., dict[str, Any]],
    inputs: int,
    skipped: list[str],
    noise: float,
    within: tuple[float, float],
    draws: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Expected results of every input, and bounds of the norms of their errors.

    A bound is a fraction of the norm, or three times the change by relative errors of `noise` in
    everything that the network computes with where that is more. `within` has the fractions for the
    whole gradient and for a single array, which a few elements at the kink of a ReLU may change.
    Five draws of errors tell how they grow in a smooth network; at kinks the changes are rare and
    large, so that it takes up to `draws` to meet them.
    """
    expected, bounds = {}, {}
    for index in range(inputs):
        exact = of_a_step(compute(index, 0.0, 0), skipped)
        sizes = {
            name: within[name != "gradient"] * np.linalg.norm(value)
            for name, value in exact.items()
        }
        changes = dict.fromkeys(exact, 0.0)
        for seed in range(draws):
            if seed >= 5 and all(changes[name] <= size for name, size in sizes.items()):
                break
            changed = of_a_step(compute(index, noise, seed), skipped)
            for name, value in exact.items():
                change = float(np.linalg.norm(changed[name] - value))
                changes[name] = max(changes[name], change)
        for name, value in exact.items():
            expected[f"{index} {name}"] = value
            bounds[f"{index} {name}"] = max(sizes[name], 3 * changes[name]) + 1e-30
    return expected, bounds


def compare_norms(actual: dict[str, Any], expected: dict[str, Any], bounds: dict[str, Any]) -> None:
    """Fail if the norm of an error is beyond its bound."""
    for name, value in expected.items():
        assert actual[name].shape == value.shape, f"{name}: {actual[name].shape}"
        error = np.linalg.norm(actual[name] - value)
        assert error <= bounds[name], (
            f"the error of {name} has the norm {error:.3g}, more than {bounds[name]:.3g}; "
            f"the norm of the result is {np.linalg.norm(value):.3g}"
        )


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
