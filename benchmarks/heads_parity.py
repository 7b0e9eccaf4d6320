"""Goal: losses and gradients of graphs with several inputs and outputs are PyTorch's in float64.

    python -m benchmarks.heads_parity --peer-python ~/peers/bin/python [--graphs 300] [--seed 0]

Draws one to three inputs, a trunk of convolutions, one to four outputs of images or positions, and
for each a loss with random options: class weights, ignored labels, label smoothing, soft labels,
weights of images and of outputs, shards. PyTorch computes the same in double precision
(`benchmarks.heads_in_torch`).
Exits 1 if a loss or gradient differs by more than 1e-5, of the largest one above 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
from cnnx.losses import Dice, Focal, Sum, Tversky

from benchmarks.options import add_peer_python
from benchmarks.real_weights import run_peer

LARGEST_ERROR = 1e-5
OF_CLASSES = ("cross_entropy", "focal", "dice", "tversky", "sum")


class Draw:
    """Random choices of one graph."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def integer(self, least: int, most: int) -> int:
        """An integer, both limits included."""
        return int(self.random.integers(least, most + 1))

    def number(self, least: float, most: float) -> float:
        """A number with two decimals."""
        return float(np.round(self.random.uniform(least, most), 2))

    def one_of(self, *choices: Any) -> Any:
        """One of the choices."""
        return choices[self.integer(0, len(choices) - 1)]

    def chance(self, share: float) -> bool:
        """Whether something with this probability happens."""
        return bool(self.random.random() < share)


def drawn_kind(draw: Draw, is_map: bool, outputs: int, is_alone: bool) -> str:
    """The kind of a loss that fits an output."""
    kinds = ["binary_cross_entropy", "mse", "l1", "huber", "focal", "focal"]
    if outputs > 1:
        kinds += ["cross_entropy"] * 2
    if is_map:
        kinds += ["dice", "tversky"] * 2
    if is_map and outputs > 1 and is_alone:
        kinds += ["sum"] * 4
    return str(draw.one_of(*kinds))


def drawn_options(draw: Draw, kind: str, outputs: int, is_alone: bool) -> dict[str, Any]:
    """Options of a loss as both sides read them."""
    options: dict[str, Any] = {}
    by_class = kind in OF_CLASSES and outputs > 1
    if by_class and draw.chance(0.4):
        options["ignore_index"] = draw.one_of(-100, 255, 0)
    if kind in OF_CLASSES and kind != "sum" and draw.chance(0.5):
        count = max(2, outputs) if kind == "focal" else outputs
        options["class_weights"] = [draw.number(0.1, 2) for _ in range(count)]
    if kind == "cross_entropy":
        options["label_smoothing"] = draw.one_of(0, 0.1, 0.3)
        if is_alone and "ignore_index" not in options:
            options["soft"] = draw.chance(0.4)
    if kind == "focal":
        options["gamma"] = draw.one_of(0, 0.5, 1, 2, 3.3)
    if kind in ("dice", "tversky"):
        options["smooth"] = draw.one_of(1e-5, 0.5, 1, 3)
    if kind == "tversky":
        options |= {"alpha": draw.number(0, 1), "beta": draw.number(0.1, 1)}
    return options


def loss_of(kind: str, options: dict[str, Any]) -> cnnx.Loss:
    """The loss of cnnx."""
    given = {name: value for name, value in options.items() if name != "soft"}
    if kind == "sum":
        terms = [(cnnx.CrossEntropy(**given), 1), (Dice(**given), 0.7), (Focal(2, **given), 1.3)]
        return Sum(terms)
    if kind == "huber":
        return cnnx.Huber(0.4)
    makers: dict[str, Any] = {
        **{"cross_entropy": cnnx.CrossEntropy, "focal": Focal, "dice": Dice, "tversky": Tversky},
        **{"binary_cross_entropy": cnnx.BinaryCrossEntropy, "mse": cnnx.MSE, "l1": cnnx.L1},
    }
    loss: cnnx.Loss = makers[kind](**given)
    return loss


