"""Functions whose source is pasted into the programs of the attacks.

Each uses only NumPy as `np`, and PyTorch as `torch` where it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def draw(rng: Any, shape: Any, scale: float = 1.0, offset: float = 0.0) -> Any:
    """Normally distributed float32 numbers."""
    return np.asarray(offset + scale * rng.standard_normal(shape), dtype=np.float32)


def of_floats(function: Callable[[Any], Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays with the function applied to all arrays of floats, in float64."""
    return {
        name: function(array.astype(np.float64)) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    }


def linear(
    compute: Callable[[dict[str, Any]], dict[str, Any]],
    arrays: dict[str, Any],
    terms: dict[str, int],
    amplification: float = 0.0,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Expected results and bounds of their rounding errors; results are sums of products.

    A float32 sum of n terms t has an error of about sqrt(n) * epsilon * sum(|t|). Winograd's method
    amplifies it, and mixes the errors of neighbouring outputs.
    """
    expected, sizes = compute(of_floats(np.asarray, arrays)), compute(of_floats(np.abs, arrays))
    if amplification:
        sizes = {
            name: amplification * np.full_like(s, s.max(initial=0)) for name, s in sizes.items()
        }
    bounds = {
        name: 2.0**-23 * (np.sqrt(count) + 8) * np.abs(sizes[name]) + 1e-37
        for name, count in terms.items()
    }
    return {name: expected[name] for name in terms}, bounds


def smooth(
    compute: Callable[[dict[str, Any]], dict[str, Any]],
    arrays: dict[str, Any],
    terms: dict[str, int],
    mixed: bool = False,
    least: float = 0.0,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Expected results and bounds of their rounding errors, from the condition of the function.

    A bound is a multiple of the change that inputs off by one epsilon cause. If every input affects
    every result (mixed), the largest change of any result is the bound of all. `least` is the size
    of numbers that a result is the difference of.
    """
    rng = np.random.default_rng(0)
    expected = compute(of_floats(np.asarray, arrays))
    sizes = {name: np.abs(np.asarray(expected[name])) for name in terms}
    changes = {name: 2.0**-23 * np.maximum(size, least) for name, size in sizes.items()}
    for _ in range(4):
        noisy = of_floats(lambda a: a * (1 + 2.0**-23 * rng.choice([-1.0, 1.0], a.shape)), arrays)
        for name, values in compute(noisy).items():
            if name in terms:
                changes[name] = np.maximum(changes[name], np.abs(values - expected[name]))
    if mixed:
        changes = {name: np.full_like(c, c.max(initial=0)) for name, c in changes.items()}
    bounds = {name: (np.sqrt(count) + 8) * changes[name] + 1e-37 for name, count in terms.items()}
    return {name: expected[name] for name in terms}, bounds


def torch_gradients(forward: Callable[..., Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The output of a function in PyTorch and the gradients of its arguments."""
    import torch

    tensors = {name: torch.tensor(array) for name, array in arrays.items() if name != "grad"}
    for tensor in tensors.values():
        tensor.requires_grad_(tensor.is_floating_point())
    output = forward(**tensors)
    output.backward(torch.tensor(arrays["grad"]) if "grad" in arrays else None)
    found = {"output": output.detach().numpy()}
    for name, tensor in tensors.items():
        if tensor.grad is not None:
            found[f"grad_{name}"] = tensor.grad.numpy()
    return found


def torch_values(function: Callable[..., Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The results of a function in PyTorch."""
    import torch

    results = function(**{name: torch.tensor(array) for name, array in arrays.items()})
    return {name: tensor.numpy() for name, tensor in results.items()}


def compare(actual: dict[str, Any], expected: dict[str, Any], bounds: dict[str, Any]) -> None:
    """Fail if a result is beyond its bound."""
    for name, value in expected.items():
        found, value = np.asarray(actual[name]), np.asarray(value)
        assert found.shape == value.shape, f"{name}: {found.shape}, expected {value.shape}"
        if found.size == 0:
            continue
        excess = np.abs(found.astype(np.float64) - value) / bounds[name]
        at = np.unravel_index(int(np.argmax(excess)), excess.shape)
        assert excess[at] <= 1, (
            f"{name} at {tuple(map(int, at))} is {found[at]}, expected {value[at]} "
            f"within {np.asarray(bounds[name])[at]:.2g}: {excess[at]:.2g} times the bound"
        )


def one_sentence(error: BaseException) -> None:
    """Fail if the message of an error is not one short sentence."""
    text = str(error)
    assert text, f"{type(error).__name__} without a message"
    assert "\n" not in text, f"a message of several lines: {text!r}"
    assert len(text) < 500, f"a message of {len(text)} characters: {text[:200]!r}..."
