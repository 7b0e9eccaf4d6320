"""The graphs of `benchmarks.heads_parity` in PyTorch, in double precision; writes the differences.

python -m benchmarks.heads_in_torch FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

Tensor = torch.Tensor


class Targets:
    """Targets of one output, (images, positions, outputs), and what counts of them."""

    def __init__(self, y: Any, options: dict[str, Any], outputs: int, images: Tensor) -> None:
        self.images = images  # weights
        ignored = options.get("ignore_index")
        given = torch.from_numpy(y)
        if given.dtype == torch.int64:
            labels = given.reshape(len(y), -1)
            self.counts = torch.ones(labels.shape, dtype=torch.float64)
            if ignored is not None:
                self.counts = (labels != ignored).double()
            labels = torch.where(self.counts > 0, labels, 0)
            self.shares = functional.one_hot(labels, outputs).double()
        else:
            self.shares = given.double().reshape(len(y), -1, outputs)
            self.counts = torch.ones(self.shares.shape[:2], dtype=torch.float64)

    def mean(self, terms: Tensor, by_position: Tensor) -> Tensor:
        """The mean of terms (images, positions), weighted by images and by these weights."""
        weights = self.images[:, None] * self.counts
        total = (weights * by_position).sum()
        return (weights * terms).sum() / total if total > 0 else (0 * terms).sum()


def cross_entropy(z: Tensor, y: Targets, options: dict[str, Any]) -> Tensor:
    """With class weights and label smoothing."""
    weights = torch.tensor(options.get("class_weights") or [1.0] * z.shape[-1]).double()
    smoothing = options.get("label_smoothing", 0)
    smoothed = (1 - smoothing) * y.shares + smoothing / z.shape[-1]
    terms = -(smoothed * weights * functional.log_softmax(z, -1)).sum(-1)
    return y.mean(terms, y.shares @ weights)


def focal(z: Tensor, y: Targets, options: dict[str, Any], gamma: float | None = None) -> Tensor:
    """Of the softmax, or of the sigmoid of a single output."""
    gamma = options["gamma"] if gamma is None else gamma
    shares = y.shares
    if z.shape[-1] == 1:
        z = torch.cat([torch.zeros_like(z), z], -1)
        shares = torch.cat([1 - shares, shares], -1)
    weights = torch.tensor(options.get("class_weights") or [1.0] * z.shape[-1]).double()
    log_p = functional.log_softmax(z, -1)
    rest = -torch.expm1(log_p)
    terms = -(shares * weights * rest.clamp_min(1e-300) ** gamma * log_p).sum(-1)
    return y.mean(terms, shares @ weights)


def tversky(z: Tensor, y: Targets, options: dict[str, Any], alpha: float, beta: float) -> Tensor:
    """The mean over classes, then over images."""
    counts = y.counts[..., None]
    p = (torch.sigmoid(z) if z.shape[-1] == 1 else functional.softmax(z, -1)) * counts
    t = y.shares * counts
    both = (p * t).sum(1)
    wrong, missed = p.sum(1) - both, t.sum(1) - both
    # Dice's smoothing is that of twice the sums.
    smooth = options.get("smooth", 1.0) / (1 if "alpha" in options else 2)
    index = (both + smooth) / (both + alpha * wrong + beta * missed + smooth)
    weights = torch.tensor(options.get("class_weights") or [1.0] * z.shape[-1]).double()
    by_image = ((1 - index) * weights).sum(1) / weights.sum()
    return (y.images * by_image).sum() / y.images.sum()


def loss_of(kind: str, z: Tensor, y: Targets, options: dict[str, Any]) -> Tensor:
    """The loss of one output, (images, positions, outputs)."""
    if kind == "cross_entropy":
        return cross_entropy(z, y, options)
    if kind == "focal":
        return focal(z, y, options)
    if kind in ("dice", "tversky"):
        return tversky(z, y, options, options.get("alpha", 0.5), options.get("beta", 0.5))
    if kind == "sum":
        dice = tversky(z, y, options, 0.5, 0.5)
        return cross_entropy(z, y, options) + 0.7 * dice + 1.3 * focal(z, y, options, 2)
    distance = z - y.shares
    terms = {
        "binary_cross_entropy": lambda: functional.binary_cross_entropy_with_logits(
            z, y.shares, reduction="none"
        ),
        "mse": lambda: distance**2,
        "l1": lambda: distance.abs(),
        "huber": lambda: functional.huber_loss(z, y.shares, delta=0.4, reduction="none"),
    }[kind]()
    return (y.images * terms.mean((1, 2))).sum() / y.images.sum()


def difference(file: Path) -> float:
    """The largest difference of the loss and the gradients of a graph."""
    case = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    arrays = np.load(file)
    parameters = {
        name: torch.tensor(arrays[f"p_{name}"], dtype=torch.float64, requires_grad=True)
        for name in case["parameters"]
    }
    numbers = {"conv2d": 0, "dense": 0}

    def next_of(kind: str) -> list[Tensor]:
        numbers[kind] += 1
        return [parameters[f"{kind}_{numbers[kind]}.{name}"] for name in ("weight", "bias")]

    def convolved(z: Tensor) -> Tensor:
        weight, bias = next_of("conv2d")
        return functional.conv2d(z, weight.permute(3, 2, 0, 1), bias, padding=len(weight) // 2)

    inputs = {
        name.removeprefix("x_"): torch.from_numpy(arrays[name]).double().movedim(-1, 1)
        for name in arrays.files
        if name.startswith("x_")
    }
    merges = case["merges"].items()
    z = torch.cat([inputs["image"], *(inputs[name] for name, how in merges if how == "concat")], 1)
    for _, activation in case["trunk"]:
        z = convolved(z)
        z = {"relu": torch.relu, "tanh": torch.tanh, "none": lambda z: z}[activation](z)
    for name, how in merges:
        if how == "add":
            z = z + convolved(inputs[name])
    features = z.mean((2, 3))
    images = torch.from_numpy(arrays["weights"]).float().double()
    total = torch.zeros((), dtype=torch.float64)
    for head in case["heads"]:
        if head["is_map"]:
            output = convolved(z).movedim(1, -1)
        else:
            weight, bias = next_of("dense")
            output = features @ weight + bias
        size = output.shape[-1]
        targets = Targets(arrays[f"y_{head['name']}"], head["options"], size, images)
        flat = output.reshape(len(output), -1, size)
        total = total + head["weight"] * loss_of(head["kind"], flat, targets, head["options"])
    found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    expected = np.concatenate(
        [
            (torch.zeros_like(own) if each is None else each).numpy(force=True).ravel()
            for own, each in zip(parameters.values(), found, strict=True)
        ]
    )
    value = float(total.detach())
    of_loss = abs(float(arrays["loss"]) - value) / max(1, abs(value))
    of_gradients = np.abs(arrays["gradients"] - expected).max() / max(1, np.abs(expected).max())
    return float(max(of_loss, of_gradients))


def main() -> int:
    """Write the difference of every graph of the folder."""
    folder = Path(sys.argv[1])
    files = sorted(folder.glob("*.npz"), key=lambda file: int(file.stem))
    np.save(folder / "errors.npy", np.array([difference(file) for file in files]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
