"""Functions whose source is pasted into the programs that compare optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np


def schedule_factors(
    kind: str, s: dict[str, Any], warmup: Any, epochs: int, steps: int, measures: Any
) -> Any:
    """The factor of the learning rate in every step, by the formulas of the documentation.

    `s` holds the settings of the schedule, `warmup` its epochs and start, `measures` the validation
    loss of every epoch.
    """

    def between(start: float, stop: float, u: float) -> float:
        linear = kind == "Triangular"
        return start + (stop - start) * (u if linear else (1 - np.cos(np.pi * u)) / 2)

    factors, reduction, best, waited = [], 1.0, np.inf, 0
    for step in range(epochs * steps):
        done = step / steps
        u, factor = done / epochs, 1.0
        if kind == "StepDecay":
            drops = np.floor(done / s["every"]) if s["every"] else 0
            factor = s["factor"] ** (drops + sum(at <= done for at in s["at"]))
        elif kind == "CosineDecay":
            factor = between(1, s["final"], u)
        elif kind in ("OneCycle", "Triangular"):
            if u < s["peak_at"]:
                factor = between(s["start"], 1, u / s["peak_at"])
            elif s["peak_at"] < 1:
                factor = between(1, s["final"], (u - s["peak_at"]) / (1 - s["peak_at"]))
        elif kind == "Plateau":
            factor = reduction
        ramp = (step + 1) / (warmup[0] * steps) if warmup[0] else 1
        factors.append(factor * (warmup[1] + (1 - warmup[1]) * ramp if ramp < 1 else 1))
        if kind == "Plateau" and (step + 1) % steps == 0:
            measure = measures[step // steps]
            if measure < best * (1 - s["threshold"]) or best == np.inf:
                best, waited = measure, 0
            else:
                waited += 1
                if waited > s["patience"]:
                    reduction, waited = max(reduction * s["factor"], s["minimum"]), 0
    return factors


def trained(
    updates: Any,
    gradients: Any,
    parameters: dict[str, Any],
    factors: Any,
    settings: dict[str, Any],
    rounded: Any = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and averages after all steps, and the largest value and change of each element.

    `updates` makes an object whose `step` takes parameters and gradients by name and the factor of
    the learning rate, and returns the new parameters. `rounded` adds rounding errors, if given, to
    parameters whose terms are of a given size.
    """
    values = dict(parameters)
    largest = {name: np.abs(value) for name, value in values.items()}
    updating, averages, count = updates(values), {}, 0
    for step, factor in enumerate(factors):
        parts, start = {}, 0
        for name, value in parameters.items():
            parts[name] = gradients[step, start : start + value.size].reshape(value.shape)
            start += value.size
        if settings["clip_norm"] is not None:
            used = [g for name, g in parts.items() if settings["rates"][name] > 0]
            norm = np.sqrt(sum((g**2).sum() for g in used))
            scale = min(1.0, settings["clip_norm"] / (norm + 1e-6))
            parts = {name: g * scale for name, g in parts.items()}
        before, values = values, updating.step(values, parts, factor)
        for name, value in values.items():
            size = np.maximum(np.abs(value), np.abs(value - before[name]))
            largest[name] = np.maximum(largest[name], size)
            if rounded:
                values[name] = rounded(value, size)
        if settings["averaging"] and (step + 1) % settings["averaging"][1] == 0:
            decay = min(settings["averaging"][0], count / (count + 9))
            count += 1
            for name, value in values.items():
                average = decay * averages.get(name, 0.0) + (1 - decay) * value
                averages[name] = average
    if settings["averaging"]:
        found = averages or values
        values = {**values, **{f"average of {name}": value for name, value in found.items()}}
        largest = {**largest, **{f"average of {name}": each for name, each in largest.items()}}
    return values, largest


def training_bounds(
    compute: Any, arrays: dict[str, Any], steps: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Expected parameters, and bounds of their rounding errors.

    Each step rounds a parameter, its change and its slots a few times. How the following steps
    amplify such errors is measured with gradients, and parameters after each step, off by a few
    epsilon.
    """
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    rng = np.random.default_rng(0)

    def rounded(value: Any, size: Any) -> Any:
        return value + 2.0**-21 * size * rng.uniform(-1, 1, value.shape)

    expected, largest = compute(exact)
    bounds = {name: 2.0**-23 * (8 + 4 * steps) * each + 1e-30 for name, each in largest.items()}
    for _ in range(2):
        noisy = {name: rounded(value, value) for name, value in exact.items()}
        for name, value in compute(noisy, rounded)[0].items():
            bounds[name] = bounds[name] + 4 * np.abs(value - expected[name]).max()
    return expected, bounds


class NumpyUpdates:
    """Updates by the functions of `reference_training`."""

    def __init__(self, values: dict[str, Any], update: Any, settings: dict[str, Any]) -> None:
        self.update = update
        self.settings = settings
        self.states: dict[str, dict[str, Any]] = {name: {} for name in values}

    def step(
        self, values: dict[str, Any], gradients: dict[str, Any], factor: float
    ) -> dict[str, Any]:
        """The parameters after a step."""
        found = {}
        for name, value in values.items():
            rate = self.settings["rates"][name]
            found[name] = value
            if rate > 0:
                given = {**self.settings["update"], "learning_rate": factor * rate}
                if "weight_decay" in given:
                    given["weight_decay"] = self.settings["decays"][name]
                flat = self.settings["flat"][name]
                shape = -1 if flat else value.shape
                moved = self.update(**given)(
                    value.reshape(shape), gradients[name].reshape(shape), self.states[name]
                )
                found[name] = moved.reshape(value.shape)
        return found


class TorchUpdates:
    """Updates by an optimizer of PyTorch."""

    def __init__(self, values: dict[str, Any], optimizer: Any, settings: dict[str, Any]) -> None:
        import torch

        self.tensors = {name: torch.tensor(value) for name, value in values.items()}
        self.settings = settings
        groups = []
        for name, tensor in self.tensors.items():
            if settings["rates"][name] > 0:
                groups.append({"params": [tensor.requires_grad_()], "name": name})
                if "weight_decay" in settings["torch"]:
                    groups[-1]["weight_decay"] = settings["decays"][name]
        self.optimizer = optimizer(groups, **settings["torch"]) if groups else None

    def step(
        self, values: dict[str, Any], gradients: dict[str, Any], factor: float
    ) -> dict[str, Any]:
        """The parameters after a step."""
        import torch

        for name, gradient in gradients.items():
            self.tensors[name].data = torch.tensor(values[name])
            self.tensors[name].grad = torch.tensor(gradient)
        for group in self.optimizer.param_groups if self.optimizer else ():
            group["lr"] = factor * self.settings["rates"][group["name"]]
        if self.optimizer:
            self.optimizer.step()
        return {name: tensor.detach().numpy().copy() for name, tensor in self.tensors.items()}
