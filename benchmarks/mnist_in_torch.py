"""The training of `cnnx train MNIST --model lenet` in plain PyTorch: the peer of `mnist_training`.

    python mnist_in_torch.py FOLDER MODEL.pt [--epochs 3]

Written for speed: NumPy reads the files, the images stay bytes, batches are gathered whole, and
there are no worker processes. Batch size, optimizer, learning rates, the validation split of a
tenth measured after every epoch, the saved model and the test are those of the command.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

BATCH = 64
EVALUATED_AT_ONCE = 1000
RATE, LAST_RATE = 2e-3, 4e-4  # a fifth of the rate in the last third of the epochs
VALIDATION = 0.1


def read(folder: Path, name: str) -> torch.Tensor:
    """One IDX file of bytes: a header of the number of axes and their lengths, then the values."""
    content = gzip.decompress((folder / f"{name}.gz").read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4).astype(int)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    return torch.from_numpy(values.reshape(shape).copy())


def lenet() -> nn.Sequential:
    """The network of `cnnx.models.lenet5`."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, 10),
    )


def floats(images: torch.Tensor) -> torch.Tensor:
    """Bytes as (batch, 1, height, width) in [0, 1]."""
    return images.unsqueeze(1).float().div_(255)


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """The accuracy."""
    correct = 0
    with torch.inference_mode():
        for rows in torch.arange(len(x)).split(EVALUATED_AT_ONCE):
            images, labels = x[rows], y[rows]
            correct += int((model(floats(images)).argmax(1) == labels).sum())
    return correct / len(y)


def train(
    model: nn.Module, x: torch.Tensor, y: torch.Tensor, optimizer: torch.optim.Optimizer
) -> float:
    """Train one epoch in a new order; returns its mean loss."""
    loss_function = nn.CrossEntropyLoss()
    total = 0.0
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(floats(x[rows])), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(x)


def main() -> None:
    """Train, save and test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    x = read(arguments.folder, "train-images-idx3-ubyte")
    y = read(arguments.folder, "train-labels-idx1-ubyte").long()
    order = torch.randperm(len(x))
    held = round(len(x) * VALIDATION)
    validation, rest = (x[order[:held]], y[order[:held]]), (x[order[held:]], y[order[held:]])
    model = lenet()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for epoch in range(arguments.epochs):
        if epoch == arguments.epochs - arguments.epochs // 3:
            optimizer.param_groups[0]["lr"] = LAST_RATE
        loss = train(model, *rest, optimizer)
        print(f"epoch {epoch + 1} loss {loss:.4f} accuracy {accuracy(model, *validation):.2%}")
    torch.save(model.state_dict(), arguments.model)
    x = read(arguments.folder, "t10k-images-idx3-ubyte")
    y = read(arguments.folder, "t10k-labels-idx1-ubyte").long()
    print(f"test accuracy {accuracy(model, x, y):.2%}")


if __name__ == "__main__":
    main()
