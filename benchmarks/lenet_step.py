"""LeNet-5's train step at batch 64 against PyTorch's best layout; goal: no slower.

    python -m benchmarks.lenet_step --torch-python /path/to/venv/bin/python [--threads 1,2]
    [--rounds 5]

Each contestant runs in a process of its own (two OpenMP runtimes in one process spoil each other),
the contestants in turn, and the ratio is formed within each round; the medians over the rounds
count. All start from the same weights and must report the same losses. Exits 1 when cnnx is slower
than the better of PyTorch's layouts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BATCH = 64
GOAL = 1.0
CONTESTANTS = ("cnnx", "torch-nchw", "torch-channels_last")
SHAPES = {
    "conv2d_1": (5, 5, 1, 6),
    "conv2d_2": (5, 5, 6, 16),
    "dense_1": (400, 120),
    "dense_2": (120, 84),
    "dense_3": (84, 10),
}


def weights_and_batch() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The same start for all: weights in cnnx's layout, pictures (batch, 28, 28, 1), labels."""
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, np.sqrt(1 / np.prod(shape[:-1])), shape).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    pictures = random.random((BATCH, 28, 28, 1), dtype=np.float32)
    return weights, pictures, random.integers(0, 10, BATCH)


def cnnx_step(threads: int) -> Callable[[], float]:
    """One SGD-momentum step of cnnx."""
    import cnnx

    cnnx.set_num_threads(threads)
    weights, x, y = weights_and_batch()
    model = cnnx.models.lenet5((28, 28, 1), 10)
    for name, weight in weights.items():
        model.parameters[f"{name}.weight"] = weight
        model.parameters[f"{name}.bias"] = np.zeros(weight.shape[-1])
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.01, momentum=0.9))
    return lambda: trainer.step(x, y)


def torch_step(threads: int, channels_last: bool) -> Callable[[], float]:
    """One SGD-momentum step of PyTorch in eager mode."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    weights, pictures, labels = weights_and_batch()
    layers = [
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    ]
    with torch.no_grad():
        trained = [layer for layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear))]
        for layer, (name, weight) in zip(trained, weights.items(), strict=True):
            if weight.ndim == 4:
                weight = weight.transpose(3, 2, 0, 1)
            else:
                # Flatten reads height, width, channels here and channels, height, width there.
                if name == "dense_1":
                    weight = weight.reshape(5, 5, 16, 120).transpose(2, 0, 1, 3).reshape(400, 120)
                weight = weight.T
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            layer.bias.zero_()
    model = nn.Sequential(*layers)
    x = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    y = torch.from_numpy(labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def work(contestant: str, threads: int, seconds: float) -> None:
    """Prints the first losses and the median milliseconds of a step as JSON."""
    if contestant == "cnnx":
        step = cnnx_step(threads)
    else:
        step = torch_step(threads, contestant == "torch-channels_last")
    losses = [step() for _ in range(20)]
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    print(json.dumps({"losses": losses, "milliseconds": 1000 * statistics.median(times)}))


def run(contestant: str, threads: int, seconds: float, torch_python: str) -> dict[str, object]:
    """One contestant in a process of its own."""
    python = sys.executable if contestant == "cnnx" else torch_python
    command = [python, str(Path(__file__)), "--work", contestant, "--threads", str(threads)]
    result = subprocess.run(
        [*command, "--seconds", str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def compare(threads: int, rounds: int, seconds: float, torch_python: str) -> float:
    """The median over rounds of (better PyTorch layout / cnnx), printed with the times."""
    times: dict[str, list[float]] = {contestant: [] for contestant in CONTESTANTS}
    ratios = []
    for _ in range(rounds):
        results = {each: run(each, threads, seconds, torch_python) for each in CONTESTANTS}
        for each, result in results.items():
            np.testing.assert_allclose(result["losses"], results["cnnx"]["losses"], rtol=1e-3)
            times[each].append(float(result["milliseconds"]))  # type: ignore[arg-type]
        ratios.append(min(times[each][-1] for each in CONTESTANTS[1:]) / times["cnnx"][-1])
    for each in CONTESTANTS:
        print(f"threads {threads}  {each:20} {statistics.median(times[each]):8.3f} ms")
    ratio = statistics.median(ratios)
    print(f"threads {threads}  PyTorch's best layout / cnnx = {ratio:.2f} (goal {GOAL:.1f})")
    return ratio


def main() -> int:
    """Runs the comparison, or one contestant's work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", help="a Python that has PyTorch")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each contestant's turn")
    parser.add_argument("--work", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, int(arguments.threads), arguments.seconds)
        return 0
    if not arguments.torch_python:
        parser.error("--torch-python is needed: a Python that has PyTorch")
    ratios = [
        compare(int(threads), arguments.rounds, arguments.seconds, arguments.torch_python)
        for threads in arguments.threads.split(",")
    ]
    return 0 if min(ratios) >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