def drawn_targets(
    draw: Draw, kind: str, options: dict[str, Any], shape: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """Targets of a batch of outputs of this shape."""
    *rows, outputs = shape
    if kind not in OF_CLASSES or outputs == 1:
        return draw.random.random(shape).astype(np.float32)
    if options.get("soft"):
        return draw.random.dirichlet(np.ones(outputs), rows).astype(np.float32)
    labels = draw.random.integers(0, outputs, rows)
    ignored = options.get("ignore_index")
    return labels if ignored is None else np.where(draw.random.random(rows) < 0.3, ignored, labels)


def drawn_inputs(draw: Draw, image: cnnx.Input) -> tuple[dict[str, cnnx.Input], dict[str, str]]:
    """Inputs by name, and where those after the first are merged: before the trunk or after it."""
    inputs, merges = {"image": image}, {}
    for number in range(draw.one_of(0, 0, 1, 2)):
        name = f"input{number}"
        inputs[name] = cnnx.Input((*image.shape[:2], draw.integer(1, 3)))
        merges[name] = draw.one_of("concat", "add")
    return inputs, merges


def write_case(draw: Draw, file: Path) -> None:
    """Write a random graph with its targets, loss and gradients."""
    height, width, channels = draw.integer(3, 8), draw.integer(3, 8), draw.integer(1, 3)
    count = draw.integer(1, 5)
    image = cnnx.Input((height, width, channels))
    inputs, merges = drawn_inputs(draw, image)
    concatenated = [inputs[name] for name, merge in merges.items() if merge == "concat"]
    maps: Any = cnnx.Concat()(image, *concatenated) if concatenated else image
    trunk = []
    for _ in range(draw.integer(1, 3)):
        out, kernel = draw.integer(2, 6), draw.one_of(1, 3)
        activation = draw.one_of("relu", "tanh", "none")
        maps = cnnx.Conv2d(out, kernel, padding="same")(maps)
        if activation != "none":
            maps = (cnnx.ReLU() if activation == "relu" else cnnx.Tanh())(maps)
        trunk.append([kernel, activation])
    for name, merge in merges.items():
        if merge == "add":
            maps = cnnx.Add()(maps, cnnx.Conv2d(out, 1)(inputs[name]))
    features = cnnx.GlobalAvgPool2d()(maps)
    names = [f"output{number}" for number in range(draw.integer(1, 4))]
    outputs, losses, targets, heads = {}, {}, {}, []
    for name in names:
        is_map, size = draw.chance(0.6), draw.integer(1, 4)
        outputs[name] = cnnx.Conv2d(size, 1)(maps) if is_map else cnnx.Dense(size)(features)
        kind = drawn_kind(draw, is_map, size, len(names) == 1)
        options = drawn_options(draw, kind, size, len(names) == 1)
        weight = draw.number(0.2, 3) if len(names) > 1 else 1.0
        losses[name] = (loss_of(kind, options), weight)
        shape = (count, height, width, size) if is_map else (count, size)
        targets[name] = drawn_targets(draw, kind, options, shape)
        heads.append(
            {"name": name, "is_map": is_map, "kind": kind, "options": options, "weight": weight}
        )
    only = names[0]
    graph: Any = outputs if len(names) > 1 else outputs[only]
    given: Any = inputs if merges else image
    model = cnnx.Model.from_graph(given, graph, seed=draw.integer(0, 10**6))
    images = {
        name: draw.random.random((count, *each.shape), np.float32) for name, each in inputs.items()
    }
    x: Any = images if merges else images["image"]
    weights = draw.random.random(count) * 2 if draw.chance(0.3) else None
    loss: Any = losses if len(names) > 1 else losses[only][0]
    y: Any = targets if len(names) > 1 else targets[only]
    trainer = cnnx.Trainer(model, loss=loss, shards=draw.one_of(1, 1, 2, 3))
    value = trainer.compute_gradients(x, y, sample_weight=weights)
    arrays: dict[str, Any] = {f"y_{name}": each for name, each in targets.items()}
    arrays |= {f"p_{name}": each for name, each in model.parameters.items()}
    arrays |= {f"x_{name}": each for name, each in images.items()}
    np.savez(
        file,
        loss=value,
        gradients=trainer.gradients,
        weights=np.ones(count) if weights is None else weights,
        **arrays,
    )
    description = {
        **{"trunk": trunk, "merges": merges, "heads": heads},
        "parameters": list(model.parameters),
    }
    file.with_suffix(".json").write_text(json.dumps(description), encoding="utf-8")


def main() -> int:
    """Compare; return 1 if a loss or gradient differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_peer_python(parser)
    parser.add_argument("--graphs", type=int, default=300, help="number of random graphs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first graph")
    options = parser.parse_args()
    if options.peer_python is None:
        print("no --peer-python: nothing to compare with")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(options.graphs):
            write_case(Draw(options.seed + number), folder / f"{number}.npz")
        run_peer(options.peer_python, "heads_in_torch", folder)
        errors = np.load(folder / "errors.npy")
    worst = int(errors.argmax())
    met = bool(errors[worst] <= LARGEST_ERROR)
    print(
        f"{len(errors)} graphs: largest difference {errors[worst]:.1e} (seed "
        f"{options.seed + worst}), goal at most {LARGEST_ERROR:.0e}: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
